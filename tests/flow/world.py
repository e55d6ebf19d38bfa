"""A small world: one ledger, two orchestrators, two nodes, and queues that misbehave; one seed decides everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Unpack, cast

from leasehold.adapters.memory import Faults
from leasehold.adapters.memory.faults import Rates
from leasehold.core.errors import LedgerUnavailable, Unavailable
from leasehold.core.model import Failure, FailureKind, Status
from leasehold.core.reports import Malformed
from leasehold.flow.claims import LedgerClaims, LedgerOutbox
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.outbox import GrantsAll, StatusQueueOutbox
from leasehold.flow.recorder import Recorder
from leasehold.ports.clock import Clock
from leasehold.ports.ledger import Applied, Change, Ledger
from leasehold.ports.reports import Claims, Outbox
from leasehold.ports.slots import Answer, Job, Raised, Returned, Saving, SlotEvent, Stopped
from leasehold.testing.clock import ManualClock
from tests.flow.node import Node
from tests.flow.orchestra import POLICY, Orchestra
from tests.flow.scripted import BOOM, JournalQueue, Later, ScriptedSlots, ScriptedStore

PLENTY = POLICY._replace(attempts=1_000, losses=1_000)
FEW = POLICY._replace(attempts=3, losses=1_000)
OVERRUN = Failure(FailureKind.LEASE, "LeaseOverrun", "it was not over in time")


class Life:
    """Who is alive, and what was returned, in the whole world."""

    def __init__(self) -> None:
        self.alive: dict[str, Job] = {}
        """By run_id."""
        self.overlaps: list[str] = []
        self.returned: set[str] = set()
        self.runs = 0

    def begin(self, job: Job, now: int) -> None:
        """At its deadline a guard kills a run, also while its worker does not get its turn."""
        self.runs += 1
        if any(other.task_id == job.task_id and other.deadline_boot > now for other in self.alive.values()):
            self.overlaps.append(job.task_id)
        self.alive[job.run_id] = job


class LivingSlots(ScriptedSlots):
    """Slots in which runs take their time, save, succeed, fail and overrun by chance."""

    def __init__(self, clock: Clock, random: Random, life: Life, luck: Callable[[], float]) -> None:
        super().__init__(clock, places=2, known=("work", "poison"))
        self.random = random
        self.life = life
        self.luck = luck
        self.due: dict[str, int] = {}
        """When each run ends."""

    def _feed(self) -> None:
        super()._feed()
        now = self.clock.boot()
        for run_id in [run_id for run_id in self.jobs if run_id not in self.due]:
            self.life.begin(self.jobs[run_id], now)
            self.due[run_id] = now + self.random.randint(0, 20_000)
            if self.random.random() < 0.1:
                self.due[run_id] = self.jobs[run_id].deadline_boot

    def events(self, wait: int) -> list[SlotEvent]:
        now = self.clock.boot()
        self._feed()
        for run_id, job in list(self.jobs.items()):
            if self.due[run_id] <= now or job.deadline_boot <= now:
                self._end(self._outcome(job, now))
            elif self.random.random() < 0.2:
                self._events.append(Saving(run_id, "1", 0.5, None))
        return super().events(wait)

    def _outcome(self, job: Job, now: int) -> Returned | Raised:
        if job.deadline_boot <= now:
            return Raised(job.run_id, job.deadline_boot, OVERRUN)
        if job.name == "poison" or self.random.random() > self.luck():
            return Raised(job.run_id, now, BOOM)
        self.life.returned.add(job.task_id)
        return Returned(job.run_id, now, f'"{job.run_id}"')

    def _end(self, event: Returned | Raised | Stopped) -> None:
        self.life.alive.pop(event.run_id, None)
        self.due.pop(event.run_id, None)
        super()._end(event)

    def answer(self, run_id: str, answer: Answer) -> None:
        """Whoever ended meanwhile is not there any more."""
        if run_id in self.jobs:
            super().answer(run_id, answer)

    def kill(self) -> None:
        """The machine is gone, and everything that ran on it."""
        for run_id in self.jobs:
            self.life.alive.pop(run_id, None)
        self.jobs.clear()
        self.line.clear()


class FlakyLedger:
    """At times it cannot be reached, at times only its answer is lost: who asks does not know which."""

    def __init__(self, behind: Ledger, random: Random, *, rate: float) -> None:
        self._behind = behind
        self._random = random
        self.rate = rate
        self.failed = 0

    def now(self) -> int:
        return self._behind.now()

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        self._fail()
        answers = self._behind.apply(changes, malformed)
        self._fail()
        return answers

    def _fail(self) -> None:
        if self._random.random() < self.rate:
            self.failed += 1
            raise LedgerUnavailable("it is failing over")


class SlowStoreNode(Node):
    """Its store answers in no order, and when the dice say."""

    def __init__(self, queue: JournalQueue, clock: ManualClock, name: str, slots: LivingSlots, world: World) -> None:
        self.later = Later()
        self.random = world.random
        super().__init__(
            queues=[queue],
            clock=clock,
            name=name,
            slots=slots,
            outbox=world.outbox,
            claims=world.claims,
            store=world.store,
            execute=self.later,
        )

    def steps(self) -> Sequence[Callable[[], int]]:
        """Everybody's turn."""
        return self.intake.step, self.store_answers, self.worker.step, self.reporter.step

    def store_answers(self) -> int:
        """Whatever it was asked first or last."""
        if self.later.waiting:
            self.later.do(self.random.randrange(len(self.later.waiting)))
            return 1
        return 0


class World:
    """``claimed``: runs are claimed in the ledger and reported to it (``single-queue``), else to a queue."""

    def __init__(self, folder: Path, seed: int, *, claimed: bool = False, **rates: Unpack[Rates]) -> None:
        self.random = Random(seed)
        self.orchestra = Orchestra(folder, claims_before_run=claimed)
        self.clock = self.orchestra.clock
        self.life = Life()
        self.luck = 0.7
        self.queue = self._misbehaving(self.orchestra.queue(), rates)
        self.status = self._misbehaving(self.orchestra.status, rates)
        self.store = ScriptedStore()
        self.flaky = FlakyLedger(self.orchestra.ledger, self.random, rate=0.05 if rates else 0.0)
        self.claims, self.outbox = self._claimed() if claimed else self._by_queue()
        self.born = 0
        self.nodes = [self._node(), self._node()]
        self.dispatchers: list[Dispatcher] = [self.orchestra.dispatcher, self.orchestra.another_dispatcher()]
        self.recorders: list[Recorder] = [] if claimed else [self.orchestra.recorder, self._recorder()]
        self.struck: Counter[str] = Counter()
        """What went wrong on the way."""

    def _misbehaving(self, queue: JournalQueue, rates: Rates) -> JournalQueue:
        queue.faults = Faults(Random(self.random.random()), horizon=30_000, **rates)
        return queue

    def _claimed(self) -> tuple[Claims, Outbox]:
        ledger, bell = cast("Ledger", self.flaky), self.orchestra.bell
        return LedgerClaims(ledger, bell), LedgerOutbox(ledger, bell, self.clock, self.random)

    def _by_queue(self) -> tuple[Claims, Outbox]:
        return GrantsAll(), StatusQueueOutbox(self.status, self.clock, ceiling=2_000)

    def _node(self) -> SlowStoreNode:
        self.born += 1
        slots = LivingSlots(self.clock, self.random, self.life, lambda: self.luck)
        return SlowStoreNode(self.queue, self.clock, f"w{self.born}", slots, self)

    def _recorder(self) -> Recorder:
        orchestra = self.orchestra
        return Recorder(orchestra.status, orchestra.ledger, orchestra.bell, self.random, key=orchestra.key)

    # -- what can happen next

    def chaos(self, steps: int) -> None:
        """Somebody takes a step, or time passes, or a machine goes away, as the dice say."""
        for _ in range(steps):
            self.random.choices(
                [self._somebody, self._time, self._kill, self._drain, self._crash],
                weights=[80, 19, 0.4, 0.3, 0.3],
            )[0]()

    def _somebody(self) -> None:
        node = self.random.choice(self.nodes)
        self._step(
            self.random.choice(
                [
                    self.random.choice(self.dispatchers).step,
                    *([self.random.choice(self.recorders).step] if self.recorders else []),
                    self.orchestra.sweeper.step,
                    self.orchestra.scheduler.step,
                    node.intake.step,
                    node.worker.step,
                    node.reporter.step,
                    node.store_answers,
                ]
            )
        )

    def _step(self, step: Callable[[], int]) -> int:
        self.orchestra.lag = max((recorder.lag for recorder in self.recorders), default=0)
        with suppress(Unavailable):  # as the service does
            return step()
        return 0

    def _time(self) -> None:
        self.clock.advance(self.random.choice([1, 50, 500, 2_000, 5_000, 15_000]))

    def _kill(self) -> None:
        self.struck["kill"] += 1
        at = self.random.randrange(len(self.nodes))
        self._slots(self.nodes[at]).kill()
        self.nodes[at] = self._node()

    def _drain(self) -> None:
        self.struck["drain"] += 1
        node = self.random.choice(self.nodes)
        node.worker.begin_drain("a spot notice", 5_000)
        for _ in range(200):
            node.store_answers()
            self._step(node.worker.step)
            self._step(node.reporter.step)
            for recorder in self.recorders[:1]:
                self._step(recorder.step)
            self.clock.advance(100)
            if node.worker.drained:
                break
        self._slots(node).kill()
        self.nodes[self.nodes.index(node)] = self._node()

    def _crash(self) -> None:
        """An orchestrator dies and another takes its place: what it had in memory is gone."""
        self.struck["crash"] += 1
        at = self.random.randrange(2)
        self.dispatchers[at] = self.orchestra.another_dispatcher()
        if self.recorders:
            self.recorders[at] = self._recorder()

    @staticmethod
    def _slots(node: Node) -> LivingSlots:
        assert isinstance(node.slots, LivingSlots)
        return node.slots

    # -- the end of all trouble

    def peace(self) -> None:
        """No more faults, and everybody takes his turns until nothing is left to do."""
        for queue in (self.queue, self.status):
            self.struck += queue.faults.fired
            queue.misbehave()
        self.flaky.rate = 0.0
        self.luck = 1.0
        for _ in range(4_000):
            did = self._round()
            if not did and self._settled():
                return
            if not did:
                self.clock.advance(self.random.choice([500, 2_000, 10_000]))
        raise AssertionError(f"there is still something to do: {self.unfinished()}, {self.queue.peek()}")

    def _round(self) -> int:
        steps: list[Callable[[], int]] = [
            self.orchestra.scheduler.step,
            *(dispatcher.step for dispatcher in self.dispatchers),
            *(step for node in self.nodes for step in node.steps()),
            *(recorder.step for recorder in self.recorders),
            self.orchestra.sweeper.step,
        ]
        return sum(self._step(step) for step in steps)

    def _settled(self) -> bool:
        return not (self.unfinished() or self.queue.peek() or self.status.peek() or self.life.alive)

    def unfinished(self) -> Sequence[str]:
        tasks = [task for chunk in self.orchestra.views.scan() for task in chunk]
        return [f"{task.id} {task.status} {task.why}" for task in tasks if not task.terminal]

    def submit(self, name: str, tasks: int) -> list[str]:
        policy = FEW if name == "poison" else PLENTY
        return self.orchestra.submit(tasks, name=name, policy=policy)

    def statuses(self, ids: Sequence[str]) -> set[Status]:
        return {self.orchestra.task(id).status for id in ids}
