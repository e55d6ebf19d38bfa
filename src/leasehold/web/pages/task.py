"""One task: where it stands and why, its runs drawn to scale, what went in and came out, what happened to it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from leasehold.core.model import Token
from leasehold.core.units import say_bytes
from leasehold.flow.checkpoints import Checkpoints
from leasehold.flow.explain import Case, Remedy, explain
from leasehold.flow.lookup import story_of, task_of
from leasehold.ports.views import RunView
from leasehold.web.hiding import COVER
from leasehold.web.pages.render import now, page
from leasehold.web.pages.timeline import DRAWN, how, timeline
from leasehold.web.pages.words import SHOWN
from leasehold.web.source import Reads
from leasehold.web.user import Asker

router = APIRouter(include_in_schema=False)
MARKS = re.compile("\ue000([0-9]{1,15})\ue001")
LINES = 200
"""Lines of the trail that are shown, the newest; the API has all."""
LOGS = 20
"""Runs whose logs are shown; the API has all."""


class Value(NamedTuple):
    """A value as a page shows it: its beginning, and what to say of the rest."""

    text: str
    rest: str = ""


class Log(NamedTuple):
    """The end of what one run wrote."""

    number: int
    text: str
    rest: str


@router.get("/tasks/{id}")
def task(request: Request, reads: Reads, id: str) -> Response:
    """Draw it."""
    view, runs, trail = story_of(reads.views, task_of(reads.views, id))
    instant = now()
    queue = next((queue for queue in reads.views.queues() if queue.name == view.task.queue), None)
    case = Marked(view, runs, trail, queue, instant, UTC)
    return page(
        request,
        "task.html",
        view=view,
        task=view.task,
        why=told(case),
        timeline=timeline(runs, instant),
        how=how,
        logs=logs_of(runs),
        arguments=value(view.arguments, view.arguments_ref),
        result=value(view.result, view.result_ref),
        earlier_runs=max(0, len(runs) - DRAWN),
        trail=list(reversed(trail[-LINES:])),
        earlier_lines=max(0, len(trail) - LINES),
        traceback=next((run.failure.traceback for run in reversed(runs) if run.failure and run.failure.traceback), ""),
    )


class Marked(Case):
    """A case whose explanation marks its instants, so that a page can say them in the viewer's zone."""

    def at(self, instant: int) -> str:
        """The mark of an instant."""
        return f"\ue000{instant}\ue001"


class Told(NamedTuple):
    """Why a task stands where it stands: words and instants (ms) in turn, and what somebody could do."""

    parts: Sequence[str | int]
    remedies: Sequence[Remedy]


def told(case: Marked) -> Told:
    """Why it stands where it stands, with the commands written out."""
    found = explain(case)
    parts = [int(part) if odd % 2 else part for odd, part in enumerate(MARKS.split(found.paragraph))]
    return Told(parts, [remedy._replace(command=f"leasehold {remedy.command}") for remedy in found.remedies])


def value(text: str | None, reference: str | None) -> Value | None:
    """A JSON value, laid out, or where it is; ``None``: there is none."""
    if text is None:
        return None if reference is None else Value("", f"It is in the store: {reference}")
    shown = laid_out(text)
    if len(shown) <= SHOWN:
        return Value(shown)
    return Value(shown[:SHOWN], f"This is the beginning of {say_bytes(len(text))}.")


def laid_out(text: str) -> str:
    """JSON text on several lines; large text as it is, for only its beginning is shown."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if len(text) <= 8 * SHOWN else text
    except ValueError:
        return text


def logs_of(runs: Sequence[RunView]) -> list[Log]:
    """The ends of what the last runs wrote, the newest first."""
    found = [(number, run) for number, run in enumerate(runs, 1) if run.log]
    return [Log(number, text := (run.log or "")[-SHOWN:], rest(run, text)) for number, run in reversed(found[-LOGS:])]


def rest(run: RunView, shown: str) -> str:
    """What is said of a log of which only the end is shown."""
    return f"the last {say_bytes(len(shown))} of {say_bytes(run.log_bytes)}" if run.log_bytes > len(shown) else ""


@router.get("/tasks/{id}/checkpoint")
def checkpoint(request: Request, reads: Reads, user: Asker, id: str) -> Response:
    """Show the newest checkpoint; the store is asked only here, for it may be slow or away.

    It is what may become the result, so it is hidden as results are.
    """
    view = task_of(reads.views, id)
    state = Checkpoints(reads.store(), limit=0).load(view.task.id, Token(view.task.n, 2**19))
    if state is not None:
        state = COVER if reads.hiding.hides(user, "results") else reads.hiding.result(state)
    return page(request, "checkpoint.html", task=view.task, state=value(state, None))
