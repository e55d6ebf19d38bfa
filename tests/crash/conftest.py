"""The program that plays histories, in a process of its own: it forks, and pytest's workers have threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Playhouse:
    """Asks it for one piece of a site's points after the other."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._crossed: dict[str, list[dict[str, Any]]] = {}

    def ask(self, site: str, piece: int | None, pieces: int = 1) -> dict[str, Any]:
        """What came of every ``pieces``-th boundary, from ``piece`` on; of none, where there is no ``piece``."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([site, piece, pieces]) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
        except BaseException:  # a test that is over time must not leave its answer to the next
            process.kill()
            self.close()
            raise
        assert said, f"the program ended with status {process.wait(60)}: look at its error output"
        return json.loads(said)

    def crossed(self, site: str) -> list[dict[str, Any]]:
        """What a history without a death crosses."""
        if site not in self._crossed:
            self._crossed[site] = self.ask(site, None)["crossed"]
        return self._crossed[site]

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, "-m", "tests.crash", "--serve"]
            env = {**os.environ, "PYTHONPATH": "src"}
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self._process


@pytest.fixture(scope="session")
def playhouse() -> Iterator[Playhouse]:
    """Every site, with its servers."""
    playhouse = Playhouse()
    yield playhouse
    playhouse.close()
