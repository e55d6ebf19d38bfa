"""The ledger's side of the model: the real ``decide()``, held to its laws, each decision made once."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.core import events
from leasehold.core.alarms import owed
from leasehold.core.machine import decide
from leasehold.core.model import TERMINAL, Failure, FailureKind, Policy, Refusal, Run, Status, Task, Why
from leasehold.core.step import IllegalTransitionError
from tests.core import laws
from tests.model.parts import Configuration, Interner, Report

NOW = 1_000_000_000
"""The instant at which everything is decided: what is over by then is all the same."""
TICK = 10_000
FAILURE = Failure(FailureKind.EXCEPTION, "ValueError", "no such file")


class Answer(NamedTuple):
    """What the ledger made of an event."""

    row: int
    breaks: str = ""
    """The law that it broke."""
    refusal: Refusal | None = None


class Rows:
    """Every row that the task had so far, by number; times are kept from now on."""

    def __init__(self, configuration: Configuration) -> None:
        self.number: Interner[Task] = Interner()
        self._answers: dict[tuple[int, type, events.Event], Answer] = {}
        self._later: dict[int, int] = {}
        self._owed: dict[int, events.Event | None] = {}
        self.seen: set[str] = set()
        """The kinds of lines that were written, and the reasons for which events were ignored."""
        policy = Policy(
            configuration.lease * TICK,
            configuration.attempts,
            configuration.losses,
            backoff_base=1,
            backoff_cap=1,
            bundle=2 if configuration.bundle else 1,
        )
        entered = decide(Task("task", "transcribe", "media", policy, NOW, NOW), events.Submitted(), NOW)
        self.first = self.number(forgetful(entered.task))

    def __getitem__(self, row: int) -> Task:
        return self.number.values[row]

    def tell(self, row: int, event: events.Event) -> Answer:
        """Decide this event."""
        key = row, type(event), event  # as tuples Started(run) and Draining(run) are equal
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = self._decide(row, event)
        return known

    def _decide(self, row: int, event: events.Event) -> Answer:
        before = self[row]
        try:
            answer = decide(before, event, NOW)
        except IllegalTransitionError as defect:
            return Answer(row, str(defect))
        found = [*laws.of_step(before, event, answer), *laws.of_state(answer.task)]
        broken = [law for law, holds in found if not holds]
        kind = type(event).__name__
        self.seen.update(f"{kind}: {line.kind}" for line in answer.audit)
        if not answer.audit:
            self.seen.add(f"{kind}: {getattr(answer, 'reason', 'quietly')}")
        return Answer(self.number(forgetful(answer.task)), "; ".join(broken), answer.refusal)

    def later(self, row: int) -> int:
        """The same row one tick later."""
        known = self._later.get(row)
        if known is None:
            known = self._later[row] = self.number(forgetful(moved(self[row], -TICK)))
        return known

    def owed(self, row: int) -> events.Event | None:
        """What the clock owes it now."""
        if row not in self._owed:
            self._owed[row] = owed(self[row], NOW)
        return self._owed[row]


def moved(task: Task, by: int) -> Task:
    """Seen from another instant."""
    return task._replace(
        due_at=task.due_at + by,
        void_at=task.void_at + by,
        lease_until=task.lease_until + by,
    )


def forgetful(task: Task) -> Task:
    """Without its history, and without what rules nothing any more where it stands (``test_rows`` shows that)."""
    ended = task.status in TERMINAL
    return task._replace(
        version=0,
        updated_at=0,
        started_at=None,
        ended_at=NOW if ended else None,
        not_after=0,
        reason=None,
        error_group=None,
        worker=None,
        due_at=max(NOW, task.due_at) if task.why is Why.SCHEDULED else NOW,
        void_at=max(NOW, task.void_at) if task.open else NOW,
        lease_until=max(NOW, task.lease_until) if task.run_open else NOW,
        charged=tuple(sorted(task.charged)),
    )


def event_of(report: Report) -> events.Report:
    """What a report says, as the recorder reads it off the wire."""
    if report.kind == "expired":
        return events.Expired(report.n, report.r)
    if report.kind == "dead-lettered":
        return events.DeadLettered(report.n, report.r)
    run = run_of(report)
    match report.kind:
        case "started":
            return events.Started(run)
        case "draining":
            return events.Draining(run)
        case "completed":
            return events.Completed(run, NOW)
        case "failed":
            return events.Failed(
                run, NOW, FAILURE, deleted=report.deleted, begun=report.begun, unrecoverable=not report.begun
            )
        case "released":
            return events.Released(run, NOW, deleted=report.deleted, begun=report.begun)
        case _:
            return events.Refused(run, NOW, "no worker knows it", deleted=report.deleted)


def run_of(report: Report) -> Run:
    """The run that it speaks of. Its worker's name says nothing: workers are all alike."""
    return Run(report.n, report.r, report.run, "w", NOW + report.ends * TICK, NOW, f"receipt {report.run}")


def claim_of(report: Report) -> events.Claimed:
    """The question whether this run may start."""
    return events.Claimed(report.n, report.r, report.run, "w", report.ends * TICK, f"receipt {report.run}")


def described(task: Task) -> str:
    """Where a task stands, in few words."""
    state = task.status if task.why is None else f"{task.status}/{task.why}"
    if not task.n:
        return state
    words = [state, f"dispatch {task.n} {'open' if task.open else 'closed'}"]
    if task.run_id is not None and task.r:
        words.append(f"run {task.run_id} {'open' if task.run_open else 'ended'}")
    if task.attempts or task.losses:
        words.append(f"attempts {task.attempts}, losses {task.losses}")
    return ", ".join(words)


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
