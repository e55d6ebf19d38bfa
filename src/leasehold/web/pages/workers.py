"""Workers that run something: what each holds, and until when at most."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from leasehold.flow.lookup import workers_of
from leasehold.ports import listings
from leasehold.web.forms import SentForm
from leasehold.web.pages.acting import field, see
from leasehold.web.pages.lists import part_of
from leasehold.web.pages.render import page
from leasehold.web.source import Reads, Writes
from leasehold.web.user import Asker

router = APIRouter(include_in_schema=False)


@router.get("/workers")
def workers(request: Request, reads: Reads, cursor: str | None = None) -> Response:
    """Draw them, by name."""
    part = part_of(listings.WORKERS, reads.views.workers, "/workers", cursor)
    return page(request, "workers.html", 400 if part.wrong else 200, part=part)


@router.get("/workers/recall")
def ask(request: Request, reads: Reads, name: str) -> Response:
    """Say what is running there, and ask."""
    theirs = workers_of(reads.views, name)
    return page(request, "recall.html", name=name, theirs=theirs, tasks=sum(view.tasks for view in theirs))


@router.post("/workers/recall")
def recall(writes: Writes, user: Asker, form: SentForm) -> Response:
    """Say that it is gone for good."""
    writes.client.recall(field(form, "name"), by=user.by)
    return see("/workers")
