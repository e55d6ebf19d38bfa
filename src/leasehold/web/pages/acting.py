"""What pages change: one task, the selected ones, or all that match; by the same functions as the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from leasehold.core.units import CEILING, say_count
from leasehold.flow.changes import Changed, change, change_all, reach
from leasehold.flow.lookup import task_of
from leasehold.flow.problems import BadRequest
from leasehold.web.forms import Fields, SentForm
from leasehold.web.pages.render import page
from leasehold.web.pages.tasks import list_address
from leasehold.web.source import Reads, Writes, Writing
from leasehold.web.user import Asker, User

SEE_OTHER = 303
"""After a change a browser asks for a page: reloading that changes nothing again."""
CONFLICT = 409
MOST = 1_000
"""Tasks that may be selected; for more there is all that match."""

router = APIRouter(include_in_schema=False)


class Words(NamedTuple):
    """How an action is told."""

    title: str
    past: str
    done: str
    concerns: str


ACTIONS: Mapping[str, Words] = {
    "retry": Words(
        "Retry",
        "tried again",
        "will be tried again",
        "Those that failed or were cancelled are tried again, with fresh budgets; all others stay as they are.",
    ),
    "cancel": Words(
        "Cancel",
        "cancelled",
        "cancelled",
        "Those that have not ended are cancelled in the ledger at once. A run that is going on is told at its next "
        "checkpoint or progress call, and ends with its lease at the latest.",
    ),
}


def field(form: Fields, name: str, default: str = "") -> str:
    """The value of a field of a form."""
    return next((value for each, value in form if each == name), default)


def action(kind: str) -> Words:
    """How this is told. Raises ``BadRequest`` for what cannot be done to tasks."""
    if kind not in ACTIONS:
        raise BadRequest(f"kind: {kind[:50]!r} is none of {', '.join(ACTIONS)}")
    return ACTIONS[kind]


def see(path: str) -> Response:
    """Send the browser on."""
    return RedirectResponse(path, SEE_OTHER)


@router.post("/tasks/{id}/retry")
def retry(request: Request, writes: Writes, user: Asker, form: SentForm, id: str) -> Response:
    """Try one task again."""
    return act_on_one(request, writes, user, form, ("retry", id))


@router.post("/tasks/{id}/cancel")
def cancel(request: Request, writes: Writes, user: Asker, form: SentForm, id: str) -> Response:
    """Cancel one task."""
    return act_on_one(request, writes, user, form, ("cancel", id))


def act_on_one(request: Request, writes: Writing, user: User, form: Fields, wish: tuple[str, str]) -> Response:
    """Do it (its kind) to one task (its id), and lead back to its page; where it was left as it is, say why."""
    kind, id = wish
    found = change(writes.client, kind, [known(writes, id)], by=user.by, reason=field(form, "reason"))
    return see(f"/tasks/{id}") if found.changed else acted(request, kind, found, f"/tasks/{id}", CONFLICT)


def known(writes: Writes, id: str) -> str:
    """The id of a task that is there; raises ``NoSuchTask``."""
    return task_of(writes.client.views, id).task.id


@router.post("/tasks/act")
def act(request: Request, writes: Writes, user: Asker, form: SentForm) -> Response:
    """Do it to the selected tasks, and say what became of each."""
    kind = field(form, "kind")
    action(kind)
    ids = list(dict.fromkeys(value for name, value in form if name == "id"))
    back = list_address(field(form, "filter"))
    if not ids:
        return see(back)
    if len(ids) > MOST:
        raise BadRequest(f"id: {len(ids):,} tasks are more than {MOST:,}. Choose all that match instead")
    found = change(writes.client, kind, ids, by=user.by, reason=field(form, "reason"))
    return acted(request, kind, found, back)


def acted(request: Request, kind: str, found: Changed, back: str, status: int = 200) -> Response:
    """The page that says what became of tasks."""
    return page(request, "acted.html", status, words=action(kind), changed=found.changed, left=found.left, back=back)


@router.get("/tasks/all")
def ask(request: Request, reads: Reads, kind: str, filter: str = "") -> Response:  # noqa: A002 - as the API
    """Say how many match, and ask."""
    words = action(kind)
    found = reach(reads.views, kind, filter)
    return page(
        request,
        "all.html",
        kind=kind,
        words=words,
        filter=filter,
        found=found,
        matching=say_count(found.matching, CEILING),
        concerned=say_count(found.concerned, CEILING),
        back=list_address(filter),
    )


@router.post("/tasks/all")
def operate(writes: Writes, user: Asker, form: SentForm) -> Response:
    """Write the operation, which an orchestrator carries out in batches."""
    kind, words = field(form, "kind"), field(form, "filter")
    action(kind)
    change_all(writes.client, kind, words, by=user.by, reason=field(form, "reason"), agreed=lambda _: True)
    return see("/operations")
