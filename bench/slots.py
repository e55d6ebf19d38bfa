"""What runs cost in slots, without queues and ledger: hand-over, start of a child, memory, arguments, output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bench._processes import cpu_seconds, resident_mebibytes, tree
from bench._tables import show, spread
from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.pool import SlotPool
from leasehold.flow.registry import Registry
from leasehold.ports.slots import Job, Returned

SLOTS = 2
RUNS = 50_000
ROUNDS = 5
IN_HAND = 100
"""Jobs in the slots' hands, as a worker would fetch ahead of short runs."""
LONG = 3_600_000
SPEC = str(Path(__file__).resolve().with_name("_slot_handlers.py"))


def jobs(name: str, arguments: dict[str, object] | None = None) -> Callable[[int], list[Job]]:
    """A source of jobs, all alike."""
    text = json.dumps(arguments or {})
    until = boot() + LONG
    source = (Job(f"run-{n}", f"task-{n}", name, text, 1, 1, until, until) for n in iter(int, 1))
    return lambda count: [job._replace(run_id=f"run-{next(ids)}") for job in islice(source, count)]


ids = iter(range(1 << 60))


def drive(pool: SlotPool, source: Callable[[int], list[Job]], runs: int, in_hand: int) -> None:
    """Keep so many jobs in the slots' hands until all have returned."""
    started = returned = 0
    while returned < runs:
        room = min(in_hand - (started - returned), runs - started)
        if room and (room >= in_hand // 4 or started + room == runs):
            pool.start(source(room))
            started += room
        returned += sum(isinstance(event, Returned) for event in pool.events(1_000))


def rate(
    pool: SlotPool, name: str, in_hand: int, runs: int, arguments: dict[str, object] | None = None
) -> dict[str, float]:
    """Runs per second, and CPU seconds per 1,000 of worker and children."""
    source = jobs(name, arguments)
    all_of_it = cpu_seconds(os.getpid())
    mine, began = time.process_time(), time.perf_counter()
    drive(pool, source, runs, in_hand)
    seconds, mine = time.perf_counter() - began, time.process_time() - mine
    theirs = cpu_seconds(os.getpid()) - all_of_it - mine
    return {"rate": runs / seconds, "worker": mine * 1_000 / runs, "children": theirs * 1_000 / runs}


def rates() -> tuple[list[dict[str, object]], dict[str, object]]:
    """All kinds of hand-over."""
    cases = [
        ("no-op, fetched ahead", "noop", IN_HAND, RUNS, None),
        ("no-op, one per slot at a time", "noop", SLOTS, RUNS // 5, None),
        ("with arguments and a result", "add", IN_HAND, RUNS // 2, {"a": 1, "b": 2}),
        ("with a printed line", "speak", IN_HAND, RUNS // 5, None),
        ("async no-op, 10 places per slot", "noop_async", 2 * 10, RUNS // 5, None),
    ]
    pool = SlotPool(SPEC, SLOTS, env=os.environ)
    try:
        rows: list[dict[str, object]] = []
        figures: dict[str, object] = {}
        for title, name, in_hand, runs, arguments in cases:
            rate(pool, name, in_hand, 1_000, arguments)
            rounds = [rate(pool, name, in_hand, runs, arguments) for _ in range(ROUNDS)]
            worker, children = ([each[who] for each in rounds] for who in ("worker", "children"))
            rows.append(
                {
                    "what": title,
                    "runs/s": spread([each["rate"] for each in rounds]),
                    "CPU s per 1,000: worker": spread(worker, 4),
                    "children": spread(children, 4),
                }
            )
            figures[name if name not in figures else f"{name}_one_by_one"] = rounds
    finally:
        pool.close()
    return rows, figures


def starts() -> list[float]:
    """Ms from nothing to a loaded application, guard and child; not counting what the first import compiles."""

    def start() -> float:
        began = time.perf_counter()
        pool = SlotPool(SPEC, 1, env=os.environ)
        pool.knows("noop")
        took = (time.perf_counter() - began) * 1_000
        pool.close()
        return took

    start()
    return [start() for _ in range(ROUNDS)]


def memory() -> tuple[float, float]:
    """MiB of guard and child."""
    pool = SlotPool(SPEC, 1, env=os.environ)
    pool.knows("noop")
    _, guard, child = tree(os.getpid())
    found = resident_mebibytes(guard), resident_mebibytes(child)
    pool.close()
    return found


def binding() -> dict[str, float]:
    """Microseconds to check arguments and write them, and to read them back."""
    registry = Registry()

    def plain(source: str, language: str = "en", number: int = 0) -> None: ...
    def none() -> None: ...

    found: dict[str, float] = {}
    cases: list[tuple[str, Callable[..., object], dict[str, object]]] = [
        ("no arguments", none, {}),
        ("plain", plain, {"source": "s3://in/a.wav", "number": 3}),
        ("text of a CSV row", plain, {"source": "s3://in/a.wav", "number": "3"}),
    ]
    for title, function, arguments in cases:
        handler = registry.add(function, name=title)
        text = handler.bind((), arguments)
        found[f"bind, {title}"] = cost(lambda: handler.bind((), arguments))  # noqa: B023 - called at once
        found[f"coerce, {title}"] = cost(lambda: handler.coerce(text))  # noqa: B023 - called at once
    return found


def cost(work: Callable[[], object], times: int = 10_000) -> float:
    """Microseconds of CPU: the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def flood() -> dict[str, float]:
    """CPU seconds for a gigabyte of output, by ``print`` and by a program, and how much memory the worker gained."""
    pool = SlotPool(SPEC, 1, env=os.environ)
    pool.knows("noop")
    found: dict[str, float] = {}
    before = resident_mebibytes(os.getpid())
    for name in ("print_a_gigabyte", "program_prints_a_gigabyte"):
        began = cpu_seconds(os.getpid())
        drive(pool, jobs(name), 1, 1)
        found[f"CPU s, {name.replace('_', ' ')}"] = cpu_seconds(os.getpid()) - began
    found["MiB more in the worker"] = resident_mebibytes(os.getpid()) - before
    pool.close()
    return found


def main() -> None:
    rows, figures = rates()
    show(f"Runs through {SLOTS} slots", rows, {"rounds": figures})
    guard, child = memory()
    started = starts()
    singles: dict[str, float] = {**binding(), **flood(), "MiB, guard": guard, "MiB, child": child}
    rows = [{"what": "start of guard and child, ms", "figure": spread(started)}]
    rows += [{"what": what, "figure": f"{figure:,.2f}"} for what, figure in singles.items()]
    show("Slots", rows, {"start_ms": started, **singles})


if __name__ == "__main__":
    sys.exit(main())
