"""Failed tasks by their cause: look at an example, mend it, retry the group."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from leasehold.core.filters import term
from leasehold.ports import listings
from leasehold.ports.views import FailureGroup
from leasehold.web.pages.lists import part_of
from leasehold.web.pages.render import page
from leasehold.web.source import Reads

router = APIRouter(include_in_schema=False)


@router.get("/failures")
def failures(request: Request, reads: Reads, cursor: str | None = None) -> Response:
    """Draw it, the largest groups first."""
    part = part_of(listings.FAILURES, reads.views.failures, "/failures", cursor)
    return page(
        request,
        "failures.html",
        400 if part.wrong else 200,
        part=part,
        groups=[(group, filter_of(group)) for group in part.rows],
        tasks=sum(group.tasks for group in part.rows),
    )


def filter_of(group: FailureGroup) -> str:
    """What finds its tasks: a cause is one handler's, but that of no error is everybody's."""
    return f"status:failed {term('group', group.id)} {term('name', group.name)}"
