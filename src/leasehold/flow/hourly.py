"""What went through each queue, hour by hour, from the counts of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from leasehold.core.metering import TASKS, Action
from leasehold.core.units import HOUR
from leasehold.ports.views import Views

HOURS = 24


class Hour(NamedTuple):
    """One hour of a queue. The newest is not over, and what was counted in it comes a minute late."""

    at: int
    ended: int
    """Tasks for which an outcome was recorded."""
    sent: int
    """Messages that were sent: fewer than tasks where tasks go out in bundles, more where they go out again."""


def hourly(views: Views, now: int, hours: int = HOURS) -> Mapping[str, Sequence[Hour]]:
    """By queue, oldest hour first; queues with nothing in all these hours are left out."""
    newest = now // HOUR * HOUR
    starts = [newest - back * HOUR for back in reversed(range(hours))]
    found: dict[str, dict[int, Hour]] = {}
    for at in starts:
        for each in views.requests(at, at + HOUR):
            if each.queue.startswith(TASKS) and each.action in {Action.ENDED, Action.SEND}:
                of_queue = found.setdefault(each.queue.removeprefix(TASKS), {})
                hour = of_queue.get(at, Hour(at, 0, 0))
                more = each.tally.messages
                of_queue[at] = hour._replace(
                    ended=hour.ended + (more if each.action is Action.ENDED else 0),
                    sent=hour.sent + (more if each.action is Action.SEND else 0),
                )
    return {queue: [of_queue.get(at, Hour(at, 0, 0)) for at in starts] for queue, of_queue in found.items()}
