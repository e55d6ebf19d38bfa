"""Batches, failures, queues, workers, operations: short lists, of which the first so many are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Response

from leasehold.core.cursors import Listing
from leasehold.core.errors import BadCursor, NoSuchBatch, NoSuchOperation
from leasehold.flow import shapes
from leasehold.flow.lookup import batch_of, operation_of
from leasehold.flow.problems import KINDS, NotFound
from leasehold.flow.shapes import Shape
from leasehold.ports import listings
from leasehold.web.json import reply
from leasehold.web.models import Batch, Batches, Failures, Operation, Operations, ProblemKind, Queues, Workers
from leasehold.web.routes.asking import AskedList, Limited, OperationId, Unasked, a_page, listed, told
from leasehold.web.source import Reads

router = APIRouter()
T = TypeVar("T")
BatchName = Annotated[str, Path(description="The name of the batch", examples=["november"])]


def rows(
    listing: Listing[T], ask: Callable[[int, str | None], Sequence[T]], asked: Limited, shape: Callable[[T], Shape]
) -> Response:
    """A page, and where the next one begins: one more than is wanted is asked for."""
    return a_page(*listing.cut(ask(asked.limit + 1, asked.cursor), asked.limit), shape)


@router.get("/batches", tags=["batches"], responses=told(Batches, BadCursor))
def batches(reads: Reads, asked: AskedList) -> Response:
    """List batches, newest first."""
    return rows(listings.BATCHES, reads.views.batches, asked, shapes.batch)


@router.get("/batches/{name:path}", tags=["batches"], responses=told(Batch, NoSuchBatch))
def batch(reads: Reads, name: BatchName, _: Unasked) -> Response:
    """Show one batch. Its tasks are those that the filter `batch:NAME` finds."""
    return reply(shapes.batch(batch_of(reads.views, name)))


@router.get("/failures", tags=["failures"], responses=told(Failures, BadCursor))
def failures(reads: Reads, asked: AskedList) -> Response:
    """List failed tasks by their cause, the largest groups first."""
    return rows(listings.FAILURES, reads.views.failures, asked, shapes.failure_group)


@router.get("/queues", tags=["queues"], responses=told(Queues))
def queues(reads: Reads, _: Unasked) -> Response:
    """List all queues with their tasks by state."""
    return reply(listed([shapes.queue(view) for view in reads.views.queues()]))


@router.get("/workers", tags=["workers"], responses=told(Workers, BadCursor))
def workers(reads: Reads, asked: AskedList) -> Response:
    """List workers that run something, by name. One that is idle is not known to the ledger."""
    return rows(listings.WORKERS, reads.views.workers, asked, shapes.worker)


@router.get("/operations", tags=["operations"], responses=told(Operations, BadCursor))
def operations(reads: Reads, asked: AskedList) -> Response:
    """List bulk operations, newest first: who asked for what and why, and how far it is."""
    return rows(listings.OPERATIONS, reads.views.operations, asked, shapes.operation)


@router.get("/operations/{id}", tags=["operations"], responses=told(Operation, NoSuchOperation))
def operation(reads: Reads, id: OperationId, _: Unasked) -> Response:
    """Show one bulk operation."""
    return reply(shapes.operation(operation_of(reads.views, id)))


@router.get("/problems/{slug}", tags=["problems"], responses=told(ProblemKind, NotFound))
async def problem(slug: str, _: Unasked) -> Response:
    """Tell what a type of problem means: every problem's `type` is the address of its kind here."""
    kind = next((kind for kind in KINDS.values() if kind.slug == slug), None)
    if kind is None:
        raise NotFound(f"there is no problem of this kind: {slug!r}")
    return reply({"type": kind.type, "status": kind.status, "title": kind.title, "remedy": kind.remedy})
