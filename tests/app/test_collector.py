"""Python's collector of cycles in the processes that serve."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leasehold.adapters.collector import COLLECTED_AFTER

SERVES = """
import gc, sys
from leasehold import assemble
from leasehold.flow.service import Stop
from leasehold.settings import read_settings
stop = Stop()
def ready():
    print(gc.get_threshold()[0], gc.get_freeze_count() > 0)
    stop.ask("it was seen")
settings = read_settings(environ={}, ledger=sys.argv[2], app=sys.argv[3])
getattr(assemble, "run_" + sys.argv[1])(settings, stop, ready=ready)
"""


@pytest.mark.parametrize("role", ["orchestrator", "worker"])
def test_whoever_serves_lets_the_collector_look_seldom(role: str, tmp_path: Path) -> None:
    application = tmp_path / "jobs.py"
    application.write_text("from leasehold import App\napp = App('a')\n@app.task()\ndef work() -> None: ...\n")
    ledger = f"sqlite:///{tmp_path}/jobs.db"
    said = subprocess.run(
        [sys.executable, "-c", SERVES, role, ledger, str(application)], capture_output=True, text=True, check=False
    )
    assert said.stdout.split() == [str(COLLECTED_AFTER), "True"], said.stderr
