"""No-op tasks end to end, durable at every step: from the first submit to the last completed row.

``python -m bench.noop [--tasks 10000] [--runs 5] [--at file|postgres|postgres+sqs|file+sqs] [--topology single-queue]
[--bundle 100] [--huey]``: with ``--bundle`` up to so many tasks share a message; with ``--huey`` interleaved with Huey
on SQLite (fsync on, results stored), which runs in an environment of its own under ``.bench/huey``.
"""

from __future__ import annotations

import argparse
import time

from bench._jobs import noop
from bench._peers import huey_rate, huey_ready
from bench._places import PLACES
from bench._processes import cpu_seconds, own_cpu_seconds
from bench._system import Bench, bench_system
from bench._tables import show, spread

SERVERS = ("postgres", "sqs")
"""Not ours: counted apart."""


def one_run(tasks: int, at: str = "file", topology: str = "two-queue") -> dict[str, float]:
    """Tasks per second, CPU seconds per 1,000 tasks of each role, and requests to SQS per task."""
    with bench_system(at=at, topology=topology) as bench:
        before, asked = bench.completed(), bench.place.requests()
        cpu = spent(bench)
        began = time.perf_counter()
        noop.submit_many({"number": number} for number in range(tasks))
        ended = bench.wait_completed(before + tasks)
        used = {name: (seconds - cpu[name]) * 1000 / tasks for name, seconds in spent(bench).items()}
        requests = {name: count / tasks for name, count in (bench.place.requests() - asked).items()}
    servers = {name: used.pop(name) for name in SERVERS if name in used}
    workers = sum(seconds for name, seconds in used.items() if name.startswith("worker"))
    return {
        "rate": tasks / (ended - began),
        "client": used["client"],
        "orchestrator": sum(seconds for name, seconds in used.items() if name.startswith("orchestrator")),
        "workers": workers,
        "all": sum(used.values()),
        **servers,
        **{f"{name}/task": count for name, count in requests.items()},
        "requests/task": sum(count for name, count in requests.items() if name not in {"billed", "empty"}),
    }


def spent(bench: Bench) -> dict[str, float]:
    """CPU seconds of each role so far; the client's own without those of the processes that it started."""
    return {name: own_cpu_seconds(pid) if name == "client" else cpu_seconds(pid) for name, pid in bench.pids().items()}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--at", choices=PLACES, default="file")
    parser.add_argument("--topology", choices=("two-queue", "single-queue"), default="two-queue")
    parser.add_argument("--bundle", type=int, default=1)
    parser.add_argument("--huey", action="store_true")
    given = parser.parse_args()
    noop.handler.policy = noop.handler.policy._replace(bundle=given.bundle)  # what @app.task(bundle=...) sets
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    if given.huey:
        huey_ready()
    for _ in range(given.runs):
        ours.append(one_run(given.tasks, given.at, given.topology))
        if given.huey:
            theirs.append(huey_rate(given.tasks))
    rows = [
        {
            "system": name,
            "tasks/s": spread([run["rate"] for run in runs]),
            **{f"CPU s/1000 {part}": spread([run.get(part, 0.0) for run in runs], 3) for part in parts},
            **{
                f"CPU s/1000 {part}": spread([run[part] for run in runs], 3)
                for part in SERVERS
                if all(part in run for run in runs)
            },
            "requests/task": spread([run["requests/task"] for run in runs], 3),
        }
        for name, runs, parts in [("leasehold", ours, ("client", "orchestrator", "workers", "all"))]
    ]
    what = f"{given.tasks:,} no-op tasks in bundles of {given.bundle}, 2 workers of 2 slots"
    show(f"{what}, {given.at}, {given.topology}", rows, {"runs": ours})
    if theirs:
        rows = [
            {
                "system": "huey",
                "tasks/s": spread([run["rate"] for run in theirs]),
                "CPU s/1000 all": spread([run["all"] for run in theirs], 3),
                "leasehold / huey": spread([a["rate"] / b["rate"] for a, b in zip(ours, theirs, strict=True)], 2),
            }
        ]
        show("the same with Huey, in turn", rows, {"runs": theirs})


if __name__ == "__main__":
    main()
