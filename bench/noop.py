"""No-op tasks end to end, durable at every step: from the first submit to the last completed row.

``python -m bench.noop [--tasks 10000] [--runs 5] [--at file|postgres|postgres+sqs|file+sqs]
[--topology single-queue] [--bundle 100]``: with ``--bundle`` up to so many tasks share a message. Beside other systems:
``bench.compare``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

from bench._jobs import noop
from bench._places import PLACES
from bench._processes import cpu_seconds, own_cpu_seconds
from bench._system import Bench, bench_system
from bench._tables import show, spread

SERVERS = ("postgres", "sqs")
"""Not ours: counted apart."""

OURS = ("client", "orchestrator", "workers", "all")


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
    return {
        "rate": tasks / (ended - began),
        **by_role(used),
        "all": sum(used.values()),
        **servers,
        **{f"{name}/task": count for name, count in requests.items()},
        "requests/task": sum(count for name, count in requests.items() if name not in {"billed", "empty"}),
    }


def spent(bench: Bench) -> dict[str, float]:
    """CPU seconds of each role so far; the client's own without those of the processes that it started."""
    return {name: own_cpu_seconds(pid) if name == "client" else cpu_seconds(pid) for name, pid in bench.pids().items()}


def by_role(used: Mapping[str, float]) -> dict[str, float]:
    """What the processes of each role used together, servers left out."""
    return {
        "client": used["client"],
        "orchestrator": sum(seconds for name, seconds in used.items() if name.startswith("orchestrator")),
        "workers": sum(seconds for name, seconds in used.items() if name.startswith("worker")),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--at", choices=PLACES, default="file")
    parser.add_argument("--topology", choices=("two-queue", "single-queue"), default="two-queue")
    parser.add_argument("--bundle", type=int, default=1)
    given = parser.parse_args()
    noop.handler.policy = noop.handler.policy._replace(bundle=given.bundle)  # what @app.task(bundle=...) sets
    ours = [one_run(given.tasks, given.at, given.topology) for _ in range(given.runs)]
    servers = [name for name in SERVERS if name in ours[0]]
    row = {
        "tasks/s": spread([run["rate"] for run in ours]),
        **{f"CPU s/1000 {part}": spread([run[part] for run in ours], 3) for part in (*OURS, *servers)},
        "requests/task": spread([run["requests/task"] for run in ours], 3),
    }
    what = f"{given.tasks:,} no-op tasks in bundles of {given.bundle}, 2 workers of 2 slots"
    show(f"{what}, {given.at}, {given.topology}", [row], {"runs": ours})


if __name__ == "__main__":
    main()
