"""Bulk operations: who asked for what and why, and how far it is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from leasehold.ports import listings
from leasehold.web.pages.lists import part_of
from leasehold.web.pages.render import page
from leasehold.web.source import Reads

router = APIRouter(include_in_schema=False)


@router.get("/operations")
def operations(request: Request, reads: Reads, cursor: str | None = None) -> Response:
    """Draw them, newest first."""
    part = part_of(listings.OPERATIONS, reads.views.operations, "/operations", cursor)
    return page(request, "operations.html", 400 if part.wrong else 200, part=part)
