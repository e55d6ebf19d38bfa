"""Queues: what waits in each and why, since when, how much is out, what went through in the last hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from leasehold.core.filters import term
from leasehold.core.model import Why
from leasehold.flow.figures import in_flight
from leasehold.flow.hourly import HOURS, hourly
from leasehold.flow.lookup import queue_of
from leasehold.flow.problems import BadRequest
from leasehold.ports.pulse import Waiting
from leasehold.ports.queue import Depth
from leasehold.ports.views import QueueView
from leasehold.web.forms import SentForm
from leasehold.web.pages.acting import field, see
from leasehold.web.pages.chart import Charts, charts
from leasehold.web.pages.render import page
from leasehold.web.source import Reads, Writes
from leasehold.web.user import Asker

router = APIRouter(include_in_schema=False)
SWITCHES: Mapping[str, bool] = {"pause": True, "resume": False}


class Row(NamedTuple):
    """One queue."""

    view: QueueView
    filter: str
    in_flight: int
    waiting: Mapping[Why, int]
    """Since when the oldest waits for each reason, as ``core.happening.waits_since`` has it."""
    oldest: Waiting | None
    charts: Charts | None
    depth: Depth | None
    """What the queue itself says that it holds; ``None``: it was not asked, or did not answer."""


@router.get("/queues")
def queues(request: Request, reads: Reads) -> Response:
    """Draw all of them."""
    views, pulse = reads.views.queues(), reads.views.pulse()
    hours = hourly(reads.views, pulse.now)
    seen = reads.looking.newest() if reads.looking else None
    depths: Mapping[str, Depth] = seen.look.tasks if seen else {}
    rows: list[Row] = []
    for view in views:
        waiting = [each for each in pulse.waiting if each.queue == view.name]
        rows.append(
            Row(
                view,
                term("queue", view.name),
                in_flight(view),
                {each.why: each.since for each in waiting},
                min((each for each in waiting if each.why is not Why.SCHEDULED), key=since, default=None),
                charts(hours[view.name]) if view.name in hours else None,
                depths.get(view.name),
            )
        )
    return page(request, "queues.html", rows=rows, whys=list(Why), hours=HOURS, seen=seen)


@router.post("/queues/act")
def act(writes: Writes, user: Asker, form: SentForm) -> Response:
    """Pause a queue, or let it go on."""
    kind = field(form, "kind")
    if kind not in SWITCHES:
        raise BadRequest(f"kind: {kind[:50]!r} is none of {', '.join(SWITCHES)}")
    found = queue_of(writes.client.views, field(form, "queue"))
    writes.client.pause(found.name, paused=SWITCHES[kind], by=user.by)
    return see("/queues")


def since(each: Waiting) -> int:
    """What they are ordered by."""
    return each.since
