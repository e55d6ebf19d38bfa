"""``leasehold top``: the whole deployment on one screen."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

import leasehold
from leasehold.assemble import Parts
from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.events import Cancelled, Completed, Dispatched, Failed, Started
from leasehold.core.model import Failure, FailureKind, Run
from leasehold.ports.views import FailureGroup, QueueView
from tests.cli.conftest import FakeSystem, Said, words
from tests.fakes import NOW, FakeViews, a_task

Command = Callable[..., Said]
RUN = Run(1, 1, "run1", "w1", NOW + 30_000, NOW - 90_000)
BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "not a \x1b[2J file", "jobs.py:transcribe", "Traceback ...")


@pytest.fixture
def views() -> FakeViews:
    views = FakeViews()
    sent, begun = (NOW - 95_000, Dispatched(NOW + 500_000)), (NOW - 90_000, Started(RUN))
    views.add(a_task(1, batch="november"), sent, begun, (NOW - 80_000, Completed(RUN, NOW - 80_000)))
    views.add(a_task(2), sent, begun, (NOW - 70_000, Failed(RUN, NOW - 70_000, BOOM, unrecoverable=True)))
    views.add(a_task(3), (NOW - 60_000, Cancelled("ann", "")))
    views.add(a_task(4), sent, (NOW - 5_000, Started(RUN)))
    views.add(a_task(5))
    views.groups = [FailureGroup("ab12", "transcribe", "ValueError", BOOM.message, "jobs.py:f", 1, NOW, NOW, "x")]
    return views


def test_into_a_file_it_looks_once(run: Command) -> None:
    lines = words(run("top").out)
    assert lines[0] == "1 pending 1 in progress 1 completed 1 failed 1 cancelled"
    assert lines[1] == "pending: 1 due"
    titles = [line for line in lines if "leasehold " in line]
    assert titles == [
        "Queues leasehold queue ls",
        "Batches leasehold batch ls",
        "Failures by cause leasehold failures",
    ]
    assert "not a \N{REPLACEMENT CHARACTER}[2J file" in "\n".join(lines), "shown, not obeyed"


def test_of_an_empty_ledger_it_says_that_nothing_waits(run: Command, views: FakeViews) -> None:
    views.rows.clear()
    views.groups.clear()
    assert words(run("top", "--once").out)[1:] == ["nothing waits"]


def looks(views: FakeViews, then: Callable[[int], None]) -> tuple[int, list[float]]:
    """``top --json``, until ``then`` ends it: it is called after each look."""
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        then(len(paused))

    tools = Tools(
        assemble=lambda _: cast("Parts", FakeSystem(views)), now=lambda: NOW + 1_000 * len(paused), pause=pause
    )
    return outcome(["top", "--json", "--every", "2s"], obj=tools), paused


@pytest.mark.usefixtures("run")
def test_programs_get_a_line_per_look_until_it_is_interrupted(
    views: FakeViews, capsys: pytest.CaptureFixture[str]
) -> None:
    def then(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt
        views.add(a_task(9 + number), (NOW, Cancelled("ann", "")))

    code, paused = looks(views, then)
    found = [Said(0, line, "").json for line in capsys.readouterr().out.splitlines()]
    assert (code, paused) == (0, [2.0, 2.0, 2.0])
    assert [look["counts"]["cancelled"] for look in found] == [1, 2, 3]
    assert [look["ended_per_second"] for look in found] == [0.0, 1.0, 1.0]
    assert found[0]["failures"][0]["group"] == "ab12"


@pytest.mark.parametrize("every", ["0s", "99ms"])
def test_a_ledger_is_not_asked_without_a_pause(run: Command, every: str) -> None:
    said = run("top", "--json", "--every", every)
    assert (said.code, said.out) == (2, "")
    assert f"'{every}' is too short; it takes at least 100 ms" in said.err


@pytest.mark.usefixtures("run")
def test_a_ledger_that_goes_away_ends_what_a_program_reads(
    views: FakeViews, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(_: FakeViews) -> list[QueueView]:
        raise LedgerUnavailable("the database is away")

    code, _ = looks(views, lambda _: monkeypatch.setattr(FakeViews, "queues", gone))
    assert code == 3
    assert "the database is away" in capsys.readouterr().err


def test_on_a_terminal_it_draws_until_ctrl_c_and_a_lost_ledger_is_told_above_what_was_seen_last(tmp_path: Path) -> None:
    ledger = tmp_path / "leasehold.db"
    submit = "from leasehold import App; app = App('a')\n@app.task()\ndef work() -> None: ...\nwork.submit()"
    environ = {**os.environ, "PYTHONPATH": str(Path(leasehold.__file__).parents[1]), "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", submit], cwd=tmp_path, env=environ, check=True)
    near, far = pty.openpty()
    command = [sys.executable, "-m", "leasehold", "top", "--every", "100ms"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdin=far, stdout=far, stderr=far) as process:
        os.close(far)
        seen = shown(near, "pending: 1 due")
        assert "Queues" in seen
        kept = ledger.read_bytes()
        ledger.write_bytes(b"no database at all")
        shown(near, "Trying again")
        shown(near, "pending: 1 due")
        ledger.write_bytes(kept)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # a terminal whose other end is closed
            while os.read(near, 65_536):  # what nobody reads would keep it from ending
                pass
        assert process.wait() == 0
    os.close(near)


def shown(terminal: int, wanted: str) -> str:
    """What was drawn up to and with this."""
    seen = ""
    while wanted not in seen:
        seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(terminal, 65_536).decode(errors="replace"))
    return seen
