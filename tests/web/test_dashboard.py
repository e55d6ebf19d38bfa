"""``leasehold dashboard`` as people start it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from leasehold.assemble import Parts
from leasehold.core.model import Policy
from leasehold.flow.client import Order
from leasehold.settings import read_settings
from tests.cli.conftest import Command, beside_a_ledger

PATIENCE = 60
SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, in a folder with a ledger."""
    return beside_a_ledger(tmp_path, monkeypatch, capsys)


@contextmanager
def served(folder: Path, *words: str, host: str = "127.0.0.1") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A dashboard in a process of its own, and its URL."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
    command = [sys.executable, "-m", "leasehold", "dashboard", "--address", f"{host}:0", *words]
    with subprocess.Popen(
        command, cwd=folder, env={**clean, "PYTHONPATH": str(SOURCE)}, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(rf"http://{re.escape(host)}:\d+", line)
            assert found is not None, line
            yield found[0], process
        finally:
            process.kill()


def submitted(folder: Path) -> str:
    """The id of a task in the ledger of that folder."""
    parts = Parts(read_settings(environ={}, folder=folder))
    try:
        return parts.client.submit(Order("convert", '{"source": "a.wav"}', Policy(60_000))).task_id
    finally:
        parts.close()


def get(url: str, token: str = "", **headers: str) -> dict[str, Any]:
    known = {"authorization": f"Bearer {token}"} if token else {}
    request = Request(url, headers=known | headers)  # noqa: S310 - as below
    with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - it is our own server
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_the_ledger_until_it_is_stopped(run: Command, tmp_path: Path, number: signal.Signals) -> None:
    id = submitted(tmp_path)
    with served(tmp_path) as (url, process):
        shown = get(f"{url}/api/v1/tasks/{id}")
        assert shown["arguments"] == {"source": "a.wav"}
        assert shown == run("tasks", "show", id, "--json").json
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere this machine has but one such address")
def test_another_address_of_this_machine_is_answered_by_its_own_name(tmp_path: Path) -> None:
    submitted(tmp_path)
    with served(tmp_path, host="127.0.0.2") as (url, _):
        assert get(f"{url}/api/v1/queues")["items"]
        with pytest.raises(HTTPError, match="400"):
            get(f"{url}/api/v1/queues", host="evil.example")


@pytest.mark.parametrize("host", ["[::]", "10.1.2.3", "example.com"])
def test_it_refuses_an_address_that_others_can_reach_where_nobody_could_log_in(run: Command, host: str) -> None:
    run("tokens", "make", "old", "--json")
    run("tokens", "revoke", "old")
    said = run("dashboard", "--address", f"{host}:8300")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"leasehold: other machines can reach {host.strip('[]')!r}, and nobody could log in there: there is no token. "
        "Make one: leasehold tokens make NAME --role operator. Or set LEASEHOLD_DASHBOARD_PROXIES; or stay on "
        "127.0.0.1 and use a tunnel: ssh -L 8300:127.0.0.1:8300 THIS-MACHINE\n"
    )


def test_with_a_token_it_takes_any_address_and_asks_everybody_for_one(run: Command, tmp_path: Path) -> None:
    """What an address that others can reach asks for; here on one that only this machine can."""
    token = run("tokens", "make", "ada", "--role", "operator").out.strip()
    (tmp_path / "leasehold.toml").write_text('dashboard_login = "always"\n')
    with served(tmp_path) as (url, _):
        with pytest.raises(HTTPError, match="401"):
            get(f"{url}/api/v1/queues")
        assert get(f"{url}/api/v1/queues", token) == {"items": []}
    said = run("dashboard", "--address", "192.0.2.1:8300")  # an address that no machine has
    assert "cannot listen on 192.0.2.1:8300" in said.err


def test_an_address_that_is_taken_is_said(run: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run("dashboard", "--address", f"127.0.0.1:{port}")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said.err


def test_a_ledger_that_is_not_there_is_said_at_once(run: Command) -> None:
    said = run("dashboard", "--ledger", "nowhere.db")
    assert said.code == 3
    assert "there is no ledger" in said.err


def test_without_the_extra_it_says_what_to_install(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("leasehold.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = run("dashboard")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "leasehold: the dashboard needs uvicorn, which is not installed: pip install 'leasehold[web]'\n"
    )


def test_programs_follow_the_counts(run: Command, tmp_path: Path) -> None:
    submitted(tmp_path)
    with served(tmp_path) as (url, _), urlopen(f"{url}/api/v1/live", timeout=PATIENCE) as answer:  # noqa: S310 - as above
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.readline() == b"event: tick\n"
        tick = json.loads(answer.readline().removeprefix(b"data: "))
        assert (tick["counts"], sorted(tick)) == ({"pending/due": 1}, ["at", "counts", "rest", "version"])
        with pytest.raises(HTTPError) as refused:
            get(f"{url}/api/v1/live?every=5")
        with refused.value:
            assert refused.value.code == 422
