"""What a task is, and what everybody says about it.

All instants are whole milliseconds since the Unix epoch, all durations whole milliseconds. Hot types are NamedTuples:
they are made and replaced several times for every task, and cost a fifth of a frozen dataclass.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

FENCE_BITS = 20
VOID_SLACK = 5_000
"""ms added to a validity plus lease before a silent dispatch counts as lost: covers rounding and clock resolution."""


class Status(StrEnum):
    """Where a task stands, in the words that users read."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
RETRIABLE = frozenset({Status.FAILED, Status.CANCELLED})
"""Where people may say that a task is to be tried again."""


class Why(StrEnum):
    """Why a pending task is not running yet. Every pending task has exactly one; no other task has any."""

    BLOCKED = "blocked"
    SCHEDULED = "scheduled"
    DUE = "due"
    QUEUED = "queued"
    LAPSED = "lapsed"


class Token(NamedTuple):
    """Orders the runs of one task: dispatch number, then the queue's receive count of that message."""

    n: int
    r: int

    @property
    def fence(self) -> int:
        """One increasing integer for resources that check fencing tokens: ``n << 20 | r``."""
        return self.n << FENCE_BITS | self.r


class Policy(NamedTuple):
    """How long one run may hold a task and what may go wrong before it is given up. Stored with the task at submit."""

    lease: int
    attempts: int = 5
    losses: int = 20
    backoff_base: int = 2_000
    backoff_cap: int = 600_000
    bundle: int = 1
    """How many tasks of its handler may share one message with it, itself included."""


class Task(NamedTuple):
    """The hot row: all that the rules of state need to know of one task, and nothing else.

    ``r``, ``run_id``, ``worker``, ``receipt``, ``lease_until`` describe the newest run known of dispatch ``n``.
    ``run_open`` says that no end of that run is recorded; ``charged`` names the runs (of any dispatch since the last
    retry by a person) that were charged as lost and may still be refunded by a late end report.
    """

    id: str
    name: str
    queue: str
    policy: Policy
    created_at: int
    due_at: int
    status: Status = Status.PENDING
    why: Why | None = None
    priority: int = 0
    batch: str | None = None
    version: int = 0
    n: int = 0
    open: bool = False
    not_after: int = 0
    void_at: int = 0
    r: int = 0
    run_id: str | None = None
    run_open: bool = False
    worker: str | None = None
    receipt: str | None = None
    lease_until: int = 0
    run_charged: bool = False
    """The newest run has been charged as lost; it is never charged again."""
    seen: int = 0
    """Bit r is set when a run with receive count r of dispatch n has been recorded (r up to 62)."""
    attempts: int = 0
    losses: int = 0
    charged: tuple[str, ...] = ()
    inferred: bool = False
    """The failure was concluded from silence; a report can still replace or lift it."""
    reason: str | None = None
    """One short sentence for ``why``: what the last failure, refusal or cancellation said."""
    error_group: str | None = None
    cancelled_by: str | None = None
    """The parent task whose failure cancelled this one; empty when a person did."""
    updated_at: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    members: int = 1
    """How many tasks share the message of dispatch ``n``. 0: it goes out by itself from now on, for it was in a bundle
    that was received twice, or was lost with its machine, or took its process along, or it began and was given back
    (B1)."""

    @property
    def token(self) -> Token:
        """The token of the newest run known."""
        return Token(self.n, self.r)

    @property
    def terminal(self) -> bool:
        """Whether the task has an outcome."""
        return self.status in TERMINAL


class FailureKind(StrEnum):
    """How a run failed, as its supervisor saw it."""

    EXCEPTION = "exception"
    EXIT = "exit"
    SIGNAL = "signal"
    MEMORY = "memory"
    LEASE = "lease"
    RESULT = "result"
    """The handler returned something that cannot be stored."""
    ARGUMENTS = "arguments"


class Failure(NamedTuple):
    """What is known of a failed run. Text is bounded by whoever makes it (message 2 KiB, traceback 16 KiB)."""

    kind: FailureKind
    type: str
    message: str
    frame: str = ""
    """The top frame in the user's code, ``file.py:function``; empty when there is none."""
    traceback: str = ""
    exit_code: int | None = None
    signal: int | None = None


class Run(NamedTuple):
    """What every report says of the run it comes from. Instants are on the queue's clock."""

    n: int
    r: int
    run_id: str
    worker: str
    lease_until: int
    started_at: int
    receipt: str | None = None


class Audit(NamedTuple):
    """One line of the audit trail. ``seq`` is the task's version after it, so trail and row cannot drift apart."""

    seq: int
    at: int
    kind: str
    before: str
    after: str
    n: int
    r: int
    run_id: str | None = None
    detail: str | None = None


class RunFact(NamedTuple):
    """What is newly known of one run; ``None`` leaves what was known. Facts never decide anything."""

    n: int
    r: int
    run_id: str
    worker: str | None = None
    started_at: int | None = None
    lease_until: int | None = None
    ended_at: int | None = None
    outcome: str | None = None
    lost_at: int | None = None
    fraction: float | None = None
    note: str | None = None
    failure: Failure | None = None


class Refusal(NamedTuple):
    """A run was claimed and must not start.

    ``remaining``: another run may be alive under its lease, for so many ms yet; ``None``: there is nothing to wait for.
    """

    reason: str
    remaining: int | None = None


class Decision(NamedTuple):
    """The task as it must be saved, with the audit lines and run facts that belong in the same transaction.

    ``refusal`` answers a claim; a claim that is not refused is granted.
    """

    task: Task
    audit: tuple[Audit, ...]
    facts: tuple[RunFact, ...] = ()
    refusal: Refusal | None = None


class Ignored(NamedTuple):
    """The event changes no state. ``audit`` holds a line when the event still carried information."""

    task: Task
    reason: str
    audit: tuple[Audit, ...] = ()
    facts: tuple[RunFact, ...] = ()
    refusal: Refusal | None = None
