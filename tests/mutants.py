"""What both mutation checks share: a copy of the package with a change in it, and pytest on that copy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "leasehold"


class Mutant(NamedTuple):
    """One rule less: in ``file`` of the package, ``old`` becomes ``new``, and each of ``tests`` fails."""

    rule: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def lay_out(folder: Path, part: str) -> Path:
    """The package in ``folder``, with a copy of this part of it (the rest are links); where the package is now."""
    package = folder / "leasehold"
    package.mkdir()
    for each in PACKAGE.iterdir():
        if each.name == part:
            shutil.copytree(each, package / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (package / each.name).symlink_to(each)
    return package


def options(folder: Path | str, timeout: int = 60) -> list[str]:
    """Arguments for pytest: the package is the one in ``folder``. ``timeout``: s for each test."""
    return ["-q", "-p", "no:xdist", "-o", f"pythonpath={folder} .", "--timeout", str(timeout)]
