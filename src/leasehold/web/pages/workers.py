"""Workers that run something: what each holds, and until when at most."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from leasehold.ports import listings
from leasehold.web.pages.lists import part_of
from leasehold.web.pages.render import page
from leasehold.web.source import Reads

router = APIRouter(include_in_schema=False)


@router.get("/workers")
def workers(request: Request, reads: Reads, cursor: str | None = None) -> Response:
    """Draw them, by name."""
    part = part_of(listings.WORKERS, reads.views.workers, "/workers", cursor)
    return page(request, "workers.html", 400 if part.wrong else 200, part=part)
