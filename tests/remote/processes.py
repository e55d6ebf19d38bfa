"""A deployment of real processes whose ledger a client reaches over HTTP only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import leasehold
from leasehold.testing.postgres import free_port

PATIENCE = 60
"""Seconds: a bound for what hangs."""
JOBS = """
from pathlib import Path
from leasehold import App, Unrecoverable

app = App("far")

@app.task(lease="1m")
def double(number: int) -> int:
    return 2 * number

@app.task(lease="1m")
def hopeless() -> None:
    raise Unrecoverable("the file is damaged")

@app.task(lease="2m")
def wait_at(gate: str) -> str:
    return Path(gate).read_text()  # a pipe: until somebody writes into it
"""


def environment(**settings: str) -> dict[str, str]:
    """This process's, with these settings of Leasehold's and no others."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
    source = {"PYTHONPATH": str(Path(leasehold.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    return known | source | {f"LEASEHOLD_{name.upper()}": value for name, value in settings.items()}


class Deployment:
    """Processes in a folder of their own; its dashboard can be killed and comes back at the same address."""

    def __init__(self, folder: Path, ledger: str, jobs: str = JOBS) -> None:
        self.folder = folder
        self._here = environment(ledger=ledger, store=str(folder / "store"))
        self._all = ExitStack()
        (folder / "jobs.py").write_text(jobs)
        self._address = f"127.0.0.1:{free_port()}"  # one that no connection is given while the dashboard is away
        self.url = f"http://{self._address}"
        self._dashboard = self.dashboard()

    def dashboard(self) -> subprocess.Popen[str]:
        """Serve the ledger; returns when it does."""
        process = self._started("dashboard", "--address", self._address)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert re.search(r"http://127\.0\.0\.1:\d+", line), line
        return process

    def work(self) -> None:
        """Serve its tasks."""
        self._started("orchestrator")
        self._started("worker", "--app", "jobs.py")

    def kill(self) -> None:
        """The dashboard is gone from one moment to the next."""
        self._dashboard.kill()
        self._dashboard.wait(PATIENCE)

    def come_back(self) -> None:
        """It serves again."""
        self._dashboard = self.dashboard()

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A program or a command elsewhere: all that it knows is the address."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, *words],
            cwd=elsewhere,
            env=environment(ledger=self.url, **settings),
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE,
            check=False,
        )

    def close(self) -> None:
        """End everything."""
        self._all.close()

    def _started(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "leasehold", *words],
            cwd=self.folder,
            env=self._here,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._all.callback(ended, process)
        return process


def ended(process: subprocess.Popen[str]) -> None:
    """Kill it, if it is still there."""
    process.kill()
    process.wait(PATIENCE)
    if process.stderr is not None:
        process.stderr.close()
