"""What can happen in a simulated world, by name: steps of roles, the passing of time, and everything from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from leasehold.core.ids import RANDOMNESS, new_id
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import encode_update, pack
from leasehold.flow.client import Order
from leasehold.ports.ledger import Gone
from leasehold.ports.queue import Message
from leasehold.testing.simulator.chance import Move
from leasehold.testing.simulator.terms import Terms

if TYPE_CHECKING:
    from leasehold.testing.simulator.machines import Node, Orchestrator
    from leasehold.testing.simulator.world import World

TIMES = (1, 50, 500, 500, 2_000, 5_000, 15_000, 40_000)
"""ms."""
AWAY = (2_000, 20_000, 90_000)
HOUR = 3_600_000
NOTICE = (0, 5_000, 20_000)
LARGE = "x" * 40_000

Act = Callable[["World", Move], None]


# ---------------------------------------------------------------- who


def an_orchestrator(world: World, move: Move) -> Orchestrator:
    """The one that the move means."""
    return world.orchestrators[move.who % len(world.orchestrators)]


def a_node(world: World, move: Move) -> Node:
    """The worker that the move means."""
    return world.nodes[move.who % len(world.nodes)]


def a_task(world: World, move: Move) -> str | None:
    """The task that the move means."""
    return world.submitted[move.who % len(world.submitted)] if world.submitted else None


def a_queue(world: World, move: Move) -> str:
    """The name of the task queue that the move means."""
    return world.queue_names[move.who % len(world.queue_names)]


# ---------------------------------------------------------------- the roles' own work


def orchestrator_steps(world: World, move: Move) -> None:
    """One role of one orchestrator takes a step."""
    machine = an_orchestrator(world, move)
    roles = list(machine.steps.items())
    role, step = roles[move.arg % len(roles)]
    world.step(machine.actor, role, step)


def worker_steps(world: World, move: Move) -> None:
    """One role of one worker takes a step."""
    node = a_node(world, move)
    roles = list(node.steps.items())
    role, step = roles[move.arg % len(roles)]
    world.step(node.actor, role, step)


def machine_turns(world: World, move: Move) -> None:
    """Every role of one machine takes a step."""
    machines = (*world.orchestrators, *world.nodes)
    machine = machines[move.who % len(machines)]
    for role, step in machine.steps.items():
        world.step(machine.actor, role, step)


def time_passes(world: World, move: Move) -> None:
    """For everybody."""
    ms = TIMES[move.arg % len(TIMES)]
    world.say(f"{ms} ms pass")
    world.pass_time(ms)
    for actor in world.thawed():
        world.say(f"the machine of {actor.name} goes on")
        world.thaw(actor)


# ---------------------------------------------------------------- machines


def kill_worker(world: World, move: Move) -> None:
    """The worker's process is killed; its guards kill what it ran."""
    node = a_node(world, move)
    world.say(f"{node.actor.name} is killed")
    node.actor.gone = True


def machine_vanishes(world: World, move: Move) -> None:
    """A worker's machine is gone, with everything on it."""
    node = a_node(world, move)
    world.say(f"the machine of {node.actor.name} vanishes")
    world.vanish(node)
    if move.arg % 2:  # R13: the platform says so
        gone = Gone(node.actor.name, world.service.now(), "the platform")
        world.say(f"the platform says that {gone.name} is gone for good")
        world.ledger.note_gone([gone])


def drain(world: World, move: Move) -> None:
    """A spot notice: the worker leaves in good order, if it has the time."""
    node = a_node(world, move)
    patience = NOTICE[move.arg % len(NOTICE)]
    if not node.actor.frozen:
        world.say(f"{node.actor.name} is told to leave within {patience} ms")
        node.drain("a spot notice", patience)


def storm(world: World, move: Move) -> None:
    """Every spot machine is told to leave at once."""
    for node in world.nodes:
        if not node.actor.frozen:
            world.say(f"{node.actor.name} is told to leave")
            node.drain("a spot notice", NOTICE[move.arg % len(NOTICE)])


def kill_orchestrator(world: World, move: Move) -> None:
    """An orchestrator is killed; another takes its place."""
    machine = an_orchestrator(world, move)
    world.say(f"{machine.actor.name} is killed")
    machine.actor.gone = True


def freeze(world: World, move: Move) -> None:
    """A machine stands still for a while."""
    machines = (*world.nodes, *world.orchestrators)
    actor = machines[move.who % len(machines)].actor
    ms = world.terms.pauses[move.arg % len(world.terms.pauses)]
    if ms:
        world.say(f"the machine of {actor.name} stands still for {ms} ms")
        world.freeze(actor, ms)


def set_clock(world: World, move: Move) -> None:
    """Somebody sets a machine's wall clock by an hour."""
    machines = (*world.nodes, *world.orchestrators)
    machine = machines[move.who % len(machines)]
    ms = HOUR if move.arg % 2 else -HOUR
    world.say(f"the wall clock of {machine.actor.name} is set by {ms} ms")
    machine.clock.jump(ms)


# ---------------------------------------------------------------- people


def submit(world: World, move: Move) -> None:
    """Somebody submits a task."""
    terms = world.terms
    name = terms.names[move.arg % len(terms.names)]
    nth = len(world.submitted)
    delay = (0, 0, 3_000)[move.salt % 3] if terms.bundle == 1 else 0  # those that are due at once share a message
    one = order(terms, name, a_queue(world, move), nth=nth, delay=delay)

    def act() -> None:
        world.submitted.append(world.client.submit(one).task_id)
        world.say(f"task {world.submitted[-1]} ({name}) is submitted")

    world.by_hand(act)


def order(terms: Terms, name: str, queue: str, *, nth: int, delay: int) -> Order:
    """A task of a world."""
    arguments = f'{{"nth": {nth}, "text": "{LARGE}"}}' if name == "large" else f'{{"nth": {nth}}}'
    tenant = f"t{nth % 2}" if nth % 3 and terms.bundle == 1 else None
    policy = terms.policy if name != "poison" else terms.policy._replace(attempts=min(3, terms.attempts))
    return Order(name, arguments, policy, queue, priority=nth % 2, delay=delay, tenant=tenant, batch="all")


def cancel(world: World, move: Move) -> None:
    """Somebody cancels a task."""
    task_id = a_task(world, move)
    if task_id is not None:
        world.say(f"task {task_id} is cancelled by hand")
        world.by_hand(lambda: world.client.cancel([task_id], by="ada"))


def retry(world: World, move: Move) -> None:
    """Somebody retries a task."""
    task_id = a_task(world, move)
    if task_id is not None:
        world.say(f"task {task_id} is retried by hand")
        world.by_hand(lambda: world.client.retry([task_id], by="bob"))


def cancel_all(world: World, move: Move) -> None:
    """Somebody cancels everything, as a bulk operation."""
    del move
    world.say("everything is to be cancelled")
    world.by_hand(
        lambda: world.client.operate("cancel", "status:pending,in_progress", by="ada", reason=world.next_bulk())
    )


def retry_all(world: World, move: Move) -> None:
    """Somebody retries everything, as a bulk operation."""
    del move
    world.say("everything is to be retried")
    reason = world.next_bulk()
    world.by_hand(lambda: world.client.operate("retry", "", by="bob", reason=reason))


def pause_queue(world: World, move: Move) -> None:
    """Somebody pauses a queue."""
    queue = a_queue(world, move)
    world.say(f"queue {queue} is paused")
    world.by_hand(lambda: world.client.pause(queue, paused=True, by="ada"))


def resume_queue(world: World, move: Move) -> None:
    """Somebody resumes a queue."""
    queue = a_queue(world, move)
    world.say(f"queue {queue} is resumed")
    world.by_hand(lambda: world.client.pause(queue, paused=False, by="ada"))


# ---------------------------------------------------------------- queues and the rest


def purge_tasks(world: World, move: Move) -> None:
    """Somebody purges a task queue."""
    queue = a_queue(world, move)
    world.say(f"task queue {queue} is purged")
    world.watch.tampered = True
    world.tasks[queue].purge()


def purge_status(world: World, move: Move) -> None:
    """Somebody purges the status queue: reports are lost that were acknowledged."""
    del move
    world.say("the status queue is purged")
    world.watch.statuses_lost = True
    world.status.purge()


def garbage_task(world: World, move: Move) -> None:
    """A stranger puts something on a task queue."""
    body = ('{"v": 1}', "not JSON", '{"v":1,"name":"work","lease":1}', "[" * 100)[move.arg % 4]
    world.say("a stranger puts a message on a task queue")
    with world.undisturbed():
        world.tasks[a_queue(world, move)].send([Message(body)])


def garbage_status(world: World, move: Move) -> None:
    """A stranger puts something on the status queue."""
    if world.terms.claims:
        return  # there is none
    body = ('{"v": 1}', "not JSON", '{"v":1,"updates":[{}]}', "[" * 100)[move.arg % 4]
    world.say("a stranger puts a message on the status queue")
    with world.undisturbed():
        world.status.send([Message(body)])


def forged_status(world: World, move: Move) -> None:
    """A stranger reports a success of a task that he was not given."""
    task_id = a_task(world, move)
    if task_id is None or world.terms.claims:
        return
    status_id, run_id = (new_id(0, world.chance.randbytes(RANDOMNESS)) for _ in range(2))
    said = Update(
        status_id=status_id,
        kind=UpdateKind.COMPLETED,
        task_id=task_id,
        capability="0" * 32,
        n=1,
        r=1,
        run_id=run_id,
        worker="a stranger",
        lease=60_000,
        received_boot=0,
        began_boot=0,
        ended_boot=0,
        result="1",
    )
    world.say(f"a stranger reports that task {task_id} is completed")
    with world.undisturbed():
        world.status.send([Message(each.body) for each in pack([encode_update(said, 0)])])


def away(what: str) -> Act:
    """Nobody can reach this for a while."""

    def act(world: World, move: Move) -> None:
        ms = AWAY[move.arg % len(AWAY)]
        world.say(f"the {what} cannot be reached for {ms} ms")
        world.away[what] = world.truth.now + ms

    return act


MOVES: Mapping[str, Act] = MappingProxyType(
    {
        "orchestrator": orchestrator_steps,
        "worker": worker_steps,
        "turn": machine_turns,
        "time": time_passes,
        "kill worker": kill_worker,
        "vanish": machine_vanishes,
        "drain": drain,
        "storm": storm,
        "kill orchestrator": kill_orchestrator,
        "freeze": freeze,
        "set clock": set_clock,
        "submit": submit,
        "cancel": cancel,
        "retry": retry,
        "cancel all": cancel_all,
        "retry all": retry_all,
        "pause queue": pause_queue,
        "resume queue": resume_queue,
        "purge tasks": purge_tasks,
        "purge status": purge_status,
        "garbage task": garbage_task,
        "garbage status": garbage_status,
        "forged status": forged_status,
        "ledger away": away("ledger"),
        "queue away": away("queue"),
        "store away": away("store"),
    }
)

WORK = {"orchestrator": 22.0, "worker": 34.0, "turn": 20.0, "time": 24.0}


class Author:
    """Makes up a schedule, move by move."""

    def __init__(self, terms: Terms, random: Random) -> None:
        self._random = random
        weights = {**WORK, **terms.events}
        self._whats = list(weights)
        self._weights = list(accumulate(weights.values()))
        self._left = terms.moves
        self._tasks = terms.tasks

    def next(self) -> Move | None:
        """The next move, while the schedule lasts. The first ones submit tasks."""
        if self._left <= 0:
            return None
        self._left -= 1
        random = self._random
        what = random.choices(self._whats, cum_weights=self._weights)[0]
        if self._tasks:
            self._tasks -= 1
            what = "submit"
        return Move(what, random.getrandbits(16), random.getrandbits(16), random.getrandbits(64))
