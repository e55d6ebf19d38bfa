"""What the ledger suites need around a ledger, and the few moves that their stories are told in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Protocol

from leasehold.core.events import Completed, Event, Failed, Started
from leasehold.core.ids import RANDOMNESS, Tick, ordered_id
from leasehold.core.model import Decision, Failure, FailureKind, Policy, Run, Status, Task
from leasehold.core.reports import Payload
from leasehold.core.transitions import state_name
from leasehold.ports.ledger import (
    Accepted,
    Applied,
    Change,
    Existing,
    KeyConflict,
    Ledger,
    NewTask,
    Outgoing,
    Terms,
)
from leasehold.ports.queue import Message
from leasehold.ports.views import TaskView, Views

LEASE = 60_000
VALIDITY = 600_000
POLICY = Policy(LEASE, attempts=3, losses=2, backoff_base=1_000, backoff_cap=1_000)
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError", "no samples in 'a.wav'", "media.py:decode", "Traceback ...")
ALL = 100_000


class LedgerBench(Protocol):
    """A new, empty ledger for one test, with its views, on a clock that stands still until it is turned."""

    ledger: Ledger
    views: Views

    def another(self) -> Ledger:
        """A second way into the same database, as another process has it."""
        ...

    def let_pass(self, ms: int) -> None:
        """Let time pass on the database's clock."""
        ...


class Moves:
    """The moves of a story. Runs are called after their token: run 1.2 is the second receive of dispatch 1."""

    def __init__(self, bench: LedgerBench) -> None:
        self.bench = bench
        self.ledger = bench.ledger
        self.views = bench.views
        self._count = count()

    def new(
        self,
        *,
        name: str = "transcribe",
        queue: str = "default",
        key: str | None = None,
        batch: str | None = None,
        priority: int = 0,
        delay: int = 0,
        arguments: str = '{"source": "a.wav"}',
        find: tuple[str, ...] = (),
    ) -> NewTask:
        """A task that is yet to be submitted."""
        now, nth = self.ledger.now(), next(self._count)
        task = Task(
            id=ordered_id(Tick(now), nth.to_bytes(RANDOMNESS)),
            name=name,
            queue=queue,
            policy=POLICY,
            created_at=now,
            due_at=now + delay,
            priority=priority,
            batch=batch,
        )
        return NewTask(task, arguments, key=key, fingerprint=arguments if key else "", find=find)

    def submit(self, *new: NewTask) -> list[Accepted | Existing | KeyConflict]:
        """Submit, in one transaction."""
        return self.ledger.submit(new)

    def given(
        self, tasks: int = 1, *, name: str = "transcribe", queue: str = "default", batch: str | None = None
    ) -> list[str]:
        """Tasks that are due; their ids."""
        new = [self.new(name=name, queue=queue, batch=batch) for _ in range(tasks)]
        self.submit(*new)
        return [each.task.id for each in new]

    def dispatch(self, queue: str = "default", limit: int = ALL) -> list[Outgoing]:
        """Dispatch without a queue of the ledger's own."""
        return self.ledger.dispatch(queue, limit, Terms(VALIDITY), no_messages, None)

    def out(self, tasks: int = 1, **fields: str) -> list[str]:
        """Tasks that are queued; their ids."""
        ids = self.given(tasks, **fields)
        self.dispatch(fields.get("queue", "default"))
        return ids

    def apply(self, task_id: str, *events: Event) -> list[Applied]:
        """Apply events to one task, in one transaction."""
        return self.ledger.apply([Change(task_id, event) for event in events])

    def run(self, n: int = 1, r: int = 1, *, worker: str = "i-1/boot") -> Run:
        """A run that starts now."""
        now = self.ledger.now()
        return Run(n, r, f"run-{n}.{r}", worker, now + LEASE, now, f"receipt-{n}.{r}")

    def started(self, n: int = 1, r: int = 1) -> Started:
        """It began."""
        return Started(self.run(n, r))

    def completed(self, n: int = 1, r: int = 1) -> Completed:
        """It succeeded."""
        return Completed(self.run(n, r), self.ledger.now())

    def failed(self, n: int = 1, r: int = 1, *, failure: Failure = BROKEN, for_good: bool = True) -> Failed:
        """It failed, its message deleted."""
        return Failed(self.run(n, r), self.ledger.now(), failure, unrecoverable=for_good, deleted=True)

    def complete(self, task_id: str, result: str = '"text"') -> list[Applied]:
        """Apply run 1.1's success with a result."""
        return self.ledger.apply([Change(task_id, self.completed(), payload=Payload(result=result))])

    def task(self, task_id: str) -> Task:
        """The task as it stands."""
        return self.view(task_id).task

    def view(self, task_id: str) -> TaskView:
        """The task with its cold parts."""
        found = self.views.task(task_id)
        assert found is not None, f"task {task_id} should be in the ledger"
        return found

    def state(self, task_id: str) -> str:
        """Status and why, in one word."""
        task = self.task(task_id)
        return state_name(task.status, task.why)

    def trail(self, task_id: str) -> list[str]:
        """The kinds of the task's audit lines."""
        return [line.kind for line in self.views.audit(task_id)]

    def assert_accounted_for(self) -> None:
        """Rows, trails and counters agree."""
        counted = {cell: cell.tasks for cell in self.views.counts()}
        assert counted == {cell: cell.tasks for cell in self.views.true_counts()}
        for chunk in self.views.scan():
            for task in chunk:
                trail = self.views.audit(task.id)
                assert [line.seq for line in trail] == list(range(1, task.version + 1))
                assert trail[-1].after == state_name(task.status, task.why)


def no_messages(outgoing: Sequence[Outgoing]) -> list[Message]:
    """For dispatches that nobody sends."""
    raise AssertionError(f"without a queue, no messages are made of {len(outgoing)} tasks inside the transaction")


def decided(answers: Sequence[Applied]) -> list[bool]:
    """Which changes changed something."""
    return [isinstance(answer, Decision) for answer in answers]


def statuses(answers: Sequence[Applied]) -> list[Status]:
    """Where each decision left its task."""
    return [answer.task.status for answer in answers if isinstance(answer, Decision)]
