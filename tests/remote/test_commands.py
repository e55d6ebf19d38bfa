"""Commands with the address of an API: what reads and changes works, what needs the database says so in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.errors import BadSettings
from leasehold.flow.tokens import Made
from leasehold.ports.access import Role
from leasehold.remote import connect
from leasehold.settings import read_settings
from leasehold.testing.ledger_bench import Moves
from leasehold.web.application import create_app
from leasehold.web.guard import Access
from leasehold.web.source import Source
from tests.cli.conftest import Command, commands_in
from tests.database.sqlite_bench import SqliteBench
from tests.web.conftest import made, writing
from tests.web.serving import on_a_port

JOBS = """
from leasehold import App

app = App("far")

@app.task(lease="1m")
def work(number: int) -> int:
    return number
"""


@pytest.fixture
def near(tmp_path: Path) -> Iterator[SqliteBench]:
    """The ledger behind the API."""
    bench = SqliteBench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def token(near: SqliteBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """An operator's, while the API is there and the settings name it."""
    store, tokens = MemoryStore(), DatabaseTokens(near.database)
    source = Source(near.views, lambda: store, writing(near, store))
    app = create_app(source, access=Access(tokens, everybody=False), hosts=None)
    operator = made(tokens, "otto", Role.OPERATOR)
    with on_a_port(app) as url:
        monkeypatch.setenv("LEASEHOLD_LEDGER", url)
        monkeypatch.setenv("LEASEHOLD_TOKEN", operator.text)
        yield operator


@pytest.fixture
def run(token: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "jobs.py").write_text(JOBS)
    return commands_in(folder, monkeypatch, capsys)


def test_what_is_read_and_changed_is_read_and_changed_over_http(run: Command, near: SqliteBench) -> None:
    moves = Moves(near)
    done, failed = moves.out(2, batch="b")
    for task_id in (done, failed):
        moves.apply(task_id, moves.started())
    moves.complete(done, '"hello"')
    moves.apply(failed, moves.failed())
    submitted = run("submit", "jobs.py:work", "number=3").out.strip()
    shown = near.views.task(submitted)
    assert shown is not None
    assert shown.arguments == '{"number":3}'
    assert [each["id"] for each in run("tasks", "ls", "--json").lines] == [submitted, failed, done]
    story = run("tasks", "show", failed[-10:], "--json").json
    assert (story["id"], story["arguments"], len(story["runs"])) == (failed, {"source": "a.wav"}, 1)
    assert "failed" in run("why", failed).out
    assert run("wait", done, "--json").json["completed"] == 1
    assert run("batch", "show", "b", "--json").json["counts"]["completed"] == 1
    assert run("failures", "--json").out
    assert run("tasks", "cancel", submitted, "--yes", "--reason", "late").code == 0
    assert near.views.audit(submitted)[-1].detail == "cancelled by otto from 127.0.0.1: late"
    assert run("tasks", "cancel", "--filter", "batch:b", "--yes").code == 0
    assert [(each.kind, each.by) for each in near.views.operations()] == [("cancel", "otto from 127.0.0.1")]
    assert run("queue", "pause", "default").code == 0
    assert [queue.paused for queue in near.views.queues()] == [True]
    for words in (["queue", "ls"], ["batch", "ls"], ["workers", "ls"], ["operations", "ls"], ["top", "--once"]):
        assert run(*words).code == 0, words
    assert not list(Path.cwd().glob("*.db")), "no ledger is made here"


@pytest.mark.parametrize(
    "words",
    [
        ("orchestrator",),
        ("worker", "--app", "jobs.py"),
        ("dashboard",),
        ("init",),
        ("migrate", "--yes"),
        ("tokens", "ls"),
        ("prune", "--before", "30d", "--yes"),
        ("audit",),
        ("cost",),
        ("leases",),
        ("tasks", "export"),
        ("doctor",),
    ],
)
def test_what_needs_the_database_says_so(run: Command, words: tuple[str, ...]) -> None:
    said = run(*words)
    assert said.code in (1, 2, 3)
    assert "postgresql://" in said.err + said.out
    assert "Traceback" not in said.err
    assert "this should not have happened" not in said.err
    assert not list(Path.cwd().glob("*.db"))


def test_a_token_is_shown_nowhere(run: Command, token: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings()
    assert token.text not in repr(settings) + settings.ledger_shown
    monkeypatch.setenv("LEASEHOLD_TOKEN", f"{token.text} ä")
    said = run("tasks", "ls")
    assert said.code == 2
    assert "LEASEHOLD_TOKEN in the environment takes" in said.err
    assert token.text not in said.err
    monkeypatch.setenv("LEASEHOLD_TOKEN", "lh_wrong")
    said = run("tasks", "ls")
    assert (said.code, "lh_wrong" in said.err) == (2, False)
    assert "no token of this ledger" in said.err
    monkeypatch.delenv("LEASEHOLD_TOKEN")
    assert "Set LEASEHOLD_TOKEN" in run("tasks", "ls").err


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://a.example.org/", "https://a.example.org"),
        ("http://[::1]:8300/api/v1", "http://[::1]:8300"),
        ("https://a.example.org/jobs", "https://a.example.org/jobs"),
        ("https://ann:secret@a.example.org", None),
        ("https://a.example.org?x=1", None),
        ("https://a.example.org:99999", None),
        ("https://", None),
    ],
)
def test_the_address_of_an_api_is_that_and_nothing_else(written: str, read: str | None, tmp_path: Path) -> None:
    if read is not None:
        settings = read_settings(environ={}, folder=tmp_path, ledger=written)
        assert (settings.api, settings.ledger_path, settings.store, settings.embedded) == (read, None, "", False)
        return
    with pytest.raises(BadSettings) as raised:
        read_settings(environ={}, folder=tmp_path, ledger=written)
    assert "secret" not in str(raised.value)


def test_without_the_extra_it_is_said_what_to_install(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    for name in [name for name in sys.modules if name.startswith("leasehold.remote.")]:
        monkeypatch.delitem(sys.modules, name)
    assert "pip install 'leasehold[remote]'" in run("tasks", "ls").err
    with pytest.raises(BadSettings, match=r"pip install 'leasehold\[remote\]'"):
        connect("http://127.0.0.1:1")


def test_a_database_is_no_api() -> None:
    with pytest.raises(BadSettings, match="no address of an API"):
        connect("sqlite:///jobs.db")
