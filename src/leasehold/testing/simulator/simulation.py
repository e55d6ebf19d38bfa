"""One seed's story: trouble for a while, then peace, in which every task has to come to its outcome."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from leasehold.core.model import Status
from leasehold.flow.audit import Terms as Agreed
from leasehold.flow.audit import audit
from leasehold.testing.simulator.chance import Chance, Dice, Fates, Move
from leasehold.testing.simulator.clocks import MachineClock
from leasehold.testing.simulator.life import Violation
from leasehold.testing.simulator.machines import Roles
from leasehold.testing.simulator.moves import Author
from leasehold.testing.simulator.terms import Terms, Topology, drawn
from leasehold.testing.simulator.world import Backing, World

ROUNDS = 3_000
BOUND = 8 * 3_600_000
"""ms of simulated time within which peace must bring every task to its outcome (L1, L3)."""

REAL = Roles()


@dataclass(frozen=True)
class Story:
    """What came of one seed."""

    seed: int
    asked: Topology | None
    """The topology that was asked for; ``None``: the seed chose."""
    terms: Terms
    schedule: Sequence[Move]
    """Every move that was made, with the faults that struck in it."""
    violation: Violation | None
    digest: str
    """The same for the same story, to the last bit."""
    steps: int
    struck: Counter[str]
    statuses: Counter[str] = field(default_factory=Counter[str])

    @property
    def strikes(self) -> int:
        """How many faults struck."""
        return sum(len(move.faults) for move in self.schedule)

    @property
    def verdict(self) -> str:
        """In one line."""
        if self.violation is None:
            ends = ", ".join(f"{tasks} {status}" for status, tasks in sorted(self.statuses.items()))
            return f"seed {self.seed} ({self.terms.topology}): every law holds; {ends or 'no tasks'}"
        return f"seed {self.seed} ({self.terms.topology}): {self.violation}"


def simulate(
    seed: int,
    *,
    topology: Topology | None = None,
    roles: Roles = REAL,
    schedule: Sequence[Move] | None = None,
    trace: Callable[[str], None] | None = None,
    back: Callable[[MachineClock], Backing] | None = None,
) -> Story:
    """Live through the story of ``seed``, or through another ``schedule`` in its world.

    ``roles`` replaces roles (to see that a fault of one is found), ``trace`` hears the story line by line, ``back``
    makes another ledger than one in memory.
    """
    terms = drawn(seed, topology)
    chance = Chance()
    chance.set(seed)
    random = Random(seed + 1)  # noqa: S311 - it makes up misfortune, not secrets
    dice = None if schedule is not None else Dice(random, terms.rates, terms.pauses)
    fates = Fates(chance, dice)
    moves = iter(schedule) if schedule is not None else written(Author(terms, random))
    run = Run(terms, fates, moves, roles, back, trace)
    violation = run.live()
    return Story(
        seed=seed,
        asked=topology,
        terms=terms,
        schedule=run.made(),
        violation=violation,
        digest=run.digest(violation),
        steps=run.world.steps,
        struck=fates.counted,
        statuses=run.statuses(),
    )


def written(author: Author) -> Iterator[Move]:
    """Moves as they are made up."""
    while (move := author.next()) is not None:
        yield move


class Run:
    """One life of one world."""

    def __init__(
        self,
        terms: Terms,
        fates: Fates,
        moves: Iterator[Move],
        roles: Roles,
        back: Callable[[MachineClock], Backing] | None,
        trace: Callable[[str], None] | None,
    ) -> None:
        self._moves = moves
        self._fates = fates
        self._made: list[Move] = []
        self._played: list[object] = []
        self.world = World(terms, fates, self._pull, roles=roles, back=back, trace=trace)

    def _pull(self) -> Move | None:
        move = next(self._moves, None)
        if move is not None:
            self._made.append(move)
        return move

    def live(self) -> Violation | None:
        """Trouble, then peace; the law that was broken."""
        world = self.world
        try:
            while (move := self._pull()) is not None:
                world.do(move)
                self._fates.counted[move.what] += 1
            peace(world)
            ends(world)
        except Violation as violation:
            return violation
        return None

    def made(self) -> list[Move]:
        """The schedule, with its faults."""
        plays = self.world.plays
        return [move._replace(faults=tuple(play.struck)) for move, play in zip(self._made, plays, strict=True)]

    def statuses(self) -> Counter[str]:
        """How the tasks ended."""
        return Counter(task.status.value for chunk in self.world.views.scan() for task in chunk)

    def digest(self, violation: Violation | None) -> str:
        """A hash over all that happened and all that is on record."""
        views = self.world.views
        told = hashlib.blake2b(digest_size=16)
        told.update(repr((self.made(), self.world.steps, self.world.truth.now, str(violation))).encode())
        for chunk in views.scan():
            for task in chunk:
                view = views.task(task.id)
                told.update(repr((view, views.audit(task.id), views.runs(task.id))).encode())
        told.update(repr((views.quarantine(), views.operations())).encode())
        return told.hexdigest()


def peace(world: World) -> None:
    """No more faults: everybody takes his turns until every task has its outcome and nothing is left to do (L1, L3)."""
    world.say("peace: no more faults")
    world.make_peace()
    began, idle = world.truth.now, 0
    for _ in range(ROUNDS):
        if round_of_all(world):
            idle = 0
            continue
        if settled(world):
            return
        idle += 1
        world.pass_time(1_000 if idle == 1 else world.next_instant())
        world.settle()
        if world.truth.now - began > BOUND:
            break
    raise Violation("L1", f"after all trouble, these do not come to an end: {unfinished(world)}")


def round_of_all(world: World) -> int:
    """Everybody takes a step; how much was done."""
    did = 0
    for machine in (*world.orchestrators, *world.nodes):
        for role, step in machine.steps.items():
            did += world.step(machine.actor, role, step)
    world.settle()
    return did


def settled(world: World) -> bool:
    """Whether nothing is left to do."""
    queues = (*world.tasks.values(), world.status, world.dead)
    return not (world.life.alive or any(queue.next_visible() is not None for queue in queues) or unfinished(world))


def unfinished(world: World) -> list[str]:
    """What has no outcome."""
    tasks = [task for chunk in world.views.scan() for task in chunk]
    return [f"{task.id} {task.status}/{task.why} {task.n}.{task.r}" for task in tasks if not task.terminal]


def ends(world: World) -> None:
    """What holds at the end, whatever happened on the way."""
    agreed = Agreed("single-queue" if world.terms.claims else "two-queue", duplicates=True)  # overlaps are S11's
    verdict = audit(world.views, terms=agreed, now=world.service.now())
    if not verdict.ok:
        raise Violation("S7", f"the audit: {verdict.problems}")
    for task_id in world.submitted:
        if world.views.task(task_id) is None:
            raise Violation("S1", f"task {task_id} was submitted and is not in the ledger")
    for task_id, run_id in world.watch.winners.items():
        view = world.views.task(task_id)
        if view is None or view.task.status is not Status.COMPLETED:
            raise Violation("S4", f"task {task_id} was completed and is so no more")
        if view.result_ref is None and view.result != world.life.returned[run_id]:
            raise Violation("S5", f"the result of task {task_id} is not what its run {run_id} returned")
    if not (world.watch.statuses_lost or any(world.status.faults.fired[fault] for fault in ("vanish", "stale_delete"))):
        acknowledged(world)
    if world.terms.plenty:
        succeeded(world)


def acknowledged(world: World) -> None:
    """A success that was acknowledged is on record, and its task's outcome unless that was cancelled (S6)."""
    for run_id, task_id in world.watch.acknowledged_runs.items():
        view = world.views.task(task_id)
        outcomes = {run.run_id: run.outcome for run in world.views.runs(task_id)}
        if outcomes.get(run_id) != "completed":
            raise Violation(
                "S6", f"the success of run {run_id} of task {task_id} was acknowledged, and is not on record"
            )
        completed = view is not None and view.task.status is Status.COMPLETED
        cancelled = any(line.kind == "cancelled" for line in world.views.audit(task_id))
        if not completed and not cancelled:
            raise Violation("S6", f"the success of run {run_id} was acknowledged, and task {task_id} is not completed")


def succeeded(world: World) -> None:
    """Where budgets are never spent, only poison fails: no fault is charged to the task for good (S9)."""
    for chunk in world.views.scan():
        for task in chunk:
            if task.status is Status.FAILED and task.name != "poison":
                raise Violation("S9", f"task {task.id} ({task.name}) failed, with attempts and losses left: {task}")
