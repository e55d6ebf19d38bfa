"""Every change of state that may ever be recorded, as data: the rules are held to it, and the docs draw it."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.core.model import Status, Why

NEW = "new"
BLOCKED = "pending/blocked"
SCHEDULED = "pending/scheduled"
DUE = "pending/due"
QUEUED = "pending/queued"
LAPSED = "pending/lapsed"
IN_PROGRESS = "in_progress"
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"

PENDING = (BLOCKED, SCHEDULED, DUE, QUEUED, LAPSED)
OUT = (QUEUED, LAPSED, IN_PROGRESS)
"""States in which the current dispatch is open."""
HELD = (LAPSED, IN_PROGRESS)
"""States in which a run of it is known that has not ended well."""
CLOSED = (SCHEDULED, DUE)
"""States in which a former dispatch may still be spoken of."""


class Transition(NamedTuple):
    """Lines of the audit trail of this ``kind`` may take a task from any of ``before`` to any of ``after``.

    ``stays``: they may also leave it where it is (the line carries information, or moves only what the state rests on).
    """

    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    stays: tuple[str, ...] = ()


TABLE = (
    Transition("submitted", (NEW,), (BLOCKED, SCHEDULED, DUE)),
    Transition("due", (SCHEDULED,), (DUE,)),
    Transition("parent-ended", (BLOCKED,), (SCHEDULED, DUE, CANCELLED)),
    Transition("parent-ended", (CANCELLED,), (BLOCKED, SCHEDULED, DUE), stays=(CANCELLED,)),
    Transition("dispatched", (DUE,), (QUEUED,)),
    Transition("started", (QUEUED, LAPSED), (IN_PROGRESS,), stays=(IN_PROGRESS,)),
    Transition("draining", (), (), stays=(IN_PROGRESS, LAPSED)),
    Transition("completed", (*PENDING, IN_PROGRESS, FAILED), (COMPLETED,)),
    Transition("failed", HELD, (SCHEDULED, LAPSED, FAILED), stays=(LAPSED, SCHEDULED, DUE, FAILED)),
    Transition("failed", CLOSED, (FAILED,)),
    Transition("released", OUT, (QUEUED, DUE), stays=(QUEUED,)),
    Transition("refused", OUT, (QUEUED, SCHEDULED), stays=(QUEUED,)),
    Transition("lapsed", (IN_PROGRESS,), (LAPSED, DUE, FAILED)),
    Transition("recalled", (IN_PROGRESS,), (LAPSED, DUE, FAILED)),
    Transition("lost", HELD, (FAILED,), stays=HELD),
    Transition("refunded", (FAILED,), (*OUT, DUE), stays=(*CLOSED, *OUT, FAILED, CANCELLED)),
    Transition("expired", (QUEUED, LAPSED), (DUE, FAILED), stays=(*OUT, FAILED, CANCELLED)),
    Transition("unbundled", (QUEUED, LAPSED), (DUE,), stays=(*OUT, FAILED, CANCELLED)),
    Transition("dead-lettered", (QUEUED, LAPSED), (DUE, FAILED), stays=(IN_PROGRESS, LAPSED, FAILED, CANCELLED)),
    Transition("unsendable", (QUEUED,), (SCHEDULED, DUE, FAILED), stays=(CANCELLED,)),
    Transition("voided", (QUEUED, LAPSED), (DUE,), stays=(FAILED, CANCELLED)),
    Transition("cancelled", (*PENDING, IN_PROGRESS), (CANCELLED,)),
    Transition("retried", (FAILED, CANCELLED), (*OUT, DUE)),
    Transition("overlap", (), (), stays=(*CLOSED, *OUT, FAILED, CANCELLED)),
    Transition("late", (), (), stays=(CANCELLED, FAILED)),
)

ALLOWED = frozenset(
    (row.kind, before, after)
    for row in TABLE
    for before, after in [*((b, a) for b in row.before for a in row.after if a != b), *((s, s) for s in row.stays)]
)
"""(kind, before, after) of every line that the audit trail may hold."""

_NAMES: dict[tuple[Status, Why | None], str] = {
    **{(Status.PENDING, why): f"{Status.PENDING}/{why}" for why in Why},
    **{(status, None): str(status) for status in Status if status is not Status.PENDING},
    (Status.PENDING, None): NEW,
}


def state_name(status: Status, why: Why | None) -> str:
    """``pending/due``, ``in_progress``, ...: as the audit trail and the diagram write it."""
    return _NAMES[status, why]
