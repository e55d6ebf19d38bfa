"""The first page: how many tasks stand where, what fails, what is under way. Every number leads to what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from leasehold.core.model import Status, Why
from leasehold.core.transitions import PENDING, state_name
from leasehold.flow.attention import Attention
from leasehold.web.counting import by_state
from leasehold.web.pages.failures import filter_of
from leasehold.web.pages.render import page
from leasehold.web.source import Reads

FEW = 5
"""Rows of each list."""
WAITING: Mapping[Why, str] = {
    Why.DUE: "could go out now, and wait in the ledger for their turn",
    Why.QUEUED: "are on the queue, and wait for a worker",
    Why.SCHEDULED: "wait for a time: their own, or that of the next attempt",
    Why.LAPSED: "had a run that ended without a word or failed; the queue gives them out again",
    Why.BLOCKED: "wait for other tasks",
}

router = APIRouter(include_in_schema=False)


class Number(NamedTuple):
    """So many tasks, and how to find them. ``states``: names that the live tick counts by, with commas."""

    name: str
    filter: str
    states: str
    tasks: int
    look: str = ""
    words: str = ""


@router.get("/")
def overview(request: Request, reads: Reads) -> Response:
    """Draw it."""
    views = reads.views
    queues = views.queues()
    counts = by_state(queues)
    workers = views.workers(FEW + 1)
    attention: Attention = request.app.state.attention
    return page(
        request,
        "overview.html",
        any=sum(counts.values()) > 0,
        notices=attention.notices(queues, views.pulse()),
        numbers=numbers(counts),
        waiting=waiting(counts),
        failures=[(group, filter_of(group)) for group in views.failures(FEW)],
        batches=views.batches(FEW),
        workers=workers[:FEW],
        more_workers=len(workers) > FEW,
        queues=queues,
    )


def numbers(counts: Mapping[str, int]) -> list[Number]:
    """By status: a task that is pending counts once, whatever it waits for."""
    pending = sum(counts.get(state, 0) for state in PENDING)
    waiting = Number("waiting", f"status:{Status.PENDING}", ",".join(PENDING), pending, Status.PENDING)
    others = {Status.IN_PROGRESS: "in progress", **{s: str(s) for s in (Status.COMPLETED, Status.FAILED)}}
    told = {**others, Status.CANCELLED: "cancelled"}
    return [waiting, *(Number(told[s], f"status:{s}", s, counts.get(s, 0), s) for s in told)]


def waiting(counts: Mapping[str, int]) -> list[Number]:
    """Why those wait that do; the usual reasons also where nothing waits, for rows that come push others away."""
    found: list[Number] = []
    for why, words in WAITING.items():
        state = state_name(Status.PENDING, why)
        tasks = counts.get(state, 0)
        if tasks or why is not Why.BLOCKED:
            found.append(Number(why, f"why:{why}", state, tasks, words=words))
    return found
