"""The list of tasks: newest first, by the filter language of the command line, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from leasehold.core.errors import BadCursor, BadFilter
from leasehold.core.units import CEILING, say_count
from leasehold.ports.views import Page, TaskView, Views
from leasehold.web.counting import by_state
from leasehold.web.pages.render import page
from leasehold.web.source import Reads

LIMIT = 50
"""Rows of a page."""
MADE_UP = re.compile("[0-9a-f]{32}")
"""Keys that `run` makes of a row: they tell people nothing."""

SAVED: Sequence[tuple[str, str]] = (
    ("All", ""),
    ("Waiting", "status:pending"),
    ("In progress", "status:in_progress"),
    ("Failed", "status:failed"),
    ("Completed", "status:completed"),
    ("Cancelled", "status:cancelled"),
    ("Not done after an hour", "status:pending,in_progress age:>1h"),
)
"""Filters worth a link; any other is a link as well, for its page's address is all there is to it."""

router = APIRouter(include_in_schema=False)


class Listed(NamedTuple):
    """A page of tasks, or why there is none."""

    found: Page[TaskView]
    fitting: int
    wrong: str | None = None


@router.get("/tasks")
def tasks(request: Request, reads: Reads, filter: str = "", cursor: str | None = None) -> Response:  # noqa: A002 - as the API
    """Draw it. A filter that does not parse is said beside it."""
    listed = look(reads.views, filter, cursor or None)
    return page(
        request,
        "tasks.html",
        400 if listed.wrong else 200,
        filter=filter,
        saved=SAVED,
        rows=[(view, what(view)) for view in listed.found.rows],
        unreadable=listed.found.unreadable,
        bound=listed.found.bound,
        count=listed.fitting,
        counted=say_count(listed.fitting, CEILING if filter.strip() else None),
        wrong=listed.wrong,
        any=bool(filter.strip() or listed.fitting),
        first=list_address(filter) if cursor else None,
        older=list_address(filter, listed.found.cursor) if listed.found.cursor else None,
    )


def look(views: Views, words: str, cursor: str | None) -> Listed:
    """One page of what fits."""
    try:
        return Listed(views.tasks(words, cursor=cursor, limit=LIMIT), how_many(views, words))
    except BadCursor as error:
        return Listed(Page((), None), how_many(views, words), str(error))
    except BadFilter as error:
        return Listed(Page((), None), 0, str(error))


def how_many(views: Views, words: str) -> int:
    """How many tasks fit: the counters know how many there are; a filter is counted to one beyond the ceiling."""
    return views.count(words, CEILING + 1) if words.strip() else sum(by_state(views.queues()).values())


def list_address(words: str, cursor: str | None = None) -> str:
    """Where a page of the list is."""
    parts = {name: value for name, value in (("filter", words), ("cursor", cursor)) if value}
    return f"/tasks?{urlencode(parts)}" if parts else "/tasks"


def what(view: TaskView) -> str:
    """What tells a task apart for people: its key, or its arguments where the key is only a hash of them."""
    if view.key and not MADE_UP.fullmatch(view.key):
        return view.key
    return view.arguments or view.arguments_ref or ""
