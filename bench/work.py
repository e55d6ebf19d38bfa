"""How much of two cores is spent in the handlers, where each task is so much work: 50 ms of CPU by default.

``python -m bench.work [--tasks 2000] [--ms 50] [--runs 3] [--at file|postgres|postgres+sqs|file+sqs] [--slots 1]
[--bundle 1]``. From the first submit to the last completed row, on a warm system of 2 workers. ``share``: CPU seconds
that the handlers themselves count, of all that the cores of this machine had to give in that time. The rest is told by
role; ``workers`` is what they need beside the handlers.
"""

from __future__ import annotations

import argparse
import os
import time

from bench._jobs import burn
from bench._places import PLACES
from bench._system import bench_system
from bench._tables import show, spread
from bench.noop import SERVERS, by_role, spent

EVERY = 0.1
"""s between two looks whether all are done: what looks takes CPU too."""


def one_run(tasks: int, seconds: float, at: str, slots: int) -> dict[str, float]:
    """Shares of the cores' time, in percent, and the rate."""
    with bench_system(at=at, slots=slots) as bench:
        before, cpu = bench.completed(), spent(bench)
        began = time.perf_counter()
        batch = burn.submit_many({"seconds": seconds} for _ in range(tasks))
        ended = bench.wait_completed(before + tasks, every=EVERY)
        used = {name: each - cpu[name] for name, each in spent(bench).items()}
        handlers = sum(handle.result() for handle in batch.as_completed())
    given = (ended - began) * len(os.sched_getaffinity(0)) / 100
    servers = sum(used.pop(name) for name in SERVERS if name in used)
    roles = by_role(used)
    roles["workers"] -= handlers
    return {
        "share": handlers / given,
        **{role: seconds / given for role, seconds in roles.items()},
        "servers": servers / given,
        "unused": 100 - (sum(used.values()) + servers) / given,
        "rate": tasks / (ended - began),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--ms", type=float, default=50)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--at", choices=PLACES, default="file")
    parser.add_argument("--slots", type=int, default=1, help="of each of the two workers")
    parser.add_argument("--bundle", type=int, default=1)
    given = parser.parse_args()
    burn.handler.policy = burn.handler.policy._replace(bundle=given.bundle)  # what @app.task(bundle=...) sets
    runs = [one_run(given.tasks, given.ms / 1_000, given.at, given.slots) for _ in range(given.runs)]
    parts = ("share", "client", "orchestrator", "workers", "servers", "unused", "rate")
    row = {part if part == "rate" else f"{part} %": spread([run[part] for run in runs], 1) for part in parts}
    show(f"{given.tasks} tasks of {given.ms:g} ms of CPU, {given.at}", [row], {"runs": runs})


if __name__ == "__main__":
    main()
