"""The files of this repository, for tests that hold all of them to something."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def files(*patterns: str) -> list[Path]:
    """The files that git tracks or would add, in a checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],  # noqa: S607 - git from PATH
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def texts(*patterns: str) -> list[tuple[str, str]]:
    """Name and text of each file that is text."""
    found: list[tuple[str, str]] = []
    for path in files(*patterns):
        content = path.read_bytes()
        if b"\0" not in content:
            found.append((str(path.relative_to(ROOT)), content.decode()))
    return found


def lines(*patterns: str) -> list[tuple[str, str]]:
    """Place (`file:line`) and text of each line."""
    return [
        (f"{name}:{number}", line)
        for name, text in texts(*patterns)
        for number, line in enumerate(text.splitlines(), start=1)
    ]
