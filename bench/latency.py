"""How soon a task is picked up: from before its submit to the first line of its handler, at 20 tasks a second.

``python -m bench.latency [--tasks 1000] [--at file|postgres|postgres+sqs|file+sqs]``.
"""

from __future__ import annotations

import argparse
import time

from bench._jobs import started_at
from bench._places import PLACES
from bench._system import bench_system
from bench._tables import show

PER_SECOND = 20


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is at least as large as ``share`` of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--at", choices=PLACES, default="file")
    given = parser.parse_args()
    with bench_system(at=given.at) as bench:
        handles = []
        began = time.perf_counter()
        for number in range(given.tasks):
            while time.perf_counter() < began + number / PER_SECOND:
                time.sleep(0.001)
            handles.append((time.clock_gettime(time.CLOCK_BOOTTIME), started_at.submit()))
        bench.wait_completed(200 + given.tasks)
        waits = [(handle.result() - submitted) * 1000 for submitted, handle in handles]
    figures = {name: percentile(waits, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))}
    row = {"tasks": given.tasks, **{f"{name} ms": f"{value:.1f}" for name, value in figures.items()}}
    show(f"pick-up latency at {PER_SECOND} tasks/s, {given.at}", [row], figures)


if __name__ == "__main__":
    main()
