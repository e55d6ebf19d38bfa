"""R2 and R9 in whole fleets, in simulated time: nothing waits in a worker that others could run, and no slot starves.

The same worlds, larger, are ``bench.hoarding`` and ``bench.window``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from bench._world import HOUR, MINUTE, SECOND, World
from leasehold.core.model import Policy
from leasehold.flow.lease import SOON
from leasehold.ports.slots import Job

LEASE = Policy(40 * MINUTE)
LONGEST_WAIT = 2 * 2 * SOON + 2 * SECOND
"""Twice the turn for what stands in line at a slot, and until the worker looks."""


def lasting(job: Job) -> int:
    return int(job.arguments.removeprefix('{"ms":').removesuffix("}"))


@contextmanager
def a_world(
    folder: Path, work: Sequence[tuple[str, int, Policy]], *, nodes: int = 3, slots: int = 4
) -> Iterator[World]:
    """All of this is submitted at once, and worked off."""
    world = World(folder, lasting, nodes=nodes, slots=slots, look=5 * SECOND)
    try:
        world.submit(work)
        world.start()
        world.run(lambda: world.over, limit=200 * HOUR)
        assert world.over
        yield world
    finally:
        world.close()


def test_a_handler_that_suddenly_becomes_slow_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    quick = [("work", 10, LEASE)] * 300
    with a_world(tmp_path, [*quick, *[("work", 30 * MINUTE, LEASE)] * 6, *quick]) as world:
        assert max(world.seen.waits) <= LONGEST_WAIT
        assert world.seen.hoarded <= 0.02 * world.seen.capacity
        assert world.clock.boot() < 31 * MINUTE


def test_short_tasks_among_long_ones_of_the_same_handler_hardly_wait_behind_them(tmp_path: Path) -> None:
    work = [("work", 10, LEASE)] * 600 + [("work", 30 * MINUTE, LEASE)] * 12
    Random(7).shuffle(work)
    with a_world(tmp_path, work) as world:
        assert max(world.seen.waits) <= LONGEST_WAIT
        assert world.seen.hoarded <= 0.02 * world.seen.capacity
        assert not world.looks[-1][1].expired


def test_seconds_are_not_hoarded_under_a_lease_of_hours(tmp_path: Path) -> None:
    random = Random(3)
    work = [("work", random.randrange(5 * SECOND, 15 * SECOND), Policy(4 * HOUR)) for _ in range(120)]
    with a_world(tmp_path, work) as world:
        assert max(world.seen.waits, default=0) <= LONGEST_WAIT
        assert world.seen.hoarded <= 0.02 * world.seen.capacity
        assert not world.seen.turned_away


def test_half_hours_neither_expire_nor_leave_slots_idle(tmp_path: Path) -> None:
    random = Random(5)
    work = [("work", random.randrange(20 * MINUTE, 40 * MINUTE), Policy(HOUR)) for _ in range(120)]
    with a_world(tmp_path, work, nodes=4) as world:
        assert world.looks[-1][1].expired <= 4
        drawn = next(at for at, flight in world.looks if not flight.due)
        assert drawn * world.size * 0.97 <= sum(ms for _, ms, _ in work)
