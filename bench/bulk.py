"""New work beside a bulk operation: how soon a task is picked up, at 20 a second, while very many others are retried.

``python -m bench.bulk [--tasks 1000000] [--seconds 20] [--at file|postgres|...]``. The many wait in a queue of their
own that is paused: they are cancelled by one operation and retried by another, as the sweeper does it, and none of them
runs. Picked up is measured as in ``bench.latency``: from before the submit to the first line of the handler.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bench._jobs import noop, started_at
from bench._places import PLACES
from bench._system import Bench, bench_system
from bench._tables import show
from bench.latency import PER_SECOND, percentile
from leasehold.flow.lookup import operation_of

QUEUE = "many"
LEAST = 2.0
"""Seconds for which new work is measured in any case."""


def pick_ups(until: Callable[[float], bool]) -> list[float]:
    """Ms until each of the tasks that were submitted meanwhile was picked up; ``until`` is asked with the seconds."""
    handles = []
    began = time.perf_counter()
    while not until(time.perf_counter() - began):
        while time.perf_counter() < began + len(handles) / PER_SECOND:
            time.sleep(0.001)
        handles.append((time.clock_gettime(time.CLOCK_BOOTTIME), started_at.submit()))
    return [(handle.result() - submitted) * 1000 for submitted, handle in handles]


def beside(bench: Bench, kind: str) -> tuple[list[float], float, int]:
    """New work while one operation goes on; for how many seconds that was, and how many tasks it changed."""
    client = bench.connection.client
    asked = client.operate(kind, f"queue:{QUEUE}", by="bench")
    began = time.perf_counter()
    ended: list[float] = []

    def over(seconds: float) -> bool:
        if not ended and operation_of(client.views, asked.id).finished:
            ended.append(time.perf_counter() - began)
        return bool(ended) and seconds >= LEAST

    waits = pick_ups(over)
    return waits, ended[0], operation_of(client.views, asked.id).changed


def row(what: str, waits: list[float], seconds: float, changed: int = 0) -> dict[str, str]:
    """A line of the table."""
    shares = {"p50 ms": 0.5, "p95 ms": 0.95, "longest ms": 1.0}
    found = {name: f"{percentile(waits, share):.1f}" for name, share in shares.items()}
    rate = f"{changed / seconds:,.0f}" if changed else ""
    return {"beside": what, "new tasks": str(len(waits)), **found, "changed": f"{changed:,}", "changed/s": rate}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--at", choices=PLACES, default="postgres")
    given = parser.parse_args()
    with bench_system(at=given.at) as bench:
        client = bench.connection.client
        noop.options(queue=QUEUE).submit(number=0)
        client.pause(QUEUE, paused=True, by="bench")
        noop.options(queue=QUEUE).submit_many({"number": number} for number in range(given.tasks))
        alone = pick_ups(lambda seconds: seconds >= given.seconds)
        rows = [row("nothing", alone, given.seconds)]
        rows += [row(f"{kind} of {given.tasks:,}", *beside(bench, kind)) for kind in ("cancel", "retry")]
    show(f"New work at {PER_SECOND} tasks/s beside bulk operations, {given.at}", rows, {"rows": rows})


if __name__ == "__main__":
    main()
