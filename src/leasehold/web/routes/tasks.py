"""``/api/v1/tasks``: tasks, and what is known of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from time import time
from typing import TypeVar

from fastapi import APIRouter, Response

from leasehold.core.cursors import Listing
from leasehold.core.errors import BadCursor, NotEnded, StoreDamaged, StoreUnavailable, TaskForgotten
from leasehold.core.units import CEILING, MIB, SECOND
from leasehold.flow import shapes
from leasehold.flow.explain import explain
from leasehold.flow.large import Opening, log_of, result_of
from leasehold.flow.lookup import case_of, story_of, task_of, trail_of
from leasehold.flow.shapes import Shape
from leasehold.ports import listings
from leasehold.ports.views import RunView, Views
from leasehold.web.json import reply
from leasehold.web.models import Count, Events, Explanation, Logs, Outcome, Runs, TaskPage, WholeTask
from leasehold.web.routes.asking import (
    FILTERING,
    OF_A_TASK,
    PAGING,
    AskedFilter,
    AskedList,
    AskedLong,
    AskedPage,
    Limited,
    Long,
    TaskId,
    Unasked,
    a_page,
    told,
)
from leasehold.web.source import Reads

T = TypeVar("T")
router = APIRouter(prefix="/tasks", tags=["tasks"])
LONGEST = 8 * MIB
"""Characters of logs with which a page of them ends: it is held in memory, and each of a thousand may be large."""


@router.get("", responses=told(TaskPage, *PAGING))
def tasks(reads: Reads, asked: AskedPage) -> Response:
    """List tasks, newest first.

    A cursor is a place in the list, not a number of rows: whatever comes or ends meanwhile, the pages of one filter
    hold each task that is there all the while once. A task may leave or enter a filter such as `status:` meanwhile.
    """
    page = reads.views.tasks(asked.words, cursor=asked.cursor, limit=asked.limit)
    items = [shapes.task(view) for view in page.rows]
    shape = {"items": items, "cursor": page.cursor, "unreadable": list(page.unreadable)}
    return reply({**shape, **shapes.bound(page.bound)})


@router.get("/count", responses=told(Count, *FILTERING))
def count(reads: Reads, asked: AskedFilter) -> Response:
    """Count the tasks that match, up to 10,000; beyond, `more` is true."""
    found = reads.views.count(asked.words, CEILING + 1)
    shape = {"count": min(found, CEILING), "more": found > CEILING}
    return reply({**shape, **shapes.bound(reads.views.bound(asked.words))})


@router.get("/{id}", responses=told(WholeTask, *OF_A_TASK, TaskForgotten))
def task(reads: Reads, id: TaskId, _: Unasked) -> Response:
    """Show one task with arguments, result, runs and trail."""
    return reply(shapes.whole_task(*story_of(reads.views, task_of(reads.views, id))))


@router.get("/{id}/runs", responses=told(Runs, BadCursor, *OF_A_TASK, TaskForgotten))
def runs(reads: Reads, id: TaskId, asked: AskedLong) -> Response:
    """List the runs of a task, in order."""
    listing, found = runs_of(reads.views, id, asked)
    return a_page(*listing.cut(found, asked.limit), lambda one: shapes.run(one[1]))


@router.get("/{id}/events", responses=told(Events, BadCursor, *OF_A_TASK))
def events(reads: Reads, id: TaskId, asked: AskedLong) -> Response:
    """Tell what happened to a task, oldest first; of one that is not kept any more too, as long as its trail is."""
    found = trail_of(reads.views, id, asked.limit + 1, asked.cursor)
    return a_page(*listings.events_of(id).cut(found, asked.limit), shapes.line)


@router.get("/{id}/logs", responses=told(Logs, BadCursor, *OF_A_TASK, TaskForgotten, StoreUnavailable, StoreDamaged))
def logs(reads: Reads, id: TaskId, asked: AskedList) -> Response:
    """Show what the runs of a task wrote: output, errors and logging.

    Where logs are long, a page ends before `limit`: with the log that makes it 8 MiB or more. `cursor` asks for the
    others.
    """
    listing, found = runs_of(reads.views, id, asked)
    texts = logs_of(reads.store, [run for _, run in found[: asked.limit]])
    shown, cursor = listing.cut(found, len(texts))

    def shape(one: tuple[tuple[int, RunView], str]) -> Shape:
        (number, run), text = one
        return {"run": number, **shapes.run(run), "log": text}

    return a_page(list(zip(shown, texts, strict=True)), cursor, shape)


def logs_of(store: Opening, runs: Iterable[RunView]) -> Sequence[str]:
    """What they wrote, run by run, up to the one with which it is long enough."""
    texts: list[str] = []
    size = 0
    for run in runs:
        texts.append(log_of(store, run))
        size += len(texts[-1])
        if size >= LONGEST:
            break
    return texts


def runs_of(
    views: Views, id: str, asked: Limited | Long
) -> tuple[Listing[tuple[int, RunView]], Sequence[tuple[int, RunView]]]:
    """Runs with their numbers, one more than asked for, and the list that they are cut from."""
    listing = listings.runs_of(task_of(views, id).task.id)
    (before, *_) = listing.read(asked.cursor) or (0,)
    found = views.runs(id, asked.limit + 1, asked.cursor)
    return listing, list(enumerate(found, int(before) + 1))


@router.get(
    "/{id}/result", responses=told(Outcome, *OF_A_TASK, TaskForgotten, NotEnded, StoreUnavailable, StoreDamaged)
)
def result(reads: Reads, id: TaskId, _: Unasked) -> Response:
    """Tell how a task ended, with its whole result."""
    view = task_of(reads.views, id)
    ended = reads.views.outcomes([view.task.id])
    if not ended:
        raise NotEnded(f"task {id} has no outcome yet: it is {view.task.status}")
    text = reads.hiding.result(result_of(reads.store, ended[0]))
    return reply(shapes.outcome(ended[0]._replace(result=text)))


@router.get("/{id}/why", responses=told(Explanation, *OF_A_TASK, TaskForgotten))
def why(reads: Reads, id: TaskId, _: Unasked) -> Response:
    """Say why a task is not done, and what can be done about it."""
    view = task_of(reads.views, id)
    return reply(shapes.explanation(view, explain(case_of(reads.views, view, int(time() * SECOND), UTC))))
