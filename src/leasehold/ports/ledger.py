"""The ledger, write side: the only truth about every task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from leasehold.core.events import Event, Unsendable
from leasehold.core.happening import Happened
from leasehold.core.metering import Count
from leasehold.core.model import Decision, Ignored, Status, Task
from leasehold.core.reports import Malformed, Payload
from leasehold.ports.queue import Message, NotSent, Queue


class NewTask(NamedTuple):
    """A task to be submitted: its hot row before ``Submitted`` was decided, and its cold parts.

    ``arguments`` is JSON text, or ``None`` with ``arguments_ref`` naming the store object that holds it.
    """

    task: Task
    arguments: str | None
    arguments_ref: str | None = None
    key: str | None = None
    fingerprint: str = ""
    """Hash of the arguments: the same key with other arguments is an error."""
    tenant: str | None = None
    trace: str | None = None
    note: str | None = None
    """Who wanted it, for the audit trail."""
    find: tuple[str, ...] = ()
    """Arguments that its handler declares: they are indexed from now on, of its other tasks too."""


class Accepted(NamedTuple):
    """The row is committed."""

    task_id: str


class Existing(NamedTuple):
    """The key is taken, by this task with the same arguments; nothing was written."""

    task_id: str
    status: Status


class KeyConflict(NamedTuple):
    """The key is taken by a task with *other* arguments; nothing was written."""

    task_id: str


class Outgoing(NamedTuple):
    """A freshly dispatched task with what its message needs."""

    task: Task
    arguments: str | None
    arguments_ref: str | None
    tenant: str | None
    trace: str | None


class Terms(NamedTuple):
    """What one dispatching transaction fixes: validity (ms from the database's now)."""

    validity: int
    despite_pause: bool = False
    """Whether a paused queue is dispatched all the same: for whoever paused it to have it alone."""


Compose = Callable[[Sequence[Outgoing]], Sequence[Message]]
"""Makes the messages of freshly dispatched tasks, in order: one each, or one for those that ``messages_of`` puts
together. Pure; runs inside the transaction."""


class Change(NamedTuple):
    """One event for one task. A ``status_id`` that was applied before is skipped (S7)."""

    task_id: str
    event: Event
    status_id: str | None = None
    payload: Payload | None = None


def unsendable(task: Task, queue: str, refusal: NotSent) -> Change:
    """What becomes of a dispatch whose message its queue will never take."""
    return Change(task.id, Unsendable(task.n, f"queue {queue!r} does not take its message: {refusal.reason}"))


class Unknown(NamedTuple):
    """There is no such task in this ledger."""

    task_id: str


class Unreadable(NamedTuple):
    """The task's row holds what nobody can read: it is left as it is."""

    task_id: str
    reason: str


class Repeated(NamedTuple):
    """This status_id has been applied before."""

    status_id: str


Applied = Decision | Ignored | Unknown | Unreadable | Repeated


class Need(StrEnum):
    """Which role a task's alarm calls."""

    SCHEDULER = "scheduler"
    SWEEPER = "sweeper"


class Operation(NamedTuple):
    """A bulk operation (``cancel``, ``retry``): carried out by the sweeper in batches, in id order, up to ``ceiling``.

    ``filter`` is the text of the filter language, its ages counted back from ``created_at``; ``cursor`` the id of the
    last task that was looked at; ``finished`` one of ``""``, ``done``, ``cancelled``, ``failed``; ``stopped_by`` who
    cancelled it, or what it failed of.
    """

    id: str
    kind: str
    filter: str
    ceiling: str
    by: str
    reason: str
    created_at: int
    cursor: str = ""
    matched: int = 0
    changed: int = 0
    finished: str = ""
    finished_at: int | None = None
    stopped_by: str | None = None


class Stretch(NamedTuple):
    """What one look at a bulk operation has found, and how far it went."""

    task_ids: Sequence[str]
    """What is to be changed next."""
    cursor: str
    """The last task that was looked at; beyond the operation's cursor unless this is the end."""
    last: bool
    """Nothing was found up to the operation's ceiling: it is at its end."""


class Flight(NamedTuple):
    """How full a queue is: ``due`` wait in the ledger, ``queued`` are sent and not yet seen started."""

    due: int
    queued: int
    in_progress: int
    lapsed: int
    paused: bool
    started: int
    """Runs recorded as started so far; the window measures its rate."""
    expired: int
    """Dispatches that expired so far."""


class Gone(NamedTuple):
    """A machine, or one worker on it, that will never be heard of again; ``at`` is when the ledger was told.

    ``name`` is a worker's whole name, or what stands before a ``/`` in the names of all workers of a machine.
    """

    name: str
    at: int
    source: str
    """Who says so."""


class Ledger(Protocol):
    """The only truth about every task. Every write is one transaction: lock in id order, ``decide``, save, audit.

    Thread-safe. Raises ``LedgerUnavailable`` when the database cannot be reached or written.
    """

    @property
    def elsewhere(self) -> bool:
        """Whether its work is done by another process: whoever waits for it may get something else done meanwhile."""
        ...

    def now(self) -> int:
        """The database's clock."""
        ...

    def submit(
        self, tasks: Sequence[NewTask], connection: object | None = None
    ) -> list[Accepted | Existing | KeyConflict]:
        """Write them in one transaction; when this returns, the accepted ones are committed (S1).

        With ``connection``, a connection of the caller's own to the same database, they are part of the caller's
        transaction instead, committed or rolled back with it; raises ``UsageError`` where that cannot be.
        """
        ...

    def dispatch(self, queue: str, limit: int, terms: Terms, compose: Compose, into: Queue | None) -> list[Outgoing]:
        """Give up to ``limit`` due tasks of ``queue`` their next dispatch, highest priority first, then oldest.

        Tasks that share a message follow each other in what is returned, each saying of how ``members`` it is one.

        With ``into`` (a queue that ``shares_ledger``) the composed messages are sent in the same transaction; without,
        the caller sends them after the commit. Paused queues give nothing. What ``into`` will never take is not among
        what is returned: its task says so (``Unsendable``).
        """
        ...

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        """Decide and save; one answer per change, in order; several changes of one task are folded in turn."""
        ...

    def alarms(self, need: Need, limit: int) -> list[tuple[str, Event]]:
        """What the clock owes: (task id, event), by the database's clock; to be handed to ``apply``."""
        ...

    def flights(self) -> Mapping[str, Flight]:
        """What the window rule needs, from counters, for every queue that has tasks without an outcome."""
        ...

    def fold_counters(self) -> int:
        """Fold counter deltas; how many rows were folded."""
        ...

    def prune(self, before: int, limit: int) -> int:
        """Forget status_ids seen before that instant; how many. Of damaged messages the newest 10,000 stay."""
        ...

    def note_requests(self, counts: Sequence[Count], times: Sequence[Happened] = ()) -> None:
        """Add what was counted of requests to queues to the hours in which that was, by the database's clock.

        ``times``: how often durations fell into each step, to be added for good.
        """
        ...

    def fold_requests(self, before: int) -> int:
        """Add up what was noted, and forget hours before that instant; how many notes. Unknown queues become one."""
        ...

    def index(self, limit: int) -> int:
        """Index declared arguments of up to ``limit`` tasks that were submitted before; 0: nothing to do for now."""
        ...

    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching of one queue."""
        ...

    def start_operation(self, operation: Operation) -> None:
        """Write a bulk operation."""
        ...

    def next_operation(self) -> Operation | None:
        """The oldest unfinished operation."""
        ...

    def covered(self, operation: Operation, limit: int, numbers: int) -> Stretch:
        """Up to ``limit`` tasks that it covers next, of the tasks with the next ``numbers`` numbers.

        However many tasks there are, a look is bounded work, and what it went through is left behind by
        ``advance_operation`` though nothing was found. Tasks that a filter names may be looked for further ahead; where
        arguments have to be read, a look may be shorter. Raises ``BadFilter`` where its filter is none, or means more
        than a filter may; ``NoSuchTask`` where the task at its cursor or its ceiling is gone, so that nobody knows how
        far it had come.
        """
        ...

    def advance_operation(self, operation: Operation, stretch: Stretch, event: Event) -> list[Applied]:
        """Carry out one batch; one answer per task, in order, or none if it was not to be carried out any more.

        All in one transaction: the cursor moves from where ``operation`` has it to where ``stretch`` ends, which only
        one of several that hold this batch can do, and none once the operation has ended; then each task is decided,
        one that has become something else than the filter asks for being ``Ignored``; what was changed is counted.
        """
        ...

    def fail_operation(self, operation_id: str, why: str) -> None:
        """End an unfinished operation that can never be carried out."""
        ...

    def cancel_operation(self, operation_id: str, *, by: str) -> bool:
        """Stop an unfinished operation; whether there was one."""
        ...

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Remember machines or workers that are gone for good (R13), for a day; what is known already stays."""
        ...

    def gone(self) -> list[Gone]:
        """Who is remembered as gone, by name."""
        ...

    def held_by(self, names: Sequence[str], *, ahead: int, limit: int) -> list[Task]:
        """Up to ``limit`` tasks that these machines or workers run and that might be recalled.

        Their receipt is still the runs' own (no draining is recorded), and ``ahead`` ms of their lease are left.
        """
        ...

    def secret(self, name: str) -> bytes:
        """A 32-byte key kept in the ledger (``capability``), made at first use."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
