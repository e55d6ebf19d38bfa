"""Edit and resubmit: a task that has ended is submitted once more, with other arguments."""

from __future__ import annotations

import json
import re
from typing import cast
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from leasehold.core.errors import BadArguments, LeaseholdError, NotEnded, StaleEdit, TooLarge, UnknownHandler
from leasehold.core.redaction import HIDDEN
from leasehold.flow.editing import Edit, resubmit
from leasehold.flow.lookup import task_of
from leasehold.flow.problems import kind_of
from leasehold.ports.views import TaskView
from leasehold.web.forms import SentForm
from leasehold.web.pages.acting import field, see
from leasehold.web.pages.refusing import UNCHANGED, sentence
from leasehold.web.pages.render import page
from leasehold.web.pages.task import laid_out
from leasehold.web.source import Reads, Writes
from leasehold.web.user import Asker

LONGEST = 262_144
"""Characters of arguments that a page edits."""

router = APIRouter(include_in_schema=False)


@router.get("/tasks/{id}/edit")
def edit(request: Request, reads: Reads, id: str) -> Response:
    """Show the arguments as they are."""
    view = task_of(reads.views, id)
    return drawn(request, view, laid_out(view.arguments or "{}"), view.task.version)


@router.post("/tasks/{id}/edit")
def edited(request: Request, writes: Writes, user: Asker, form: SentForm, id: str) -> Response:
    """Submit it once more; what is refused is shown again with what was written, and why."""
    view = task_of(writes.client.views, id)
    text, version = field(form, "arguments"), field(form, "version", "0")
    try:
        wanted = Edit(view.task.id, number(version), arguments_of(text), field(form, "reason"))
        made = resubmit(writes.client, writes.ordering, wanted, by=user.by)
    except (BadArguments, NotEnded, StaleEdit, TooLarge, UnknownHandler) as error:
        return drawn(request, view, text, number(version), error, field(form, "reason"))
    return see(f"/tasks/{quote(made.task_id)}")


def number(text: str) -> int:
    """The version that was read; what is none is one that no task has."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def arguments_of(text: str) -> dict[str, object]:
    """A JSON object. Raises ``BadArguments``, with the place where it goes wrong."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadArguments(f"this is no JSON: {error.msg}, in line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise BadArguments("this is nested too deeply") from error
    except ValueError as error:
        raise BadArguments("a number in this has too many digits") from error
    if not isinstance(value, dict):
        raise BadArguments("arguments are a JSON object: names with values, in braces")
    return cast("dict[str, object]", value)


def drawn(
    request: Request, view: TaskView, text: str, version: int, error: LeaseholdError | None = None, reason: str = ""
) -> Response:
    """The page, with what is wrong."""
    return page(
        request,
        "edit.html",
        200 if error is None else kind_of(type(error)).status,
        view=view,
        task=view.task,
        text=text[:LONGEST],
        version=version,
        hidden=HIDDEN in text,
        wrong=None if error is None else f"{sentence(str(error))} {UNCHANGED}",
        stale=isinstance(error, StaleEdit),
        reason=reason,
    )
