"""Everything that can happen to a task, one NamedTuple each. ``Report`` events come from workers."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.core.model import Failure, Run, Status


class Submitted(NamedTuple):
    """The task was written to the ledger. ``parents`` counts those it still waits for; ``note`` says who wanted it."""

    parents: int = 0
    note: str | None = None


class Due(NamedTuple):
    """The instant before which the task must not start has passed."""


class ParentEnded(NamedTuple):
    """A parent reached an outcome, or a failed one was repaired.

    ``waiting`` counts the other parents without success, ``broken_by`` names another parent whose failure still
    cancels this task; both are read under the same lock as this event, never from a counter.
    """

    parent: str
    outcome: Status
    waiting: int
    broken_by: str | None = None
    cancels: bool = True
    """Whether a parent's failure cancels this task (the default policy) or counts as an end like any other."""


class Dispatched(NamedTuple):
    """The task is about to be put on the task queue, in a message of so many; none may start after ``not_after``."""

    not_after: int
    members: int = 1


class Claimed(NamedTuple):
    """A worker holds a message and asks whether it may run the task. Nothing of the run has begun.

    Where the message is a bundle, it asks for all of them at once, and begins one after the other: each then says so.

    ``remaining`` (ms): how long the worker may hold it, as it knew before it asked. An age, not an instant: the lease
    ends by the ledger's clock, and never before the worker believes so.
    """

    n: int
    r: int
    run_id: str
    worker: str
    remaining: int
    receipt: str | None = None


class Started(NamedTuple):
    """A run began."""

    run: Run


class Progressed(NamedTuple):
    """A run says how far it is: ``fraction`` from 0 to 1, and a short note."""

    run: Run
    fraction: float | None = None
    note: str | None = None


class Completed(NamedTuple):
    """The handler returned success; its outputs are durable."""

    run: Run
    ended_at: int


class Failed(NamedTuple):
    """The code failed. ``jitter``: random, in [0, 1), drawn by the caller; ``after`` (ms) overrides the backoff.

    Not ``begun``: there was nothing to run, its stored arguments are gone.
    """

    run: Run
    ended_at: int
    failure: Failure
    unrecoverable: bool = False
    deleted: bool = False
    after: int | None = None
    jitter: float = 0.0
    begun: bool = True


class Released(NamedTuple):
    """The run was given back through no fault of its own, or the message was never started (not ``begun``)."""

    run: Run
    ended_at: int
    cause: str = ""
    deleted: bool = False
    begun: bool = True


class Draining(NamedTuple):
    """The run's worker is about to give it back: its receipt must not be used for a recall any more."""

    run: Run


class Refused(NamedTuple):
    """The worker does not know the handler."""

    run: Run
    ended_at: int
    reason: str
    deleted: bool = False
    jitter: float = 0.0


class Expired(NamedTuple):
    """A worker received the message after its validity and deleted it unstarted."""

    n: int
    r: int


class DeadLettered(NamedTuple):
    """The message was received more often than it may be, and was taken off the task queue."""

    n: int
    r: int


class Unsendable(NamedTuple):
    """The task queue will never take the message of dispatch ``n``, which was not sent by anybody before."""

    n: int
    reason: str


class Lapsed(NamedTuple):
    """The current run's lease has run out without an end report.

    ``redispatch``: the topology has a claim before every run, so the task may go out again at once.
    """

    redispatch: bool = False


class Voided(NamedTuple):
    """Validity, lease and slack have all passed without an end: the message is lost, purged or was never sent."""


class Recalled(NamedTuple):
    """The machine of run ``run_id`` is gone for good, as the platform or a person says (R13).

    ``margin`` (ms): how much of its lease must be left, so that its message can still be shown again before the queue
    shows it by itself. ``redispatch``: as in ``Lapsed``.
    """

    run_id: str
    margin: int = 0
    redispatch: bool = False


class Cancelled(NamedTuple):
    """A person (or a client) wants the task not to run any more."""

    by: str
    reason: str = ""


class Retried(NamedTuple):
    """A person wants a failed or cancelled task tried again, with fresh budgets."""

    by: str
    reason: str = ""


RunReport = Started | Progressed | Completed | Failed | Released | Draining | Refused
"""Reports that speak of one run."""

Report = RunReport | Expired | DeadLettered
"""Everything a worker can say."""

Event = (
    Report
    | Submitted
    | Due
    | ParentEnded
    | Dispatched
    | Claimed
    | Unsendable
    | Lapsed
    | Voided
    | Recalled
    | Cancelled
    | Retried
)
