"""What the ledger says, on a real one: tasks are led through their lives by the events that workers would report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.app import App
from leasehold.core.events import Completed, Event, Failed, Lapsed, Progressed, Started
from leasehold.core.model import Failure, FailureKind, Run, Token
from leasehold.core.reports import Payload
from leasehold.demo.history import History
from leasehold.demo.job import Transcript
from leasehold.demo.plan import Item, Plan
from leasehold.demo.report import End
from leasehold.ports.ledger import Change
from leasehold.testing import InlineSystem, run_inline

LEASE = 8_000
PLAN = Plan("batch", [Item(Path("/sounds/a.wav"), spoken="one two"), Item(Path("/sounds/b.wav"), ends_well=False)])
app = App("history")


@app.task(lease="8s")
def transcribe(source: str) -> Transcript:
    return Transcript(text=source, seconds=2.5, starts=[0.0])


class Ledger:
    """A batch of two, and the events that happen to them."""

    def __init__(self, system: InlineSystem) -> None:
        self.system = system
        self.began = system.clock.now()
        transcribe.submit_many([{"source": str(item.source)} for item in PLAN.items], key="source", batch="batch")
        self.ids = [view.task.id for view in reversed(system.views.tasks("batch:batch").rows)]
        system.scheduler.step()
        system.dispatcher.step()
        self.history = History(system.client, PLAN, self.began)

    def run(self, r: int, worker: str) -> Run:
        now = self.system.clock.now()
        return Run(1, r, f"run-{r}", worker, now + LEASE, now)

    def happens(self, task: int, event: Event, payload: Payload | None = None) -> None:
        self.system.ledger.apply([Change(self.ids[task], event, None, payload)])

    def completes(self, task: int, run: Run, transcript: Transcript) -> None:
        self.happens(task, Completed(run, self.system.clock.now()), Payload(result=json.dumps(transcript)))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with run_inline(app) as system:
        yield Ledger(system)


def test_a_look_shows_counts_and_who_holds_what(ledger: Ledger) -> None:
    run = ledger.run(1, "worker-1")
    ledger.happens(0, Started(run))
    ledger.happens(0, Progressed(run, fraction=0.25))
    look = ledger.history.look()
    assert (look.total, look.ended, look.over) == (2, 0, False)
    (held,) = look.held
    assert held == (ledger.ids[0], Token(1, 1), "/sounds/a.wav", "worker-1", run.lease_until, 0.25)
    assert held.file == "a.wav"
    assert look.troubled == []


def test_a_smooth_run_is_no_trouble_and_its_transcript_is_read(ledger: Ledger) -> None:
    ledger.completes(0, ledger.run(1, "worker-1"), Transcript(text="one too", seconds=2.5, starts=[0.0]))
    assert ledger.history.look().troubled == []
    row, other = ledger.history.rows()
    assert (row.file, row.completed, row.as_planned) == ("a.wav", True, True)
    assert (row.spoken, row.heard, row.seconds, row.starts) == ("one two", "one too", 2.5, (0.0,))
    assert (other.ended, other.as_planned) == (False, False)


def test_a_lapsed_lease_is_seen_by_the_audit_trail_and_followed_to_the_end(ledger: Ledger) -> None:
    ledger.happens(0, Started(ledger.run(1, "worker-1")))
    ledger.system.clock.advance(LEASE + 500)
    ledger.happens(0, Lapsed())
    (row,) = ledger.history.look().troubled
    (lost,) = row.runs
    assert (lost.worker, lost.end, lost.lapsed, lost.began, lost.ended) == ("worker-1", End.LOST, True, 0.0, 8.5)

    second = ledger.run(2, "worker-2")
    ledger.happens(0, Started(second))
    (row,) = ledger.history.look().troubled
    assert [run.under_way for run in row.runs] == [False, False], "nobody has said yet where it goes on"
    ledger.happens(0, Progressed(second, fraction=0.5, note="from second 1.2 of 2.5"))
    ledger.completes(0, second, Transcript(text="one two", seconds=2.5, starts=[0.0, 1.2]))

    (row,) = ledger.history.look().troubled
    assert [run.end for run in row.runs] == [End.LOST, End.COMPLETED]
    assert row.runs[1].note == "from second 1.2 of 2.5"
    assert row.resumed_at == 1.2


def test_a_run_that_another_one_skipped_over_has_lapsed_too(ledger: Ledger) -> None:
    ledger.happens(0, Started(ledger.run(1, "worker-1")))
    ledger.happens(0, Started(ledger.run(2, "worker-2")))
    (row,) = ledger.history.look().troubled
    assert [(run.end, run.lapsed) for run in row.runs] == [(End.LOST, True), (End.OTHER, False)]


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (FailureKind.SIGNAL, End.KILLED),
        (FailureKind.MEMORY, End.KILLED),
        (FailureKind.EXCEPTION, End.FAILED),
        (FailureKind.LEASE, End.FAILED),
    ],
)
def test_a_failed_run_was_killed_or_raised(ledger: Ledger, kind: FailureKind, end: End) -> None:
    failure = Failure(kind, "Some", "some reason")
    ledger.happens(0, Failed(ledger.run(1, "worker-1"), ledger.began, failure, deleted=True))
    (row,) = ledger.history.look().troubled
    assert [(run.end, run.reason) for run in row.runs] == [(end, "some reason")]
    assert not row.ended


def test_a_task_that_must_fail_is_as_planned_once_it_has(ledger: Ledger) -> None:
    failure = Failure(FailureKind.EXCEPTION, "Unrecoverable", "b.wav is damaged")
    ledger.happens(1, Failed(ledger.run(1, "worker-1"), ledger.began, failure, unrecoverable=True, deleted=True))
    _, row = ledger.history.rows()
    assert (row.completed, row.ended, row.as_planned) == (False, True, True)
    assert ledger.history.look().counts == {"pending": 1, "failed": 1}
