"""What waits in workers beyond their free slots: handlers of 10 ms beside 30 minutes, and one that becomes slow.

``python -m bench.hoarding [--nodes 20] [--slots 4]``. Simulated time with the real roles (``bench._world``), so nothing
here depends on the machine. Of each scenario: how long messages that were fetched ahead waited for a slot, how many
left a worker without having begun, what share of its lease a run had lost when it began, and for how much of the time
(in slots) a message waited in one worker while a slot of another was free.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench._tables import show
from bench._world import HOUR, MINUTE, SECOND, World
from leasehold.core.model import Policy
from leasehold.ports.slots import Job

SHORT = Policy(MINUTE)
LONG = Policy(40 * MINUTE)
Work = tuple[str, int, Policy]


class Scenario(NamedTuple):
    what: str
    work: Callable[[Random, int], Sequence[Work]]
    """(chance, slots of the fleet) -> the tasks."""


def only_short(random: Random, slots: int) -> Sequence[Work]:
    del random, slots
    return [("short", 10, SHORT)] * 4_000


def mixed(random: Random, slots: int) -> Sequence[Work]:
    work = [("short", 10, SHORT)] * 4_000 + [("long", 30 * MINUTE, LONG)] * (2 * slots)
    random.shuffle(work)
    return work


def of_one_name(random: Random, slots: int) -> Sequence[Work]:
    work = [("work", 10, LONG)] * 4_000 + [("work", 30 * MINUTE, LONG)] * (2 * slots)
    random.shuffle(work)
    return work


def suddenly_slow(random: Random, slots: int) -> Sequence[Work]:
    del random
    return [("work", 10, LONG)] * 2_000 + [("work", 30 * MINUTE, LONG)] * (slots // 2) + [("work", 10, LONG)] * 2_000


def seconds(random: Random, slots: int) -> Sequence[Work]:
    return [("work", random.randrange(5 * SECOND, 15 * SECOND), LONG) for _ in range(20 * slots)]


def varied(random: Random, slots: int) -> Sequence[Work]:
    return [("work", random.choice((1, 5, 20, 24)) * SECOND, SHORT) for _ in range(20 * slots)]


SCENARIOS = {
    "short": Scenario("4,000 of 10 ms", only_short),
    "mixed": Scenario("two handlers: 4,000 of 10 ms among two rounds of 30 min", mixed),
    "one name": Scenario("one handler, 40 min lease: the same durations", of_one_name),
    "slow": Scenario("one handler: 10 ms, then half a round of 30 min, then 10 ms", suddenly_slow),
    "varied": Scenario("20 rounds of 1, 5, 20 or 24 s under a lease of 1 min", varied),
    "seconds": Scenario("20 rounds of 5 to 15 s under a lease of 40 min", seconds),
}


def lasting(job: Job) -> int:
    return int(job.arguments[6:-1])  # {"ms":10}


def measured(scenario: Scenario, nodes: int, slots: int) -> dict[str, object]:
    with TemporaryDirectory(prefix="leasehold-world-", dir="/dev/shm") as folder:
        world = World(Path(folder), lasting, nodes=nodes, slots=slots)
        try:
            work = scenario.work(Random(7), nodes * slots)
            world.submit(work)
            world.start()
            world.run(lambda: world.over, limit=100 * HOUR)
            return figures(world, len(work))
        finally:
            world.close()


def figures(world: World, tasks: int) -> dict[str, object]:
    seen = world.seen
    waits, spent = sorted(seen.waits) or [0], sorted(seen.spent)
    trails = world.looks[-1][1]
    return {
        "tasks": tasks,
        "begun": sum(seen.begun.values()),
        "took (s)": round(world.clock.boot() / SECOND),
        "fetched ahead": len(seen.waits),
        "waited p50, p99, most (s)": tuple(round(at(waits, q) / SECOND, 2) for q in (0.5, 0.99, 1.0)),
        "given back": sum(seen.turned_away.values()),
        "expired": trails.expired,
        "lease lost: mean, p99": (f"{sum(spent) / len(spent):.2%}", f"{at(spent, 0.99):.2%}"),
        "hoarded slot time": f"{seen.hoarded / max(1.0, seen.capacity):.2%}",
        "receives/task": round(seen.receives / tasks, 3),
        "why": dict(seen.turned_away),
    }


def at(line: Sequence[float], q: float) -> float:
    return line[min(len(line) - 1, int(q * len(line)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--only", default=",".join(SCENARIOS))
    given = parser.parse_args()
    rows = [
        {"what": SCENARIOS[name].what, **measured(SCENARIOS[name], given.nodes, given.slots)}
        for name in given.only.split(",")
    ]
    show(f"prefetch of {given.nodes} workers of {given.slots} slots", rows, {"rows": rows})


if __name__ == "__main__":
    main()
