"""The import contracts leave no module out."""

import tomllib
from typing import Any

from tests.tooling.repository import ROOT

TOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS: list[dict[str, Any]] = TOOLS["importlinter"]["contracts"]
PACKAGE = ROOT / "src" / "leasehold"
FLEET = {"leasehold.flow.worker", "leasehold.flow.reporter", "leasehold.adapters.slots"}


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
    kept = {
        module
        for contract in CONTRACTS
        if contract["type"] == "forbidden" and "leasehold.adapters.database" in contract["forbidden_modules"]
        for module in contract["source_modules"]
    }
    assert {module for module in FLEET if exists(module)} <= kept
