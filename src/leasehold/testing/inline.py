"""A whole system in the test's own process, on a clock that only moves when nothing else is left to do.

::

    def test_transcribe(tmp_path):
        with run_inline(app) as system:
            handle = transcribe.submit("a.wav")
            assert handle.result() == "hello"          # drives the system until the task has ended
            assert system.clock.now() - START < 1_000  # backoffs and leases pass in no time

The real roles, ledger (SQLite in a temporary folder) and wire formats; queues and store in memory; handlers in threads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.views import DatabaseViews
from leasehold.adapters.memory import Faults, MemoryQueue, MemoryStore
from leasehold.core.alarms import alarm
from leasehold.core.errors import Unavailable
from leasehold.core.wire import PACK_CEILING
from leasehold.flow.desk import Desk
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.errands import Errands, at_once
from leasehold.flow.gate import Gate
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.flow.lease import Ahead
from leasehold.flow.ledger_client import LedgerClient
from leasehold.flow.outbox import GrantsAll, StatusQueueOutbox
from leasehold.flow.pace import Pace
from leasehold.flow.recorder import Recorder
from leasehold.flow.registry import Registry
from leasehold.flow.reporter import Reporter
from leasehold.flow.scheduler import Scheduler
from leasehold.flow.sweeper import Sweeper
from leasehold.flow.worker import Worker
from leasehold.testing.clock import ManualClock
from leasehold.testing.slots import InlineSlots

if TYPE_CHECKING:
    from leasehold.app import App

MARGIN = 1_000
VALIDITY = 600_000
PAYLOAD_LIMIT = 64 << 20
MOST_RECEIVES = 10
WINDOW = 10_000


class InlineSystem:
    """All roles, stepped one after the other. ``seed`` fixes ids, jitter and faults."""

    def __init__(self, registry: Registry, folder: Path, *, seed: int = 0, faults: Faults | None = None) -> None:
        self.clock = ManualClock()
        self.random = Random(seed)  # noqa: S311 - a test must be repeatable
        self.new_id = IdMaker(self.clock, self.random)
        self.store = MemoryStore()
        self.reports = MemoryQueue("status", self.clock, faults=faults)
        self._faults = faults
        self._tasks: dict[str, MemoryQueue] = {}
        database = open_database(f"sqlite:///{folder / 'ledger.db'}", clock=self.clock)
        self.ledger = DatabaseLedger(database)
        self.views = DatabaseViews(database)
        self.client = LedgerClient(
            self.ledger, self.views, self.store, self, self.clock, ids=self.new_id, payload_limit=PAYLOAD_LIMIT
        )
        self._make_orchestrator(self.ledger.secret("capability"))
        self._make_worker(registry)

    def _make_orchestrator(self, key: bytes) -> None:
        self.recorder = Recorder(self.reports, self.ledger, self, self.random, key=key)
        self.dispatcher = Dispatcher(
            self.ledger,
            self.task_queue,
            self.clock,
            key=key,
            validity=VALIDITY,
            largest_window=WINDOW,
            most_receives=MOST_RECEIVES,
        )
        self.sweeper = Sweeper(self.ledger, self.clock, self, lambda: self.recorder.lag)
        self.scheduler = Scheduler(self.ledger, self)

    def _make_worker(self, registry: Registry) -> None:
        self.slots = InlineSlots(registry, self.clock)
        outbox = StatusQueueOutbox(self.reports, self.clock, ceiling=PACK_CEILING)
        self.reporter = Reporter(outbox, self.clock, linger=0)
        self.worker = Worker(
            self.slots,
            self.reporter,
            Gate(GrantsAll(), self.clock),
            Desk(self.store, self.clock, Errands(at_once), limit=PAYLOAD_LIMIT),
            self.clock,
            Pace(Ahead(10)),
            size=1,
            margin=MARGIN,
        )
        queues = sorted({handler.queue for handler in registry.all()} | {"default"})
        self.intake = Intake(
            [self.task_queue(name) for name in queues],
            self.reporter,
            self.clock,
            worker="inline",
            new_id=self.new_id,
            knows=self.slots.knows,
            room=self.worker.room,
            give=self.worker.give,
        )

    def task_queue(self, name: str) -> MemoryQueue:
        """The task queue of that name."""
        if name not in self._tasks:
            self._tasks[name] = MemoryQueue(f"tasks:{name}", self.clock, faults=self._faults)
        return self._tasks[name]

    # ------------------------------------------------------------ time

    def step(self) -> int:
        """One step of every role, in the order in which a task walks; how much they did together.

        A role for which something is unavailable (an injected fault) tries again in the next step, as a service would.
        """
        return sum(
            attempted(role.step)
            for role in (
                self.scheduler,
                self.dispatcher,
                self.intake,
                self.worker,
                self.reporter,
                self.recorder,
                self.sweeper,
            )
        )

    def settle(self) -> int:
        """Step until nothing more happens at this instant; how much did."""
        done = 0
        while now := self.step():
            done += now
        return done

    def until_quiet(self) -> None:
        """Step, and let time pass, until no task waits for anything."""
        self.settle()
        while (ahead := self._next_instant()) is not None:
            self.clock.advance(max(1, ahead - self.clock.now()))
            self.settle()

    def _next_instant(self) -> int | None:
        """When the next thing happens by itself, or ``None``."""
        alarms = [at for chunk in self.views.scan() for task in chunk if (at := alarm(task)) is not None]
        hidden = [at for queue in (self.reports, *self._tasks.values()) if (at := queue.next_visible()) is not None]
        return min(alarms + hidden, default=None)

    # ------------------------------------------------------------ a bell that drives the system

    def ring(self, topic: str) -> None:
        """Everybody is stepped anyway."""

    def wait(self, topic: str, timeout: int) -> bool:
        """Somebody waits: let the system work; if there is nothing to do at this instant, let time pass."""
        del topic
        if not self.settle():
            ahead = self._next_instant()
            left = timeout if ahead is None else min(timeout, max(1, ahead - self.clock.now()))
            self.clock.advance(left)
        return True

    # ------------------------------------------------------------ what an App wants behind it

    def serve(self) -> None:
        """It is served whenever somebody waits."""

    def close(self) -> None:
        """Release the ledger."""
        self.ledger.close()


def attempted(step: Callable[[], int]) -> int:
    """What a step did; an attempt that failed counts as something done, so that it is repeated."""
    try:
        return step()
    except Unavailable:
        return 1


@contextmanager
def run_inline(app: App, *, seed: int = 0, faults: Faults | None = None) -> Generator[InlineSystem]:
    """Put a fresh system behind ``app`` inside the block. ``faults``: what its queues do wrong (see ``Faults``)."""
    with TemporaryDirectory(prefix="leasehold-inline-") as folder:
        system = InlineSystem(app.registry, Path(folder), seed=seed, faults=faults)
        with app.behind(system):
            yield system
        system.close()
