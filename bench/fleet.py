"""500 worker nodes against two orchestrators on PostgreSQL and the SQS test server: storms, pace, tenants.

``python -m bench.fleet [--nodes 500] [--slots 2] [--crews 4] [--topology single-queue] [--only storm,pace,...]
[--scale 1.0]``: about five minutes with 500 nodes on a quiet machine. Each node has the real roles in threads of their
own; its slots only let the time pass that a task asks for. Nodes share a few processes, so that they fit on one
machine; the orchestrators are processes as in production. After each scenario ``leasehold audit`` has to find
everything explained. Requests, counts and CPU seconds do not depend on what else the machine does; rates and latencies
do. A scenario that fails is shown as failed, the others go on, and it ends with 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from bench._fleet import Fleet, Gauge, fleet
from bench._tables import show
from bench._tenants import tenants

Figures = dict[str, object]
LATENCY = """
    SELECT percentile_disc(ARRAY[0.5, 0.9, 0.99, 1.0]) WITHIN GROUP (ORDER BY first - created_at),
           percentile_disc(ARRAY[0.5, 0.9, 0.99, 1.0]) WITHIN GROUP (ORDER BY updated_at - last)
    FROM (SELECT tasks.created_at, tasks.updated_at, min(runs.started_at) AS first, max(runs.ended_at) AS last
          FROM tasks JOIN runs ON runs.task = tasks.number WHERE tasks.batch = %s GROUP BY tasks.number) AS each
"""
TRAIL = """
    SELECT audit.kind || COALESCE(': ' || left(audit.detail, 60), ''), count(*)
    FROM audit JOIN tasks ON tasks.number = audit.task WHERE tasks.batch = %s GROUP BY 1
"""


def storm(crowd: Fleet, tasks: int) -> Figures:
    """A backlog of no-op tasks, then all nodes start at once."""
    written = crowd.server()
    crowd.submit("storm", [0] * tasks)
    crowd.ready()
    asked, before, began = requests(crowd), (crowd.cpu(), written), time.monotonic()
    with crowd.gauged() as looks:
        crowd.go()
        up, gone = time.monotonic(), crowd.parts.ledger.now()
        first = crowd.completed("storm", 1)
        ended = crowd.completed("storm", tasks)
    return {
        "s until all are up": round(up - began, 2),
        "s until the first result": round(first - began, 2),
        "tasks/s": round(tasks / (ended - began)),
        **spent(crowd, before, tasks),
        "requests/task": per_task(crowd, asked, tasks),
        "nodes that had begun something, after 1, 2, 5, 10 s": begun(crowd, gone),
        **in_flight(looks),
        "ms from end to record: p50, p90, p99, most": latencies(crowd, "storm")[1],
    }


def pace(crowd: Fleet, tasks: int, rate: int = 40) -> Figures:
    """Tasks of 50 ms come at a steady pace, far below what the fleet could do."""
    asked, before, began = requests(crowd), so_far(crowd), time.monotonic()
    with crowd.gauged() as looks:
        for number in range(tasks):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            crowd.submit("pace", [50])
        crowd.completed("pace", tasks)
    lasted = time.monotonic() - began
    idle = {"ReceiveMessage tasks": crowd.nodes * lasted / 20}
    return {
        "tasks/s": rate,
        **spent(crowd, before, tasks),
        "requests/task": per_task(crowd, asked, tasks),
        "empty receives of an idle fleet in that time, per task": round(idle["ReceiveMessage tasks"] / tasks, 2),
        **in_flight(looks),
        "ms from submit to start: p50, p90, p99, most": latencies(crowd, "pace")[0],
        "ms from end to record: p50, p90, p99, most": latencies(crowd, "pace")[1],
    }


def stops(crowd: Fleet, tasks: int) -> Figures:
    """Tasks of 1 to 60 s; all nodes drain at once, others come, are killed at once, and others end the work."""
    random, asked, before = Random(1), requests(crowd), so_far(crowd)
    with crowd.gauged() as looks:
        crowd.submit("stops", [random.choice((1_000, 5_000, 20_000, 24_000)) for _ in range(tasks)])
        crowd.until("stops", lambda counts: counts["in_progress"] >= 0.9 * crowd.nodes * crowd.slots)
        drained = crowd.drain()
        crowd.until("stops", lambda counts: not counts["in_progress"])
        left = crowd.counts("stops")
        crowd.ready()
        crowd.go()
        crowd.until("stops", lambda counts: counts["in_progress"] >= 0.9 * crowd.nodes * crowd.slots)
        crowd.kill()
        killed = time.monotonic()
        crowd.ready()
        crowd.go()
        ended = crowd.completed("stops", tasks)
    trail = dict(crowd.ask(TRAIL, "stops"))
    return {
        "s from the stop to the last node gone": round(drained, 1),
        "in progress after the drain": left["in_progress"],
        "s from the kill to the last result": round(ended - killed, 1),
        **in_flight(looks),
        "slots": crowd.nodes * crowd.slots,
        **spent(crowd, before, tasks),
        "requests/task": per_task(crowd, asked, tasks),
        "audit lines": trail,
    }


SCENARIOS: Mapping[str, Callable[[Fleet, float], Figures]] = {
    "storm": lambda crowd, scale: storm(crowd, int(20_000 * scale)),
    "pace": lambda crowd, scale: pace(crowd, int(1_600 * scale)),
    "stops": lambda crowd, scale: stops(crowd, max(3 * crowd.nodes * crowd.slots, int(3_000 * scale))),
    "tenants": tenants,
}


def requests(crowd: Fleet) -> Counter[str]:
    return crowd.place.requests()


def per_task(crowd: Fleet, before: Counter[str], tasks: int) -> dict[str, float]:
    spent = requests(crowd) - before
    total = sum(count for name, count in spent.items() if name not in {"billed", "empty"})
    return {name: round(count / tasks, 4) for name, count in sorted((spent | {"all": total}).items())}


def spent(crowd: Fleet, before: tuple[Mapping[str, float], Mapping[str, float]], tasks: int) -> Figures:
    used = {name: round((now - before[0].get(name, 0.0)) * 1000 / tasks, 3) for name, now in crowd.cpu().items()}
    if used["nodes"] < 0:  # those that were killed took their count with them
        del used["nodes"]
    server = {name: now - before[1][name] for name, now in crowd.server().items() if name != "connections"}
    return {
        "CPU s per 1,000 tasks": used,
        "PostgreSQL, each task": {name: round(count / tasks, 2) for name, count in server.items()},
        "connections to PostgreSQL": crowd.server()["connections"],
    }


def so_far(crowd: Fleet) -> tuple[Mapping[str, float], Mapping[str, float]]:
    return crowd.cpu(), crowd.server()


def latencies(crowd: Fleet, batch: str) -> tuple[list[int], list[int]]:
    """Quantiles, ms: from each submit to the first start, from each last end to its record."""
    ((waited, recorded),) = crowd.ask(LATENCY, batch)
    return waited, recorded


def begun(crowd: Fleet, since: int) -> list[int]:
    """How many nodes had begun a task, some time after they came up."""
    firsts = [first - since for _, first in crowd.ask("SELECT worker, min(started_at) FROM runs GROUP BY worker")]
    return [sum(first <= ms for first in firsts) for ms in (1_000, 2_000, 5_000, 10_000)]


def in_flight(looks: list[Gauge]) -> Figures:
    """What the gauge of the task queue showed: half of the time at most, and ever at most."""
    return {
        "on the queue, half of the time and at most: waiting, in flight": tuple(
            (line[len(line) // 2], line[-1])
            for line in (sorted(look.visible for look in looks) or [0], sorted(look.in_flight for look in looks) or [0])
        )
    }


def tried(crowd: Fleet, name: str, scale: float) -> Figures:
    """What came of one scenario; that it failed, where it did."""
    try:
        if name not in {"storm", "tenants"} and not crowd.crews:
            crowd.ready()
            crowd.go()
        began = time.monotonic()
        found = SCENARIOS[name](crowd, scale)
        found["audit"] = crowd.audit()["sentence"]
    except Exception as error:  # noqa: BLE001 - whatever it was, the others are worth their time
        traceback.print_exc()
        crowd.kill()
        return {"failed": f"{type(error).__name__}: {error}"}
    return found | {"s of the scenario": round(time.monotonic() - began, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--crews", type=int, default=4, help="processes that the nodes share")
    parser.add_argument("--topology", choices=("two-queue", "single-queue"), default="two-queue")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="which scenarios")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of tasks")
    given = parser.parse_args()
    found: dict[str, Figures] = {}
    with fleet(topology=given.topology, nodes=given.nodes, slots=given.slots, crews=given.crews) as crowd:
        crowd.orchestrate()
        for name in given.only.split(","):
            found[name] = tried(crowd, name, given.scale)
            print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    rows = [
        {"scenario": name, "what": what, "figure": value}
        for name, each in found.items()
        for what, value in each.items()
    ]
    show(f"{given.nodes} nodes of {given.slots} slots, two orchestrators, {given.topology}", rows, found)
    sys.exit(any("failed" in each for each in found.values()))


if __name__ == "__main__":
    main()
