"""The ledger, read side: what every viewer sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from leasehold.core.metering import Metered
from leasehold.core.model import Audit, Failure, Status, Task, Why
from leasehold.core.reports import Malformed
from leasehold.core.units import CEILING
from leasehold.ports.ledger import Operation

if TYPE_CHECKING:
    from leasehold.ports.inspection import Inspection
    from leasehold.ports.pulse import Pulse

T = TypeVar("T")
SAID = 3
"""Handlers that a sentence names."""


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
    tenant: str | None = None


class Bound(NamedTuple):
    """How a filter of arguments was cut short: no index has what it asks for. ``str()`` says it in a sentence."""

    looked_at: int
    """Tasks whose arguments were looked through, the newest that fit the rest of the filter."""
    handlers: Sequence[str]
    """Those whose tasks have no such index, where others have one."""
    argument: str
    told: str = ""
    """The sentence, of who was told no more than that."""

    def __str__(self) -> str:
        return self.told or self._said()

    def _said(self) -> str:
        of = f" of {', '.join(map(repr, self.handlers[:SAID]))}" if self.handlers else ""
        more = f" and {left:,} more handlers" if (left := len(self.handlers) - SAID) > 0 else ""
        return (
            f"looked at the newest {self.looked_at:,} tasks{of}{more} only. To search all of them, declare "
            f'find=["{self.argument}"] at the handler; or narrow the filter by name:, batch: or age:'
        )


class Page(NamedTuple, Generic[T]):
    """Rows and the cursor of the next page, ``None`` at the end."""

    rows: Sequence[T]
    cursor: str | None
    unreadable: Sequence[str] = ()
    """Of each row that is left out because nobody can read it, a sentence."""
    bound: Bound | None = None
    """What of a filter of arguments was not looked for everywhere."""


class FailureGroup(NamedTuple):
    """How many failed ``tasks`` have this one cause."""

    id: str
    name: str
    type: str
    message: str
    frame: str
    tasks: int
    first_at: int
    last_at: int
    example: str
    """A task id."""


class Count(NamedTuple):
    """One counter cell: how many ``tasks`` stand there."""

    queue: str
    name: str
    batch: str | None
    error_group: str | None
    status: Status
    why: Why | None
    tasks: int


class BatchView(NamedTuple):
    """One batch and its counts by status."""

    name: str
    created_at: int
    counts: Mapping[str, int]
    forgotten: int = 0
    """Tasks that ended, and are not kept any more."""


class QueueView(NamedTuple):
    """One queue and its counts by ``status`` or ``status/why``."""

    name: str
    paused: bool
    counts: Mapping[str, int]


class WorkerView(NamedTuple):
    """What one worker runs now: how many tasks, and when the first and the last of their leases end."""

    name: str
    tasks: int
    first_lease_until: int
    last_lease_until: int


class Outcome(NamedTuple):
    """How a task ended; ``result`` as in ``TaskView``."""

    task_id: str
    status: Status
    ended_at: int
    result: str | None
    result_ref: str | None
    reason: str | None
    failure: Failure | None


class RunTime(NamedTuple):
    """One run, as far as its time matters; or a task without a run: then nothing but the first four is known."""

    number: int
    """Of its task: tasks submitted later have higher ones."""
    batch: str | None
    lease: int
    """What its task grants each run now."""
    bundle: int
    """Up to how many tasks of its handler share a message, and the lease of that."""
    started_at: int | None
    lease_until: int | None
    ended_at: int | None
    outcome: str | None
    lost_at: int | None
    failure: Failure | None

    @property
    def ran(self) -> bool:
        """Whether there is a run at all."""
        return any(known is not None for known in self[4:])


class Views(Protocol):
    """The read side. Never blocks a writer; counts come from counters, never from the tasks.

    Lists that take a cursor go on behind the row that it was made of (``ports.listings``), and raise ``BadCursor`` for
    one of another list.
    """

    def task(self, task_id: str) -> TaskView | None:
        """One task."""
        ...

    def find_id(self, prefix: str) -> list[str]:
        """Up to 10 task ids that begin or end with these characters (people paste parts of ids)."""
        ...

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        """Newest first; raises ``BadFilter`` for what does not parse, ``BadCursor`` for a cursor of another filter."""
        ...

    def count(self, filter_: str, ceiling: int = CEILING) -> int:
        """How many match, stopping at ``ceiling``."""
        ...

    def bound(self, filter_: str) -> Bound | None:
        """What of a filter of arguments is not looked for everywhere; ``None``: pages and counts of it are whole."""
        ...

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the given tasks that have ended."""
        ...

    def ended(self, batch: str, cursor: str | None = None, limit: int = 1_000) -> Page[Outcome]:
        """Outcomes of a batch in the order in which they were recorded, beyond ``cursor``.

        The cursor is never ``None``: whoever keeps reading on from it sees every outcome, and one twice only where a
        task was taken up again and ended anew.
        """
        ...

    def runs(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[RunView]:
        """Runs of a task, by token; all of them without a limit."""
        ...

    def audit(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
        """The audit trail, oldest first; that of a forgotten task too, as long as it is kept. Whole without a limit."""
        ...

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        """Counter cells that are not zero."""
        ...

    def failures(self, limit: int = 50, cursor: str | None = None) -> list[FailureGroup]:
        """Groups of failed tasks, largest first."""
        ...

    def batches(self, limit: int = 50, cursor: str | None = None) -> list[BatchView]:
        """Newest first."""
        ...

    def batch(self, name: str) -> BatchView | None:
        """The batch of that name."""
        ...

    def queues(self) -> list[QueueView]:
        """All queues that ever held a task."""
        ...

    def pulse(self) -> Pulse:
        """How the ledger is doing at a glance, from counters and a few rows of indexes: cheap however large it is."""
        ...

    def workers(self, limit: int = 50, cursor: str | None = None) -> list[WorkerView]:
        """Workers that run something, by name. One that is idle is not known to the ledger."""
        ...

    def requests(self, since: int, until: int) -> list[Metered]:
        """Requests to queues in the hours that began in [since, until), one tally per queue and action.

        ``hour`` is the first of these hours in which something was counted.
        """
        ...

    def run_times(self, name: str, queue: str, below: int, limit: int) -> list[RunTime]:
        """All runs of the ``limit`` newest tasks of a handler in a queue with a number below this one, newest first.

        Of tasks newer than any that ended or is in progress nothing is told. Empty: there are no more.
        """
        ...

    def operations(self, limit: int = 50, cursor: str | None = None) -> list[Operation]:
        """Newest first."""
        ...

    def operation(self, operation_id: str) -> Operation | None:
        """The operation of this whole id."""
        ...

    def quarantine(self, limit: int = 50, cursor: str | None = None) -> list[tuple[int, Malformed]]:
        """(when, message): newest first."""
        ...

    def scan(self, chunk: int = 1_000) -> Iterator[Sequence[Task]]:
        """Every hot row in id order, for ``audit`` only."""
        ...

    def inspect(self) -> AbstractContextManager[Inspection]:
        """A snapshot of everything, held until the block ends, for ``audit`` only."""
        ...

    def true_counts(self) -> list[Count]:
        """Counted from the tasks themselves, slowly, for ``audit`` only."""
        ...
