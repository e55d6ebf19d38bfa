"""Requests to SQS for each task, by how long tasks take: as many share a request as come together at one worker.

``python -m bench.requests [--slots 2] [--nodes 10] [--tasks 1000]``. Simulated time with the real roles
(``bench._world``), all slots busy. Requests are counted as they are billed: a step of 64 KB each. Empty receives are
left out: a worker with a free slot makes three a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench._tables import show
from bench._world import HOUR, MINUTE, SECOND, World
from bench.hoarding import lasting
from leasehold.core.model import Policy

DURATIONS = (0, 10, 100, SECOND, 10 * SECOND, MINUTE, 30 * MINUTE)


def measured(ms: int, nodes: int, slots: int, tasks: int) -> dict[str, object]:
    with TemporaryDirectory(prefix="leasehold-world-", dir="/dev/shm") as folder:
        world = World(Path(folder), lasting, nodes=nodes, slots=slots)
        try:
            random = Random(11)
            world.submit([("work", int(ms * random.uniform(0.7, 1.3)), Policy(HOUR)) for _ in range(tasks)])
            world.start()
            world.run(lambda: world.over)
            each = {what: round(count / tasks, 3) for what, count in sorted(asked(world).items())}
            return {"ms": ms, "requests/task": round(sum(each.values()), 3), **each}
        finally:
            world.close()


def asked(world: World) -> dict[str, int]:
    queues = {"tasks": world.queue.asked, "status": world.status.asked}
    return {
        f"{what} {name}": counts[what]
        for name, counts in queues.items()
        for what in ("send", "receive", "delete", "change")
    }


def table(rows: Sequence[dict[str, object]], nodes: int, slots: int) -> None:
    show(f"billed requests for each task, {nodes} workers of {slots} slots, all busy", rows, {"rows": rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=1_000, help="at least; short tasks need more")
    given = parser.parse_args()
    rows = [measured(ms, given.nodes, given.slots, given.tasks * (10 if ms < SECOND else 1)) for ms in DURATIONS]
    table(rows, given.nodes, given.slots)


if __name__ == "__main__":
    main()
