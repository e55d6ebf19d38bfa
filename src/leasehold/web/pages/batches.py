"""Batches: all of them, and one: how far it is, how fast it goes, what takes long, what fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Request, Response

from leasehold.core.filters import term
from leasehold.core.model import Status
from leasehold.flow.lookup import batch_of
from leasehold.flow.progress import LOOKED, Progress, eta, progress, stragglers
from leasehold.ports import listings
from leasehold.ports.views import BatchView, Views
from leasehold.web.pages.lists import part_of
from leasehold.web.pages.render import now, page
from leasehold.web.source import Reads

router = APIRouter(include_in_schema=False)
GROUPS = 10
"""Causes of failures that the page of a batch tells."""


class Row(NamedTuple):
    """A batch in the list."""

    view: BatchView
    progress: Progress
    address: str
    filter: str


class Cause(NamedTuple):
    """What tasks of a batch failed of."""

    group: str
    name: str
    tasks: int
    filter: str


@router.get("/batches")
def batches(request: Request, reads: Reads, cursor: str | None = None) -> Response:
    """Draw the list, newest first."""
    part = part_of(listings.BATCHES, reads.views.batches, "/batches", cursor)
    rows = [Row(view, progress(view, now()), address_of(view.name), term("batch", view.name)) for view in part.rows]
    return page(request, "batches.html", 400 if part.wrong else 200, part=part, rows=rows)


@router.get("/batches/{name:path}")
def batch(request: Request, reads: Reads, name: Annotated[str, Path()]) -> Response:
    """Draw one of them."""
    view, at = batch_of(reads.views, name), now()
    found = progress(view, at)
    words = term("batch", name)
    return page(
        request,
        "batch.html",
        view=view,
        progress=found,
        pace=eta(found.left, found.per_second),
        filter=words,
        statuses=list(Status),
        running=stragglers(reads.views, words, at) if view.counts.get(Status.IN_PROGRESS) else [],
        looked=LOOKED,
        causes=causes(reads.views, name),
        exports=exports(words),
    )


def address_of(name: str) -> str:
    """Where the page of a batch is."""
    return f"/batches/{quote(name, safe='', errors='replace')}"


def causes(views: Views, name: str) -> list[Cause]:
    """What its tasks failed of, by counters; what most failed of first."""
    found: dict[tuple[str, str], int] = {}
    for cell in views.counts(batch=name):
        if cell.status is Status.FAILED:
            key = (cell.error_group or "none", cell.name)
            found[key] = found.get(key, 0) + cell.tasks
    largest = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:GROUPS]
    return [
        Cause(
            group, handler, tasks, f"status:failed {term('batch', name)} {term('group', group)} {term('name', handler)}"
        )
        for (group, handler), tasks in largest
    ]


def exports(words: str) -> Mapping[str, str]:
    """Where all its tasks are, by format."""
    return {
        label: f"/api/v1/tasks/export?{urlencode({'filter': words, 'format': name})}"
        for label, name in (("CSV", "csv"), ("JSON lines", "jsonl"))
    }
