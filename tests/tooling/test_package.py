"""What is built and installed."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.tooling.repository import ROOT, files
from tests.tooling.test_locks import base_install

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    wanted = {str(path.relative_to(ROOT / "src")) for path in files("src/leasehold")}
    assert wanted
    assert wanted <= set(wheel.namelist())
    assert "leasehold/py.typed" in wheel.namelist()


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    info = f"leasehold-{PROJECT['version']}.dist-info"
    assert "leasehold = leasehold.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert f"{info}/licenses/LICENSE" in wheel.namelist()


def test_the_base_install_stays_within_100_megabytes() -> None:
    size = sum(
        Path(str(file.locate())).stat().st_size
        for name in base_install()
        for file in distribution(name).files or []
        if Path(str(file.locate())).is_file()
    )
    assert size <= 100 * MEGABYTE


def test_the_set_up_takes_the_pythons_that_the_package_takes() -> None:
    low, high = re.findall(r"\d+\.(\d+)", PROJECT["requires-python"])
    assert f"(3, {low}) <= sys.version_info[:2] <= (3, {int(high) - 1})" in (ROOT / "scripts" / "set-up").read_text()


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()
