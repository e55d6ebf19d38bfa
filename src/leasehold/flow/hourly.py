"""What went through each queue and what waited there, hour by hour, from what is counted of queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from leasehold.core.metering import STATUS, TASKS, Action
from leasehold.core.units import HOUR
from leasehold.ports.views import Views

HOURS = 24


class Hour(NamedTuple):
    """One hour of a queue. The newest is not over, and what was counted in it comes a minute late."""

    at: int
    ended: int = 0
    """Tasks for which an outcome was recorded."""
    sent: int = 0
    """Messages that were sent: fewer than tasks where tasks go out in bundles, more where they go out again."""
    waited: int | None = None
    """Tasks that waited and could have run, on average of one look a minute; ``None``: nobody looked."""


def hourly(views: Views, now: int, hours: int = HOURS) -> Mapping[str, Sequence[Hour]]:
    """By queue, oldest hour first; queues with nothing in all these hours are left out."""
    newest = now // HOUR * HOUR
    starts = [newest - back * HOUR for back in reversed(range(hours))]
    counted = [counts(views, at) for at in starts]
    names = {queue.removeprefix(TASKS) for found in counted for queue, _ in found if queue.startswith(TASKS)}
    return {name: [hour(at, name, found) for at, found in zip(starts, counted, strict=True)] for name in names}


def counts(views: Views, at: int) -> Mapping[tuple[str, Action], tuple[int, int]]:
    """Of the hour that began then: messages and requests by queue and action."""
    found = views.requests(at, at + HOUR)
    return {(each.queue, each.action): (each.tally.messages, each.tally.requests) for each in found}


def hour(at: int, name: str, found: Mapping[tuple[str, Action], tuple[int, int]]) -> Hour:
    """One hour of one queue."""

    def messages(action: Action) -> int:
        return found.get((TASKS + name, action), (0, 0))[0]

    _, looks = found.get((STATUS, Action.WAITED), (0, 0))
    waited = round(messages(Action.WAITED) / looks) if looks else None
    return Hour(at, messages(Action.ENDED), messages(Action.SEND), waited)
