"""The seams between the road and the outside: small protocols, in lists, with an answer per item.

Instants are whole milliseconds since the epoch, durations whole milliseconds, unless a name ends in ``boot``: those
are milliseconds on a clock that never jumps and counts suspension, and mean nothing outside this machine.
Adapters say what they can do in capabilities; everything else they owe is in the docstrings and, executable, in the
conformance suites of ``leasehold.testing``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from leasehold.core.events import Event
from leasehold.core.model import Audit, Decision, Failure, Ignored, Policy, Status, Task, Why

# ---------------------------------------------------------------- clock and wake-ups


class Clock(Protocol):
    """Where the time comes from. Nothing else in the road reads a clock."""

    def now(self) -> int:
        """Wall clock, ms since the epoch. May jump."""
        ...

    def boot(self) -> int:
        """ms on a clock that never jumps and counts suspension."""
        ...


class Bell(Protocol):
    """Wakes whoever waits for a topic, across processes. A hint only: rings may be lost, waiters also poll.

    Topics are short words: ``due`` (work for the dispatcher), ``tasks:QUEUE``, ``reports``, ``ended`` (outcomes).
    """

    def ring(self, topic: str) -> None:
        """Wake all who wait for ``topic`` now, and one later waiter of each listener that was not waiting."""
        ...

    def wait(self, topic: str, timeout: int) -> bool:
        """Wait at most ``timeout`` ms; whether it rang since the last wait of this object for the topic."""
        ...

    def close(self) -> None:
        """Stop listening; a wait under way returns at once."""
        ...


# ---------------------------------------------------------------- queue


class QueueTraits(NamedTuple):
    """What a queue can do beyond the common behaviour."""

    fifo: bool = False
    """Sends of one deduplication key within 5 minutes make one message."""
    shares_ledger: bool = False
    """The queue lives in the ledger's database, so a dispatch and its send are one transaction."""
    billed: bool = False
    """Requests cost money: poll long, pack well."""
    batch: int = 10
    """Entries per call that the transport takes at most; adapters cut longer lists themselves."""
    body_limit: int = 1_048_576
    """Bytes of one body at most."""
    max_visibility: int = 43_195_000


class Message(NamedTuple):
    """A body to send. ``group`` separates tenants (fair queues), ``dedup`` names the message (FIFO queues)."""

    body: str
    group: str | None = None
    dedup: str | None = None


class Sent(NamedTuple):
    """The queue has the message."""

    message_id: str


class NotSent(NamedTuple):
    """The message is not known to be on the queue.

    ``unknown``: it may be there all the same (lost reply), so it must not be sent again under the same token.
    ``refused``: the queue will never take this body.
    """

    reason: str
    unknown: bool = False
    refused: bool = False


class Delivery(NamedTuple):
    """One receive of one message. ``receipt`` is the handle of this receive; ``sent_at`` is on the queue's clock."""

    message_id: str
    body: str
    receipt: str
    receive_count: int
    sent_at: int


class Received(NamedTuple):
    """The answer to one receive: ``server_time`` is the queue's clock (ms), second-exact or better."""

    deliveries: Sequence[Delivery]
    server_time: int


class Depth(NamedTuple):
    """How many messages there are, roughly."""

    visible: int
    in_flight: int


class Queue(Protocol):
    """At-least-once, unordered, leased delivery, as SQS defines it. Thread-safe.

    A received message is invisible for ``visibility`` ms from the receive, then comes back with a higher receive
    count and a new receipt. Every method answers per entry; a call that fails as a whole raises ``QueueUnavailable``.
    """

    @property
    def name(self) -> str:
        """The queue's name, for messages to people."""
        ...

    @property
    def traits(self) -> QueueTraits:
        """Declared capabilities."""
        ...

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send each body; one answer per body, in order."""
        ...

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        """Up to ``limit`` messages, waiting up to ``wait`` ms for the first one; each hidden for ``visibility`` ms."""
        ...

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        """Delete by receipt; whether each delete was confirmed. A stale receipt may be confirmed and delete nothing."""
        ...

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """(receipt, ms from now): hide longer, or give back at once with 0. Whether each change was confirmed."""
        ...

    def depth(self) -> Depth:
        """Approximate counts, cheap."""
        ...

    def close(self) -> None:
        """Release what is held; a receive under way returns soon."""
        ...


# ---------------------------------------------------------------- store


class Store(Protocol):
    """Durable objects under keys like ``checkpoints/ID/00000000000000000001``. Thread-safe."""

    def create(self, key: str, value: bytes) -> bool:
        """Write durably (fsynced) unless the key exists; whether this call wrote it."""
        ...

    def get(self, key: str) -> bytes | None:
        """The object, or ``None``."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the key exists, without reading it."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """All keys below ``prefix/``, sorted. For small folders such as one task's checkpoints."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete; keys that do not exist are no error."""
        ...


# ---------------------------------------------------------------- ledger (write side)


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


Compose = Callable[[Sequence[Outgoing]], Sequence[Message]]
"""Makes the messages of freshly dispatched tasks, one each, in order. Pure; runs inside the transaction."""


class Payload(NamedTuple):
    """The bulky part of a report, kept beside the hot row."""

    result: str | None = None
    result_ref: str | None = None
    log: str | None = None
    log_ref: str | None = None
    log_bytes: int = 0


class Change(NamedTuple):
    """One event for one task. A ``status_id`` that was applied before is skipped (S7)."""

    task_id: str
    event: Event
    status_id: str | None = None
    payload: Payload | None = None


class Unknown(NamedTuple):
    """There is no such task in this ledger."""

    task_id: str


class Repeated(NamedTuple):
    """This status_id has been applied before."""

    status_id: str


Applied = Decision | Ignored | Unknown | Repeated


class Malformed(NamedTuple):
    """A message that could not be understood. ``body`` is cut to its first 16 KiB."""

    source: str
    digest: str
    body: str
    reason: str


class Need(StrEnum):
    """Which role a task's alarm calls."""

    SCHEDULER = "scheduler"
    SWEEPER = "sweeper"


class Operation(NamedTuple):
    """A bulk operation (``cancel`` or ``retry``): carried out by the sweeper in batches, in id order, up to ``ceiling``.

    ``filter`` is the text of the filter language; ``cursor`` the last task id done; ``finished`` one of ``""``,
    ``done``, ``cancelled``.
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


class Ledger(Protocol):
    """The only truth about every task. Every write is one transaction: lock in id order, ``decide``, save, audit.

    Thread-safe. Raises ``LedgerUnavailable`` when the database cannot be reached or written.
    """

    def now(self) -> int:
        """The database's clock."""
        ...

    def submit(self, tasks: Sequence[NewTask]) -> list[Accepted | Existing | KeyConflict]:
        """Write them in one transaction; when this returns, the accepted ones are committed (S1)."""
        ...

    def dispatch(self, queue: str, limit: int, terms: Terms, compose: Compose, into: Queue | None) -> list[Outgoing]:
        """Give up to ``limit`` due tasks of ``queue`` their next dispatch, highest priority first, then oldest.

        With ``into`` (a queue that ``shares_ledger``) the composed messages are sent in the same transaction; without,
        the caller sends them after the commit. Paused queues give nothing.
        """
        ...

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        """Decide and save; one answer per change, in order; several changes of one task are folded in turn."""
        ...

    def alarms(self, need: Need, limit: int) -> list[tuple[str, Event]]:
        """What the clock owes: (task id, event), by the database's clock; to be handed to ``apply``."""
        ...

    def flight(self, queue: str) -> Flight:
        """What the window rule needs, from counters."""
        ...

    def fold_counters(self) -> int:
        """Fold counter deltas; how many rows were folded."""
        ...

    def prune(self, before: int, limit: int) -> int:
        """Forget status_ids seen before that instant; how many."""
        ...

    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching of one queue."""
        ...

    def start_operation(self, operation: Operation) -> None:
        """Write a bulk operation."""
        ...

    def next_operation(self, limit: int) -> tuple[Operation, list[str]] | None:
        """The oldest unfinished operation and the next task ids it covers (empty: it is at its end)."""
        ...

    def advance_operation(self, operation: Operation) -> None:
        """Save cursor, counts and end, unless it was cancelled meanwhile."""
        ...

    def cancel_operation(self, operation_id: str) -> bool:
        """Stop an unfinished operation; whether there was one."""
        ...

    def secret(self, name: str) -> bytes:
        """A 32-byte key kept in the ledger (``capability``), made at first use."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


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


# ---------------------------------------------------------------- views (read side)


class RunView(NamedTuple):
    """One run, as people look at it."""

    task_id: str
    n: int
    r: int
    run_id: str
    worker: str | None
    started_at: int | None
    lease_until: int | None
    ended_at: int | None
    outcome: str | None
    lost_at: int | None
    fraction: float | None
    note: str | None
    failure: Failure | None
    log: str | None
    log_ref: str | None
    log_bytes: int


class TaskView(NamedTuple):
    """One task with its cold parts. ``result`` is JSON text, or ``None`` with ``result_ref`` set, or neither."""

    task: Task
    key: str | None
    arguments: str | None
    arguments_ref: str | None
    result: str | None
    result_ref: str | None
    fraction: float | None
    note: str | None


class Page[T](NamedTuple):
    """Rows and the cursor of the next page, ``None`` at the end."""

    rows: Sequence[T]
    cursor: str | None


class FailureGroup(NamedTuple):
    """Failed tasks of one cause."""

    id: str
    name: str
    type: str
    message: str
    frame: str
    count: int
    first_at: int
    last_at: int
    example: str
    """A task id."""


class Count(NamedTuple):
    """One counter cell."""

    queue: str
    name: str
    batch: str | None
    error_group: str | None
    status: Status
    why: Why | None
    count: int


class BatchView(NamedTuple):
    """One batch and its counts by status."""

    name: str
    created_at: int
    counts: Mapping[str, int]


class QueueView(NamedTuple):
    """One queue and its counts by ``status`` or ``status/why``."""

    name: str
    paused: bool
    counts: Mapping[str, int]


class Outcome(NamedTuple):
    """How a task ended; ``result`` as in ``TaskView``."""

    task_id: str
    status: Status
    ended_at: int
    result: str | None
    result_ref: str | None
    reason: str | None
    failure: Failure | None


class Views(Protocol):
    """The read side. Never blocks a writer; counts come from counters, never from the tasks."""

    def task(self, task_id: str) -> TaskView | None:
        """One task."""
        ...

    def find_id(self, prefix: str) -> list[str]:
        """Up to 10 task ids that begin or end with these characters (people paste parts of ids)."""
        ...

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        """Newest first; raises ``BadFilter`` for a filter that does not parse or a cursor of another one."""
        ...

    def count(self, filter_: str, ceiling: int = 10_000) -> int:
        """How many match, stopping at ``ceiling``."""
        ...

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the given tasks that have ended."""
        ...

    def ended(self, batch: str, since: int, after: str, limit: int) -> list[Outcome]:
        """Outcomes of a batch in order of (ended_at, id), beyond (``since``, ``after``)."""
        ...

    def runs(self, task_id: str) -> list[RunView]:
        """All runs of a task, by token."""
        ...

    def audit(self, task_id: str) -> list[Audit]:
        """The audit trail, oldest first."""
        ...

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        """Counter cells that are not zero."""
        ...

    def failures(self, limit: int = 50) -> list[FailureGroup]:
        """Groups of failed tasks, largest first."""
        ...

    def batches(self, limit: int = 50) -> list[BatchView]:
        """Newest first."""
        ...

    def queues(self) -> list[QueueView]:
        """All queues that ever held a task."""
        ...

    def operations(self, limit: int = 50) -> list[Operation]:
        """Newest first."""
        ...

    def quarantine(self, limit: int = 50) -> list[tuple[int, Malformed]]:
        """(when, message): newest first."""
        ...

    def scan(self, chunk: int = 1_000) -> Iterator[Sequence[Task]]:
        """Every hot row in id order, for ``audit`` only."""
        ...

    def true_counts(self) -> list[Count]:
        """Counted from the tasks themselves, slowly, for ``audit`` only."""
        ...


# ---------------------------------------------------------------- claims and outbox (the topology)


class Start(NamedTuple):
    """A run that a worker wants to begin."""

    task_id: str
    n: int
    r: int
    run_id: str
    worker: str
    lease_until: int


class Grant(NamedTuple):
    """Go ahead."""


class StaleRun(NamedTuple):
    """Another run has this task, or it has ended: delete the message."""

    reason: str


class Busy(NamedTuple):
    """Another run holds its lease until then (ms from now): hide the message that long."""

    remaining: int


class Claims(Protocol):
    """Who grants a run. In ``two-queue`` always; in ``single-queue`` the ledger does."""

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        """One answer per start, in order."""
        ...


class UpdateKind(StrEnum):
    """What a report says."""

    STARTED = "started"
    PROGRESSED = "progressed"
    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"
    DRAINING = "draining"
    REFUSED = "refused"
    EXPIRED = "expired"
    DEAD_LETTERED = "dead-lettered"


class Update(NamedTuple):
    """One report as the worker makes it; its ``*_boot`` instants become ages when it is encoded, so that no machine
    clock ever enters the ledger.
    """

    status_id: str
    kind: UpdateKind
    task_id: str
    capability: str
    n: int
    r: int
    run_id: str
    worker: str
    lease: int
    received_boot: int
    """When the receive request that brought the message began."""
    began_boot: int | None = None
    ended_boot: int | None = None
    receipt: str | None = None
    deleted: bool = False
    result: str | None = None
    result_ref: str | None = None
    failure: Failure | None = None
    unrecoverable: bool = False
    after: int | None = None
    fraction: float | None = None
    note: str | None = None
    log: str | None = None
    log_ref: str | None = None
    log_bytes: int = 0


class Outbox(Protocol):
    """Where reports go: the status queue, or (single-queue) the recorder itself."""

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each update is durably accepted, in order. What is not may be posted again."""
        ...


# ---------------------------------------------------------------- slots


class Job(NamedTuple):
    """One run for a slot: ``arguments`` is JSON text; the run must have ended by ``deadline_boot``."""

    run_id: str
    task_id: str
    name: str
    arguments: str
    n: int
    r: int
    deadline_boot: int


class Began(NamedTuple):
    """The child began this run."""

    run_id: str
    at_boot: int


class Returned(NamedTuple):
    """The handler returned; ``result`` is JSON text."""

    run_id: str
    at_boot: int
    result: str
    log: bytes = b""
    log_bytes: int = 0


class Raised(NamedTuple):
    """The run failed: an exception, a bad result or argument, or the death of its child."""

    run_id: str
    at_boot: int
    failure: Failure
    unrecoverable: bool = False
    after: int | None = None
    log: bytes = b""
    log_bytes: int = 0


class Stopped(NamedTuple):
    """The run ended without fault of its own: asked to stop, or its neighbour's death took it along.

    ``begun`` says whether any of its code ran.
    """

    run_id: str
    at_boot: int
    cause: str
    begun: bool
    log: bytes = b""
    log_bytes: int = 0


class Saving(NamedTuple):
    """The run wants ``state`` (JSON text) kept; it waits for ``Slots.answer(run_id, ...)``."""

    run_id: str
    state: str
    fraction: float | None
    note: str | None


class Loading(NamedTuple):
    """The run wants its last checkpoint; it waits for ``Slots.answer(run_id, ...)``."""

    run_id: str


class Told(NamedTuple):
    """The run says how far it is; nobody waits."""

    run_id: str
    fraction: float | None
    note: str | None


SlotEvent = Began | Returned | Raised | Stopped | Saving | Loading | Told


class Answer(NamedTuple):
    """To ``Saving`` and ``Loading``: the state (JSON text) or ``None``; an error to raise in the handler, or ``None``."""

    state: str | None = None
    error: str | None = None
    interrupted: str | None = None
    """Why the run should end early (drain, cancelled), or ``None``."""


class Slots(Protocol):
    """Supervised places where handlers run, each in a process of its own, behind a guard (the leash).

    Every started run yields exactly one of ``Returned``, ``Raised``, ``Stopped``. No process of a run is alive past
    its ``deadline_boot`` plus grace, whatever it does and whether or not this process is alive.
    """

    def free(self) -> int:
        """How many runs could begin at once now."""
        ...

    def knows(self, name: str) -> bool:
        """Whether the application has this handler."""
        ...

    def start(self, jobs: Sequence[Job]) -> None:
        """Hand over; jobs beyond ``free()`` wait behind running ones in the shortest line."""
        ...

    def events(self, wait: int) -> list[SlotEvent]:
        """What happened, waiting up to ``wait`` ms for the first event."""
        ...

    def wake(self) -> None:
        """Make an ``events`` under way in another thread return at once."""
        ...

    def answer(self, run_id: str, answer: Answer) -> None:
        """Answer a ``Saving`` or ``Loading``."""
        ...

    def interrupt(self, reason: str) -> None:
        """Tell every running handler that it should end soon (``current().interrupted``)."""
        ...

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        """End these runs (TERM, grace, KILL); each yields its event when it is seen dead. Waiting ones never begin."""
        ...

    def close(self) -> None:
        """Kill everything, return when nothing is left alive."""
        ...


Rows = Iterable[Mapping[str, object]]
