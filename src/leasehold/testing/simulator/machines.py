"""The machines of a simulated world: orchestrators and workers, made of the real roles, each with its own clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.core.wire import PACK_CEILING
from leasehold.flow.bundle import Unit
from leasehold.flow.claims import LedgerClaims, LedgerOutbox
from leasehold.flow.dead_letters import DeadLetters
from leasehold.flow.desk import Desk
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.errands import Errands, Work, at_once
from leasehold.flow.gate import Gate
from leasehold.flow.horizon import Horizon
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.flow.marks import Marks
from leasehold.flow.outbox import GrantsAll, StatusQueueOutbox
from leasehold.flow.pace import Pace
from leasehold.flow.recall import Recall
from leasehold.flow.recorder import RECORDING, Recorder
from leasehold.flow.reporter import Reporter
from leasehold.flow.scheduler import Scheduler
from leasehold.flow.sweeper import Sweeper
from leasehold.flow.worker import Worker
from leasehold.ports.ledger import Ledger
from leasehold.ports.reports import Outbox
from leasehold.testing.simulator.lines import Actor
from leasehold.testing.simulator.slots import WorldSlots
from leasehold.testing.simulator.terms import MARGIN

if TYPE_CHECKING:
    from leasehold.testing.simulator.world import World

PAYLOAD_LIMIT = 200_000
LOOKS = 1_000
"""ms that a recorder's look at the status queue may take."""
Step = Callable[[], int]


class NoBell:
    """A bell is only a hint: nobody hears this one."""

    def ring(self, topic: str) -> None:
        """Wake nobody."""

    def wait(self, topic: str, timeout: int) -> bool:
        """Nobody waits in a simulation."""
        del topic, timeout
        return False

    def close(self) -> None:
        """Nothing to end."""


BELL = NoBell()


class Roles:
    """Makes the roles of one world; a test that wants to see a fault found makes broken ones."""

    dispatcher = Dispatcher
    recorder = Recorder
    sweeper = Sweeper
    scheduler = Scheduler
    dead_letters = DeadLetters
    recall = Recall
    reporter = Reporter
    worker = Worker
    intake = Intake


class Orchestrator:
    """Dispatcher, recorder, sweeper, scheduler, reader of dead letters."""

    def __init__(self, world: World, actor: Actor) -> None:
        self.actor = actor
        self.clock = world.machine_clock()
        self._lag: Callable[[], int] | None = None
        self._heard: Callable[[], int] = self.clock.boot
        ledger, terms = world.ledger_line(actor), world.terms
        self.steps: dict[str, Step] = {"dispatcher": self._dispatcher(world, ledger).step}
        if not terms.claims:
            self.steps["recorder"] = self._recorder(world, ledger).step
        self.steps["sweeper"] = self._sweeper(world, ledger).step
        self.steps["scheduler"] = world.roles.scheduler(ledger, BELL).step
        self.steps["recall"] = self._recall(world, ledger).step
        if terms.max_receives is not None:
            dead = world.roles.dead_letters(world.dead_line(actor), ledger, BELL, key=world.key)
            self.steps["dead letters"] = dead.step

    def _dispatcher(self, world: World, ledger: Ledger) -> Dispatcher:
        return world.roles.dispatcher(
            ledger,
            lambda name: world.task_line(self.actor, name),
            self.clock,
            key=world.key,
            validity=world.terms.validity,
            largest_window=10_000,
            most_receives=world.terms.most_receives,
            claims_before_run=world.terms.claims,
        )

    def _recorder(self, world: World, ledger: Ledger) -> Recorder:
        horizon = Horizon(self.clock, span=RECORDING + LOOKS, patience=LOOKS)
        status = world.status_line(self.actor)
        recorder = world.roles.recorder(status, ledger, BELL, world.chance, key=world.key, horizon=horizon)
        self._lag, self._heard = lambda: recorder.lag, horizon.heard
        return recorder

    def _sweeper(self, world: World, ledger: Ledger) -> Sweeper:
        told = Marks(world.store_line(self.actor)).follow
        claims = world.terms.claims
        return world.roles.sweeper(ledger, self.clock, BELL, self._behind, told, claims_before_run=claims)

    def _recall(self, world: World, ledger: Ledger) -> Recall:
        return world.roles.recall(
            ledger,
            lambda name: world.task_line(self.actor, name),
            self._heard,
            self.clock,
            BELL,
            margin=MARGIN,
            claims_before_run=world.terms.claims,
        )

    def _behind(self) -> int:
        """How far (ms) its own recorder is behind."""
        return 0 if self._lag is None else self._lag()


class WatchedOutbox:
    """An outbox whose acknowledged successes the world remembers (S6)."""

    def __init__(self, outbox: Outbox, acknowledged: Callable[[Update], None]) -> None:
        self._outbox = outbox
        self._acknowledged = acknowledged

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each is durably accepted."""
        answers = self._outbox.post(updates, malformed)
        for update, accepted in zip(updates, answers, strict=False):
            if accepted and update.kind is UpdateKind.COMPLETED:
                self._acknowledged(update)
        return answers


class LaterErrands:
    """An executor that does each call to the store when the schedule says, in any order."""

    def __init__(self, world: World) -> None:
        self._waiting: list[Work] = []
        self._chance = world.chance

    def __call__(self, work: Work) -> None:
        """Do it later."""
        self._waiting.append(work)

    def step(self) -> int:
        """The store answers one call."""
        if not self._waiting:
            return 0
        self._waiting.pop(self._chance.randrange(len(self._waiting)))()
        return 1


class Node:
    """A worker: intakes, worker, reporter, and what the store owes it."""

    def __init__(self, world: World, actor: Actor, *, new: bool) -> None:
        self.actor = actor
        self.clock = world.machine_clock()
        self.new = new
        """Whether it has the newest version of the application."""
        self.receiving = 0
        self.draining = False
        self.slots = self._slots(world)
        later = LaterErrands(world) if world.terms.slow_store else None
        claims, outbox = world.reports(self)
        self.reporter = world.roles.reporter(WatchedOutbox(outbox, world.watch.acknowledged), self.clock, linger=0)
        gate = Gate(claims, self.clock, apart=world.terms.claims, wake=self.slots.wake)
        self.worker = world.roles.worker(
            self.slots,
            self.reporter,
            gate,
            Desk(world.store_line(actor), self.clock, Errands(later or at_once, self.slots.wake), limit=PAYLOAD_LIMIT),
            self.clock,
            Pace(world.terms.fetch_ahead),
            size=world.terms.slots,
            margin=MARGIN,
        )
        self._watch = world.watch
        self._intake = self._made_intake(world)
        self.steps: Mapping[str, Step] = {
            "intake": self._take_in,
            "worker": self.worker.step,
            "reporter": self.reporter.step,
            **({"claims": gate.step} if world.terms.claims else {}),
            "store": (lambda: 0) if later is None else later.step,
        }

    def _slots(self, world: World) -> WorldSlots:
        return WorldSlots(
            self.clock,
            world.life,
            world.chance,
            worker=self.actor.name,
            places=world.terms.slots,
            knows=lambda name: name != "new" or self.new,
            stands_still=lambda: bool(self.actor.frozen),
            die=self._die,
            peace=lambda: world.fates.quiet,
            say=world.say,
        )

    def _made_intake(self, world: World) -> Intake:
        return world.roles.intake(
            [world.task_line(self.actor, name) for name in world.queue_names],
            self.reporter,
            self.clock,
            worker=self.actor.name,
            new_id=IdMaker(self.clock, world.chance),
            knows=self.slots.knows,
            room=self.worker.room,
            give=self._give,
        )

    def drain(self, reason: str, patience: int) -> None:
        """A notice came."""
        if not self.draining:
            self.draining = True
            self.worker.begin_drain(reason, patience)

    @property
    def drained(self) -> bool:
        """Whether nothing is held, and nothing can come any more."""
        if not self.draining or self.receiving or "worker" in self.actor.busy:
            return False
        return self.worker.drained

    def _take_in(self) -> int:
        if self.draining:
            return 0
        self.receiving += 1
        try:
            return self._intake.step()
        finally:
            self.receiving -= 1

    def _give(self, received: Sequence[Unit]) -> None:
        self._watch.received(received)
        self.worker.give(received)

    def _die(self) -> None:
        """A handler took the whole worker down."""
        self.actor.gone = True


def reports_of(world: World, node: Node) -> tuple[LedgerClaims | GrantsAll, Outbox]:
    """Who grants a worker's runs, and where its reports go."""
    if world.terms.claims:
        ledger = world.ledger_line(node.actor)
        return LedgerClaims(ledger, BELL), LedgerOutbox(ledger, BELL, node.clock, world.chance)
    return GrantsAll(), StatusQueueOutbox(world.status_line(node.actor), node.clock, ceiling=PACK_CEILING)
