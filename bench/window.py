"""The window (R9) on long queues: 100,000 tasks of half an hour, 1,000,000 of 10 ms, and more slots than SQS can hide.

``python -m bench.window [--only long,short,many] [--tasks N]``. Simulated time with the real roles (``bench._world``),
two dispatchers side by side. What is looked at: whether slots stood idle while tasks were due, how many messages
expired unstarted, how many waited on the queue, and how many were in flight at most.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench._tables import show
from bench._world import HOUR, MINUTE, SECOND, World
from bench.hoarding import lasting
from leasehold.core.model import Policy


class Scenario(NamedTuple):
    what: str
    tasks: int
    ms: Callable[[Random], int]
    lease: int
    nodes: int
    slots: int
    look: int
    """ms between two looks of the dispatchers, if nothing wakes them."""


SCENARIOS = {
    "long": Scenario(
        "100,000 of 20 to 40 min on 500 workers of 4",
        100_000,
        lambda random: random.randrange(20 * MINUTE, 40 * MINUTE),
        HOUR,
        500,
        4,
        5 * SECOND,
    ),
    "short": Scenario("1,000,000 of 10 ms on 25 workers of 4", 1_000_000, lambda _: 10, MINUTE, 25, 4, SECOND),
    "many": Scenario(
        "130,000 of 1 to 2 h on 120 workers of 1,000",
        130_000,
        lambda random: random.randrange(HOUR, 2 * HOUR),
        3 * HOUR,
        120,
        1_000,
        5 * SECOND,
    ),
}


def measured(scenario: Scenario, tasks: int) -> dict[str, object]:
    random = Random(5)
    with TemporaryDirectory(prefix="leasehold-world-", dir="/dev/shm") as folder:
        size = scenario.nodes, scenario.slots
        world = World(Path(folder), lasting, nodes=size[0], slots=size[1], orchestrators=2, look=scenario.look)
        try:
            work = [("work", scenario.ms(random), Policy(scenario.lease)) for _ in range(tasks)]
            world.submit(work)
            world.start()
            world.run(lambda: bool(world.looks) and not world.looks[-1][1].due)
            drawn = world.clock.boot(), world.seen.idle
            world.run(lambda: world.over)
            looks = [flight for _, flight in world.looks]
            full = sum(ms for _, ms, _ in work) / (size[0] * size[1])
            return {
                "what": scenario.what if tasks == scenario.tasks else f"{tasks:,}: {scenario.what}",
                "took (s)": round(world.clock.boot() / SECOND),
                "with no slot idle (s)": round(full / SECOND),
                "slots idle while tasks were due": f"{drawn[1] / max(1, drawn[0] * world.size):.2%}",
                "expired": looks[-1].expired,
                "of starts": f"{looks[-1].expired / tasks:.3%}",
                "most on the queue": max(each.queued for each in looks),
                "most in flight": max(each.in_progress + each.lapsed for each in looks),
                "receives/task": round(world.seen.receives / tasks, 3),
            }
        finally:
            world.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SCENARIOS))
    parser.add_argument("--tasks", type=int, help="instead of each scenario's own number")
    given = parser.parse_args()
    rows = [measured(SCENARIOS[name], given.tasks or SCENARIOS[name].tasks) for name in given.only.split(",")]
    show("the window, in simulated time", rows, {"rows": rows})


if __name__ == "__main__":
    main()
