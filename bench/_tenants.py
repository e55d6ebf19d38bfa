"""How long one tenant's tasks wait that come while another has a large backlog: in one queue, and in one for each.

The protocol has no rule about tenants: the ledger's line goes by priority, then by the time at which a task was due.
Fair would be that the few tasks of a small tenant wait about as long as they would if the large one were not there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from bench._fleet import Fleet

ROUNDS = 8
"""Tasks of the large tenant for each slot."""
LASTS = 2_000
"""ms of each task."""
COMING = 40
"""Tasks of the small one, one every ``PAUSE`` s, once the large one's are under way."""
PAUSE = 0.2

WAITS = """
    SELECT count(*), percentile_disc(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP (ORDER BY runs.started_at - tasks.created_at)
    FROM tasks JOIN bodies ON bodies.task = tasks.number JOIN runs ON runs.task = tasks.number
    WHERE tasks.batch = %s AND bodies.tenant = %s
"""


class Way(NamedTuple):
    """How the small tenant's tasks are submitted."""

    queue: str = "default"
    priority: int = 0
    alone: bool = False
    """The large tenant submits nothing: how long they wait then."""


WAYS: Mapping[str, Way] = {
    "nobody else there": Way(alone=True),
    "one queue, by time alone": Way(),
    "one queue, higher priority": Way(priority=10),
    "a queue for each tenant": Way(queue="small"),
}


def waits(crowd: Fleet, way: Way, batch: str, scale: float) -> dict[str, object]:
    """One large backlog, and the small tenant's tasks that come meanwhile."""
    slots = crowd.nodes * crowd.slots
    large, small = 0 if way.alone else max(1, int(slots * ROUNDS * scale)), max(1, int(COMING * scale))
    crowd.kill()  # nothing is in progress: with others, that serve these queues
    crowd.environment["LEASEHOLD_WORKER_QUEUES"] = ",".join(dict.fromkeys(("default", way.queue)))
    crowd.submit(batch, [LASTS] * large, tenant="large")
    crowd.ready()
    began = time.monotonic()
    crowd.go()
    if large:
        crowd.until(batch, lambda counts: counts["in_progress"] + counts["completed"] >= slots // 2)
    for _ in range(small):
        crowd.submit(batch, [LASTS], tenant="small", queue=way.queue, priority=way.priority)
        time.sleep(PAUSE)
    came = large - crowd.counts(batch)["completed"]
    ended = crowd.completed(batch, large + small)
    ((count, waited),) = crowd.ask(WAITS, batch, "small")
    ((_, of_large),) = crowd.ask(WAITS, batch, "large")
    return {
        "tasks of the large, of the small": (large, count),
        "not completed when the last of the small came": max(0, came),
        "s for all": round(ended - began, 1),
        "ms that the small one's waited: p50, p99, most": waited,
        "ms that the large one's waited: p50, p99, most": of_large,
    }


def tenants(crowd: Fleet, scale: float) -> dict[str, object]:
    """Each way in turn, with nodes that have just come up."""
    try:
        return {
            f"{way}: {what}": figure
            for number, way in enumerate(WAYS)
            for what, figure in waits(crowd, WAYS[way], f"tenants-{number}", scale).items()
        }
    finally:
        crowd.environment.pop("LEASEHOLD_WORKER_QUEUES", None)
