"""Bulk operations: who asked for what and why, and how far it is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from leasehold.core.redaction import HIDDEN
from leasehold.flow.lookup import operation_of
from leasehold.ports import listings
from leasehold.web.forms import SentForm
from leasehold.web.pages.acting import field, see
from leasehold.web.pages.lists import part_of
from leasehold.web.pages.render import page
from leasehold.web.source import Reads, Writes
from leasehold.web.user import Asker

router = APIRouter(include_in_schema=False)


@router.get("/operations")
def operations(request: Request, reads: Reads, cursor: str | None = None) -> Response:
    """Draw them, newest first."""
    part = part_of(listings.OPERATIONS, reads.views.operations, "/operations", cursor)
    return page(request, "operations.html", 400 if part.wrong else 200, part=part, hidden=HIDDEN)


@router.post("/operations/cancel")
def cancel(writes: Writes, user: Asker, form: SentForm) -> Response:
    """Stop one where it is; what it has changed stays changed."""
    one = operation_of(writes.client.views, field(form, "operation"))
    writes.client.cancel_operation(one.id, by=user.by)
    return see("/operations")
