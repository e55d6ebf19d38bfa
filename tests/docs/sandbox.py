"""An empty folder in which a reader of the documentation tries things out."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.tooling.repository import ROOT

PATIENCE = 100
"""Seconds: a bound for what hangs."""


class Sandbox:
    """Runs commands as somebody would who has just installed this Leasehold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "here"
        self.folder.mkdir()
        self._programs = folder / "programs"
        self._programs.mkdir()
        leasehold = self._programs / "leasehold"
        leasehold.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m leasehold "$@"\n')
        leasehold.chmod(0o700)

    def write(self, name: str, text: str) -> None:
        """Save a file."""
        (self.folder / name).write_text(text)

    def python(self, name: str) -> list[str]:
        """Run a script; the lines that it prints."""
        return self.run(sys.executable, name)

    def shell(self, line: str) -> list[str]:
        """Run a line of shell; the lines that it prints."""
        return self.run("/bin/sh", "-c", line)

    def ledger(self, query: str) -> list[tuple[object, ...]]:
        """Ask the ledger that was made."""
        with closing(sqlite3.connect(self.folder / "leasehold.db")) as connection:
            return connection.execute(query).fetchall()

    def run(self, *command: str) -> list[str]:
        """Run a command that has to succeed; the lines that it prints."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout.splitlines()

    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
        path = f"{self._programs}{os.pathsep}{os.environ['PATH']}"
        return {**others, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
