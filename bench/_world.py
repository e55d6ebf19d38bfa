"""A fleet in simulated time: real dispatcher, intakes, workers, reporters, recorder and sweeper, one event at a time.

The queues are in memory, the ledger is SQLite on the same manual clock, the slots only let time pass. Nothing fails
here (that is ``leasehold.testing.simulator``): what is looked at is how much waits where, and for how long.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from bench._listening import CountedQueue, Listening
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import create_schema, open_database
from leasehold.adapters.memory.store import MemoryStore
from leasehold.backends import BILLED
from leasehold.core.model import Policy, Task
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import PACK_CEILING
from leasehold.flow.bundle import Unit
from leasehold.flow.desk import Desk
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.errands import Errands, at_once
from leasehold.flow.gate import Gate
from leasehold.flow.held import Entry, Held
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.flow.outbox import GrantsAll, StatusQueueOutbox
from leasehold.flow.pace import Pace
from leasehold.flow.recorder import Recorder
from leasehold.flow.sweeper import Sweeper
from leasehold.flow.worker import Worker
from leasehold.ports.ledger import Flight, NewTask
from leasehold.ports.slots import Job
from leasehold.testing.clock import ManualClock
from leasehold.testing.timed_slots import TimedSlots

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
MARGIN = 15 * SECOND
REQUEST = 10
"""ms that a request to a queue takes."""
LOOK = 1_000
"""ms after which whoever could be woken looks by himself."""


class Quiet:
    """Nobody sleeps here."""

    def ring(self, topic: str) -> None: ...

    def wait(self, topic: str, timeout: int) -> bool:
        del topic, timeout
        return True

    def close(self) -> None: ...


@dataclass
class Seen:
    """What came of it."""

    waits: list[int] = field(default_factory=list)
    """ms from the receive of each run's message to its beginning, beyond the slots that were free then."""
    spent: list[float] = field(default_factory=list)
    """Share of each run's lease that was over when it began."""
    begun: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)
    """Messages that left a worker without having begun, by what was said of them."""
    receives: int = 0
    received: int = 0
    hoarded: float = 0.0
    """ms x messages that waited in a worker while as many slots were free in others."""
    idle: float = 0.0
    """ms x free slots."""
    capacity: float = 0.0


class SimulatedNode:
    """One worker."""

    def __init__(self, world: World, number: int, slots: int) -> None:
        self.world = world
        clock = world.clock
        self.size = slots
        self.slots = TimedSlots(clock, slots, world.lasting, began=self._began)
        outbox = StatusQueueOutbox(world.status, clock, ceiling=PACK_CEILING)
        self.reporter = Listening(outbox, clock, linger=BILLED.linger, heard=self._said)
        desk = Desk(MemoryStore(), clock, Errands(at_once), limit=200_000)
        self.worker = Worker(
            self.slots,
            self.reporter,
            Gate(GrantsAll(), clock),
            desk,
            clock,
            Pace(BILLED.fetch_ahead),
            size=slots,
            margin=MARGIN,
        )
        name = f"node-{number}"
        self.intake = Intake(
            [world.queue],
            self.reporter,
            clock,
            worker=name,
            new_id=IdMaker(clock, Random(name)),
            knows=self.slots.knows,
            room=self.worker.room,
            give=self._give,
        )
        self.waiting: dict[str, Held] = {}
        """Received and not begun."""
        self.free = 0
        """Slots that a long poll waits for."""
        self.polling = False
        """A long poll is under way, and there was nothing to receive."""
        self.asking = False
        self.reporting = False
        self.next_turn = 1 << 60

    # ------------------------------------------------------------ events

    def turn(self) -> None:
        """Something happened: the worker takes steps until nothing is left to do."""
        while self.worker.step():
            pass
        self._plan()

    def _plan(self) -> None:
        world, now = self.world, self.world.clock.boot()
        if self.polling:
            self._count(self.slots.free())
        if not self.asking and self.worker.room() > 0:
            self.asking = True
            world.later(REQUEST, self.receive)
        if not self.reporting and self.reporter.backlog:
            self.reporting = True
            world.later(BILLED.linger, self.report)
        at = self.slots.next_at
        if self.waiting:
            at = min(now + LOOK, (1 << 60) if at is None else at)
        if at is not None and (at < self.next_turn or self.next_turn <= now):
            self.next_turn = at
            world.at(at, self._turn_of(at))

    def _turn_of(self, at: int) -> Callable[[], None]:
        def turn() -> None:
            if self.next_turn == at:
                self.next_turn = 1 << 60
                self.turn()

        return turn

    def receive(self) -> None:
        self.asking = False
        if self.worker.room() <= 0:
            return
        self.world.seen.receives += 1
        came = self.intake.step()
        self.world.seen.received += came
        if came:
            self.turn()
        else:
            self.asking = self.polling = True
            self._count(self.slots.free())
            self.world.polling.append(self)

    def answer(self) -> None:
        """Its long poll brings what is there."""
        self.polling = False
        self._count(0)
        self.receive()

    def _count(self, free: int) -> None:
        self.world.free += free - self.free
        self.free = free

    def report(self) -> None:
        self.reporting = False
        self.reporter.step()
        self.world.arrived()
        if self.reporter.backlog:
            self.reporting = True
            self.world.later(BILLED.linger, self.report)

    # ------------------------------------------------------------ what is seen

    def _give(self, received: Sequence[Unit]) -> None:
        free = self.slots.free() - len(self.waiting)
        for place, unit in enumerate(received):
            for held in unit:
                self.waiting[held.run_id] = held
                self.world.ahead[held.run_id] = place >= free
        self.worker.give(received)

    def _began(self, job: Job, at: int) -> None:
        held = self.waiting.pop(job.run_id)
        seen = self.world.seen
        seen.begun[job.name] += 1
        if self.world.ahead.pop(job.run_id):
            seen.waits.append(at - held.arrived)
        seen.spent.append((at - held.hold.since) / held.hold.span)

    def _said(self, entry: Entry) -> None:
        said = entry.said
        if not isinstance(said, Update):
            return
        held = self.waiting.get(said.run_id)
        if held is not None and said.kind not in {UpdateKind.STARTED, UpdateKind.COMPLETED}:
            del self.waiting[held.run_id]
            if self.world.ahead.pop(held.run_id):
                self.world.seen.waits.append(self.world.clock.boot() - held.arrived)
            self.world.seen.turned_away[f"{said.kind.value}: {said.note or ''}"] += 1


class World:
    """Nodes, one task queue, one orchestrator (or two)."""

    def __init__(
        self,
        folder: Path,
        lasting: Callable[[Job], int],
        *,
        nodes: int,
        slots: int,
        orchestrators: int = 1,
        chores: int = 5 * SECOND,
        validity: int = 10 * MINUTE,
        window: int = 10_000,
        look: int = LOOK,
    ) -> None:
        self.clock = ManualClock()
        self.random = Random(1)
        self.ids = IdMaker(self.clock, self.random)
        self.lasting = lasting
        self.chores = chores
        self.look = look
        self.size = nodes * slots
        self.seen = Seen()
        self.ahead: dict[str, bool] = {}
        """What was received and has not begun, by run: whether it was fetched ahead."""
        self.free = 0
        """Slots that nothing was there for."""
        self.looks: list[tuple[int, Flight]] = []
        self.polling: deque[SimulatedNode] = deque()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._recording = self._dispatching = False
        self._orchestrate(f"sqlite:///{folder / 'world.db'}", orchestrators, validity, window)
        self.nodes = [SimulatedNode(self, number, slots) for number in range(nodes)]

    def _orchestrate(self, url: str, orchestrators: int, validity: int, window: int) -> None:
        create_schema(url)
        self.ledger = DatabaseLedger(open_database(url, clock=self.clock))
        self.queue = CountedQueue("tasks", self.clock)
        self.status = CountedQueue("status", self.clock)
        key, bell = self.ledger.secret("capability"), Quiet()
        self.dispatchers = [
            Dispatcher(
                self.ledger,
                lambda _: self.queue,
                self.clock,
                key=key,
                validity=validity,
                largest_window=window,
                most_receives=10,
            )
            for _ in range(orchestrators)
        ]
        self.recorder = Recorder(self.status, self.ledger, bell, self.random, key=key)
        self.sweeper = Sweeper(self.ledger, self.clock, bell, lambda: self.recorder.lag)

    # ------------------------------------------------------------ time

    def at(self, at: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), act))

    def later(self, ms: int, act: Callable[[], None]) -> None:
        self.at(self.clock.boot() + ms, act)

    def start(self) -> None:
        for node in self.nodes:
            node.turn()
        self.later(0, self._dispatch_now_and_then)
        self.later(self.chores, self._sweep)

    def run(self, until: Callable[[], bool] = lambda: False, *, limit: int = 1 << 60) -> None:
        """Let time pass until this is so."""
        while self._events and self.clock.boot() < limit and not until():
            at, _, act = heapq.heappop(self._events)
            passed = at - self.clock.boot()
            if passed > 0:
                self._account(passed)
                self.clock.advance(passed)
            act()

    def _account(self, ms: int) -> None:
        self.seen.hoarded += ms * min(self.free, len(self.ahead))
        self.seen.idle += ms * self.free
        self.seen.capacity += ms * self.size

    # ------------------------------------------------------------ the orchestrator

    def submit(self, tasks: Sequence[tuple[str, int, Policy]]) -> None:
        """(name, ms, policy) each."""
        for start in range(0, len(tasks), 1_000):
            now = self.clock.now()
            self.ledger.submit(
                [
                    NewTask(Task(self.ids(), name, "default", policy, now, now), f'{{"ms":{ms}}}', None)
                    for name, ms, policy in tasks[start : start + 1_000]
                ]
            )

    def _dispatch_now_and_then(self) -> None:
        self.dispatch()
        self.later(self.look, self._dispatch_now_and_then)

    def dispatch(self) -> None:
        self._dispatching = False
        if sum([dispatcher.step() for dispatcher in self.dispatchers]):
            self._ring()
        self.looks.append((self.clock.boot(), self.flight()))
        self.offer()

    def _ring(self) -> None:
        if not self._dispatching:
            self._dispatching = True
            self.later(REQUEST, self.dispatch)

    def offer(self) -> None:
        """Whoever polls gets what is there."""
        while self.polling and self.queue.depth().visible:
            self.polling.popleft().answer()

    def arrived(self) -> None:
        """Somebody reported: it is recorded soon; and something may have been given back."""
        self.offer()
        if not self._recording:
            self._recording = True
            self.later(REQUEST, self._record)

    def _record(self) -> None:
        self._recording = False
        if self.recorder.step():
            self._ring()
        if self.status.depth().visible:
            self.arrived()

    def _sweep(self) -> None:
        self.recorder.step()
        self.sweeper.step()
        self.offer()
        self.later(self.chores, self._sweep)

    def flight(self) -> Flight:
        none = Flight(0, 0, 0, 0, paused=False, started=0, expired=0)
        return self.ledger.flights().get("default", none)

    @property
    def over(self) -> bool:
        """Nothing is left to do."""
        flight = self.looks[-1][1] if self.looks else self.flight()
        return bool(self.looks) and not (flight.due or flight.queued or flight.in_progress or flight.lapsed)

    def close(self) -> None:
        self.ledger.close()
