"""The audit of dependencies fails for what it finds, and only says loudly what it could not look at.

The database and pip-audit are shell scripts here: what they may answer.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tooling.repository import ROOT

CLEAN = "echo No known vulnerabilities found"
FOUND = "echo 'Found 1 known vulnerability in 1 package'; exit 1"
BROKEN = "echo 'ServiceError: 503'; exit 1"
HANGS = "exec tail -f /dev/null"


def audited(folder: Path, *, reached: bool = True, says: str = CLEAN) -> subprocess.CompletedProcess[str]:
    """What the script says and how it ends, where the database and pip-audit answer so."""
    python, audit = folder / "python", folder / "audit"
    python.write_text(f"#!/bin/sh\ncat >/dev/null\nexit {0 if reached else 1}\n")
    (audit / "bin").mkdir(parents=True)
    (audit / "bin" / "python").write_text(f"#!/bin/sh\n{says}\n")
    for program in (python, audit / "bin" / "python"):
        program.chmod(0o755)
    shutil.copy(ROOT / "requirements-audit.lock", audit / "lock")
    environment = {**os.environ, "PYTHON": str(python), "AUDIT": str(audit)}
    return subprocess.run(
        [ROOT / "scripts" / "audit-deps"], env=environment, capture_output=True, text=True, check=False
    )


def test_nothing_found_is_said_of_each_lock(tmp_path: Path) -> None:
    done = audited(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("No known vulnerabilities found") == len(list(ROOT.glob("requirements*.lock")))


def test_a_vulnerability_fails(tmp_path: Path) -> None:
    assert audited(tmp_path, says=FOUND).returncode == 1


def test_a_database_that_cannot_be_reached_fails_nothing_and_is_said_loudly(tmp_path: Path) -> None:
    done = audited(tmp_path, reached=False)
    assert done.returncode == 0
    assert "#### NOT AUDITED: the database of vulnerabilities cannot be reached" in done.stderr


@pytest.mark.parametrize("says", [BROKEN, HANGS])
def test_one_that_gives_up_or_hangs_in_the_middle_does_so_too(tmp_path: Path, says: str) -> None:
    done = audited(tmp_path, says=says)
    assert done.returncode == 0
    assert "#### NOT AUDITED: the audit of requirements" in done.stderr
