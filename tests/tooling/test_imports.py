"""The import contracts leave no module out."""

import tomllib
from typing import Any

import pytest

from tests.tooling.repository import ROOT

TOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS: list[dict[str, Any]] = TOOLS["importlinter"]["contracts"]
PACKAGE = ROOT / "src" / "leasehold"
FLEET = {"leasehold.flow.worker", "leasehold.flow.reporter", "leasehold.adapters.slots"}
LEDGER = {"leasehold.adapters.database", "leasehold.flow.recorder", "sqlalchemy", "sqlite3"}
WHOLE = {"leasehold.flow.worker", "leasehold.flow.recorder", "leasehold.app", "leasehold.cli"}


def exists(module: str) -> bool:
    path = ROOT.joinpath("src", *module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_every_top_level_module_has_its_layer() -> None:
    layers = next(contract for contract in CONTRACTS if contract["type"] == "layers")
    named = {name.strip(" ()") for layer in layers["layers"] for name in layer.split("|")}
    present = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert present - {"__init__", "__pycache__"} <= named
    assert layers["exhaustive"] is True


def test_the_fleet_is_kept_from_the_ledger() -> None:
    """Worker, reporter and slots need no database credentials, so they import nothing that would use them."""
    contract = next(contract for contract in CONTRACTS if "leasehold.flow.worker" in contract.get("source_modules", ()))
    assert set(contract["source_modules"]) >= FLEET
    assert set(contract["forbidden_modules"]) >= LEDGER


def test_once_the_road_is_whole_no_contract_names_a_module_that_is_not_there() -> None:
    """Contracts may be ahead of the code; a module that was renamed must not slip out of its contract."""
    if not all(exists(module) for module in WHOLE):
        pytest.skip("the road is still being built")
    named = {
        module
        for contract in CONTRACTS
        for side in ("source_modules", "forbidden_modules")
        for module in contract.get(side, ())
        if module.startswith("leasehold.")
    }
    assert {module for module in named if not exists(module)} == set()
