"""The set-up finds an interpreter that runs, says what is missing, and does nothing twice.

Interpreters here are shell scripts: what a `python3` can be on somebody's machine.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tooling.repository import ROOT

SYSTEM = ("sh", "dirname", "sort", "tr", "id", "grep", "cat", "mkdir", "cp")
TOO_OLD = 'case "$1" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac\n'
SHIM = 'echo "pyenv: $0: command not found" >&2; exit 127\n'
NO_VENV = f'case "$*" in *ensurepip*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac\n'
MADE = (
    'case "$1 $2" in "-m venv") mkdir -p "$4/bin" && cp "$MADE" "$4/bin/python" ;; -m*) echo "$*" >>"$LOG" ;; '
    f'*) exec {sys.executable} "$@" ;; esac\n'
)
WORKING = (
    f'case "$1" in -m) mkdir -p "$4/bin" && echo "venv $0" >>"$LOG" && cp "$MADE" "$4/bin/python" ;; '
    f'*) exec {sys.executable} "$@" ;; esac\n'
)


class Machine:
    """A machine with only the programs that are put there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.venv = folder / "venv"
        self.log = folder / "log"
        self.made = self.program("made", MADE)
        for name in SYSTEM:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def program(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)
        return path

    def set_up(self, level: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": str(self.bin), "VENV": str(self.venv), "LOG": str(self.log), "MADE": str(self.made)}
        command = [str(ROOT / "scripts" / "set-up"), level]
        return subprocess.run(command, env=known | environment, capture_output=True, text=True, check=False)

    def installed(self) -> list[str]:
        """The lock files installed so far, in order."""
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        return [call.split()[-1] for call in calls if "--require-hashes" in call]

    def made_with(self) -> list[str]:
        """The interpreters that made an environment, in order."""
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        return [Path(call.removeprefix("venv ")).name for call in calls if call.startswith("venv ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_any_python_it_says_what_to_install(machine: Machine) -> None:
    answer = machine.set_up(PYTHON="python-of-nowhere")
    assert answer.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13; found: no Python that runs" in answer.stderr


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    machine.program("python3", TOO_OLD)
    answer = machine.set_up(PYTHON="python3")
    assert answer.returncode == 1
    assert "found: Python 3.9.2" in answer.stderr


def test_an_unfit_python3_and_a_dead_shim_are_passed_over(machine: Machine) -> None:
    machine.program("python3", TOO_OLD)
    machine.program("python3.13", SHIM)
    machine.program("python3.12", WORKING)
    assert machine.set_up().returncode == 0
    assert machine.made_with() == ["python3.12"]


def test_a_python_with_venv_is_preferred_to_one_without(machine: Machine) -> None:
    machine.program("python3", NO_VENV)
    machine.program("python3.11", WORKING)
    assert machine.set_up().returncode == 0
    assert machine.made_with() == ["python3.11"]


def test_a_missing_venv_module_is_named_where_it_cannot_be_installed(machine: Machine) -> None:
    machine.program("python3", NO_VENV)
    answer = machine.set_up(PYTHON="python3")
    assert answer.returncode == 1
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in answer.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root may install system packages")
def test_root_gets_the_missing_venv_module_from_apt(machine: Machine) -> None:
    machine.program("python3", NO_VENV)
    machine.program("apt-get", f'echo "apt-get $*" >>"$LOG"; cp "$WORKING" {machine.bin}/python3\n')
    working = machine.program("working", WORKING)
    assert machine.set_up(PYTHON="python3", WORKING=str(working)).returncode == 0
    assert f"install --yes --no-install-recommends python3.{sys.version_info.minor}-venv" in machine.log.read_text()
    assert machine.made_with() == ["python3"]


def test_a_second_set_up_does_nothing(machine: Machine) -> None:
    machine.program("python3", WORKING)
    assert machine.set_up().returncode == 0
    assert machine.set_up().returncode == 0
    assert machine.installed() == ["requirements.lock"]


def test_development_adds_to_what_runs_and_serves_it(machine: Machine) -> None:
    machine.program("python3", WORKING)
    for level in ("run", "dev", "run", "dev"):
        assert machine.set_up(level).returncode == 0
    assert machine.installed() == ["requirements.lock", "requirements-dev.lock", "requirements-ministack.lock"]
    assert machine.made_with() == ["python3"]


def test_another_interpreter_makes_another_environment(machine: Machine) -> None:
    machine.program("python3", WORKING)
    machine.program("python3.12", WORKING)
    assert machine.set_up().returncode == 0
    assert machine.set_up(PYTHON="python3.12").returncode == 0
    assert machine.made_with() == ["python3", "python3.12"]


def test_an_install_that_failed_is_done_again(machine: Machine) -> None:
    machine.program("python3", WORKING)
    machine.program("made", 'case "$1" in -m) exit 1 ;; *) exit 0 ;; esac\n')
    assert machine.set_up().returncode != 0
    machine.program("made", MADE)
    assert machine.set_up().returncode == 0
    assert machine.installed() == ["requirements.lock"]
