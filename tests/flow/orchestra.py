"""One orchestrator by hand, on a real ledger in a file of its own, with queues in memory and a manual clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.views import DatabaseViews
from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.model import Policy, Status, Task
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.transitions import state_name
from leasehold.core.wire import PACK_CEILING, TaskMessage, decode_task_message
from leasehold.flow.client import Order, Refused
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.ids import IdMaker
from leasehold.flow.ledger_client import LedgerClient
from leasehold.flow.marks import Marks
from leasehold.flow.outbox import StatusQueueOutbox
from leasehold.flow.recorder import Recorder
from leasehold.flow.scheduler import Scheduler
from leasehold.flow.sweeper import Sweeper
from leasehold.ports.ledger import Ledger
from leasehold.testing.clock import ManualClock
from tests.flow.scripted import MINUTE, JournalQueue

VALIDITY = 10 * MINUTE
POLICY = Policy(MINUTE, attempts=3, losses=2, backoff_base=1_000, backoff_cap=1_000)


@dataclass
class ScriptedBell:
    """Writes down who was woken; waiting lets time pass, or whatever a test says."""

    clock: ManualClock
    rung: list[str] = field(default_factory=list[str])
    waits: list[int] = field(default_factory=list[int])
    meanwhile: list[object] = field(default_factory=list[object])
    """Callables, one per wait: what happens while somebody waits."""
    closed: bool = False

    def ring(self, topic: str) -> None:
        self.rung.append(topic)

    def wait(self, topic: str, timeout: int) -> bool:
        del topic
        self.waits.append(timeout)
        if self.meanwhile:
            happens = self.meanwhile.pop(0)
            assert callable(happens)
            happens()
        self.clock.advance(timeout)
        return True

    def close(self) -> None:
        self.closed = True


class Orchestra:
    def __init__(self, folder: Path, *, claims_before_run: bool = False) -> None:
        self.claims_before_run = claims_before_run
        self.clock = ManualClock()
        self.random = Random(0)
        self.database = open_database(f"sqlite:///{folder / 'ledger.db'}", clock=self.clock)
        self.ledger = DatabaseLedger(self.database)
        self.views = DatabaseViews(self.database)
        self.store = MemoryStore()
        self.bell = ScriptedBell(self.clock)
        self.ids = IdMaker(self.clock, self.random)
        self.queues: dict[str, JournalQueue] = {}
        self.status = JournalQueue("status", self.clock)
        self.key = self.ledger.secret("capability")
        self.client = LedgerClient(
            self.ledger, self.views, self.store, self.bell, self.clock, ids=self.ids, payload_limit=200_000
        )
        self.dispatcher = self.another_dispatcher()
        self.recorder = Recorder(self.status, self.ledger, self.bell, self.random, key=self.key)
        self.lag = 0
        self.sweeper = self.another_sweeper()
        self.scheduler = Scheduler(self.ledger, self.bell)
        self.outbox = StatusQueueOutbox(self.status, self.clock, ceiling=PACK_CEILING)

    def another_dispatcher(self, ledger: Ledger | None = None) -> Dispatcher:
        return Dispatcher(
            ledger or self.ledger,
            self.queue,
            self.clock,
            key=self.key,
            validity=VALIDITY,
            largest_window=10_000,
            most_receives=10,
            claims_before_run=self.claims_before_run,
        )

    def another_sweeper(self) -> Sweeper:
        follow, claims = Marks(self.store).follow, self.claims_before_run
        return Sweeper(self.ledger, self.clock, self.bell, lambda: self.lag, follow, claims_before_run=claims)

    def queue(self, name: str = "default") -> JournalQueue:
        if name not in self.queues:
            self.queues[name] = JournalQueue(f"tasks:{name}", self.clock)
        return self.queues[name]

    # -- moves

    def submit(self, tasks: int = 1, **fields: object) -> list[str]:
        """Tasks, submitted in one go; their ids."""
        orders = [Order("work", '{"x":1}', POLICY)._replace(**fields) for _ in range(tasks)]
        answers = [answer for _, answer in self.client.submit_many((None, order) for order in orders)]
        return [answer.task_id for answer in answers if not isinstance(answer, Refused)]

    def messages(self, name: str = "default") -> list[TaskMessage]:
        """What lies on a task queue, in the order in which it was sent."""
        return [decode_task_message(copy.body) for copy in self.queue(name).peek()]

    def report(self, kind: UpdateKind, message: TaskMessage, r: int = 1, **fields: object) -> Update:
        """Post what a worker that received this message says of it."""
        update = self.said(kind, message, r, **fields)
        assert self.outbox.post([update]) == [True]
        return update

    def said(self, kind: UpdateKind, message: TaskMessage, r: int = 1, **fields: object) -> Update:
        task = message.tasks[0]
        now = self.clock.boot()
        run_id = f"00000000-0000-7000-8000-{task.n:06d}{r:06d}"
        update = Update(self.ids(), kind, task.id, task.capability, task.n, r, run_id, "w1", message.lease, now)
        update = update._replace(began_boot=now, ended_boot=now)
        if kind is UpdateKind.COMPLETED:
            update = update._replace(result="42")
        return update._replace(**fields)

    def started(self, tasks: int = 1) -> list[str]:
        """Tasks whose first run has begun; their ids."""
        ids = self.submit(tasks)
        self.dispatcher.step()
        for message in self.messages():
            if message.tasks[0].id in ids:
                self.report(UpdateKind.STARTED, message)
        self.recorder.step()
        assert {self.state(id) for id in ids} == {"in_progress"}
        return ids

    # -- what has come of it

    def task(self, id: str) -> Task:
        view = self.views.task(id)
        assert view is not None
        return view.task

    def state(self, id: str) -> str:
        task = self.task(id)
        return state_name(task.status, task.why)

    def states(self, ids: Sequence[str]) -> list[str]:
        return [self.state(id) for id in ids]

    def completed(self) -> int:
        return sum(cell.tasks for cell in self.views.counts() if cell.status is Status.COMPLETED)

    def trail(self, id: str) -> list[str]:
        return [line.kind for line in self.views.audit(id)]

    def close(self) -> None:
        self.ledger.close()
