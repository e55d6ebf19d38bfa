"""The dashboard that commands serve while they work."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import leasehold
from leasehold import beside
from leasehold.assemble import Parts
from leasehold.cli.watched import watched
from leasehold.core.errors import BadSettings
from leasehold.settings import read_settings

JOBS = """
from pathlib import Path
from leasehold import App

app = App("gated")

@app.task(lease="2m")
def wait_at(gate: str) -> str:
    return Path(gate).read_text()  # a pipe: until somebody writes into it
"""
PROGRAM = """
import sys
from leasehold.beside import dashboard_beside
from leasehold.settings import read_settings

with dashboard_beside(read_settings(environ={}, ledger="leasehold.db")) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def environ() -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
    return known | {
        "PYTHONPATH": str(Path(leasehold.__file__).parents[1]),
        "LEASEHOLD_DASHBOARD_ADDRESS": "127.0.0.1:0",
    }


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe at which a run of a batch of one waits."""
    (tmp_path / "jobs.py").write_text(JOBS)
    pipe = tmp_path / "gate"
    os.mkfifo(pipe)
    (tmp_path / "rows.csv").write_text(f"gate\n{pipe}\n")
    return pipe


def page(url: str) -> str:
    with urlopen(url, timeout=60) as answer:  # noqa: S310 - our own server, on this machine
        return answer.read().decode()


def test_a_run_serves_its_ledger_until_it_is_over(tmp_path: Path, gate: Path, environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "leasehold", "run", "jobs.py:wait_at", "rows.csv", "--batch", "b1", "--dashboard"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        (url,) = re.findall(r"^Watch it: (http://127\.0\.0\.1:\d+)$", process.stderr.readline(), re.MULTILINE)
        with gate.open("w") as opened:  # it opens when the run has come to it
            assert "b1" in page(f"{url}/api/v1/batches")
            assert "<html" in page(url)
            opened.write("done")
        process.stderr.read()
        assert process.wait() == 0
    with pytest.raises(URLError):
        page(url)


def test_it_ends_with_a_program_that_is_killed(tmp_path: Path, environ: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "leasehold", "init"], cwd=tmp_path, env=environ, check=True)
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert page(f"{url}/api/v1/queues")
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as kept:
            process.send_signal(signal.SIGKILL)
            with suppress(ConnectionResetError):  # it had not been taken yet
                assert kept.recv(1) == b"", "whoever is connected hears of its end"


def test_where_the_port_is_taken_it_is_another_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, beside.at_best(taken.getsockname()[1]) as found:
        assert found.getsockname()[1] != taken.getsockname()[1]


def test_a_child_that_cannot_serve_is_nothing_to_the_program(tmp_path: Path) -> None:
    settings = read_settings(
        environ={}, ledger=str(tmp_path / "none" / "leasehold.db"), dashboard_address="127.0.0.1:0"
    )
    with beside.dashboard_beside(settings) as url:
        assert url.startswith("http://127.0.0.1:")


def test_without_the_extra_it_is_served_to_nobody_and_asking_for_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(beside, "find_spec", lambda _: None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    settings = read_settings(environ={}, ledger=str(tmp_path / "leasehold.db"))
    with closing(Parts(settings)) as system:
        with watched(settings, system, wanted=None):
            assert capsys.readouterr().err == ""
        with (
            pytest.raises(BadSettings, match=r"pip install 'leasehold\[web\]'"),
            watched(settings, system, wanted=True),
        ):
            pass
