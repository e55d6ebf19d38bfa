"""What programs wait by: outcomes of given tasks and of a batch, and the counts of a batch or a queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from leasehold.core.errors import BadCursor, UsageError
from leasehold.flow import shapes
from leasehold.flow.problems import BodyTooLarge
from leasehold.web.bodies import Asked
from leasehold.web.json import reply
from leasehold.web.models import Cells, Ended, Ids, Outcomes
from leasehold.web.routes.asking import Limited, Nothing, Unasked, listed, told
from leasehold.web.source import Reads

router = APIRouter()
OUTCOMES_PATH = "/outcomes"
"""Where tasks are asked for in the body of a POST, which changes nothing: a thousand ids are too long for a URL."""


class OfBatch(Limited):
    """The parameters of a batch's outcomes."""

    batch: str = Field(description="The name of the batch", examples=["november"])


class Place(Nothing):
    """The parameters of counts: of a batch, of a queue, or of the one in the other."""

    batch: str | None = Field(default=None, description="Of this batch", examples=["november"])
    queue: str | None = Field(default=None, description="In this queue")


class Part(Nothing):
    """The parameter of a search for ids."""

    part: str = Field(description="How the id begins or ends", examples=["173442d9ad5"])


@router.post(OUTCOMES_PATH, tags=["tasks"], responses=told(Outcomes, BodyTooLarge))
def outcomes(reads: Reads, body: Asked, _: Unasked) -> Response:
    """Tell how those of the given tasks ended that have ended. Changes nothing; a viewer may ask."""
    found = reads.views.outcomes(list(dict.fromkeys(body.ids)))
    return reply(listed([shapes.outcome(one) for one in found]))


@router.get(OUTCOMES_PATH, tags=["batches"], responses=told(Ended, BadCursor))
def ended(reads: Reads, asked: Annotated[OfBatch, Query()]) -> Response:
    """Tell how tasks of a batch ended, in the order in which that was recorded, beyond the cursor.

    Whoever keeps asking with the last cursor is told every outcome of the batch; one twice only where a task was taken
    up again and ended anew.
    """
    page = reads.views.ended(asked.batch, asked.cursor, asked.limit)
    return reply({**listed([shapes.outcome(one) for one in page.rows]), "cursor": page.cursor})


@router.get("/counts", tags=["batches"], responses=told(Cells, UsageError))
def counts(reads: Reads, asked: Annotated[Place, Query()]) -> Response:
    """Count the tasks of a batch, or in a queue, by handler, status, reason to wait and cause of failure."""
    if asked.batch is None and asked.queue is None:
        raise UsageError("say of what: batch, queue or both. GET /queues counts all tasks")
    found = reads.views.counts(queue=asked.queue, batch=asked.batch)
    return reply(listed([shapes.cell(one) for one in found]))


@router.get("/ids", tags=["tasks"], responses=told(Ids))
def ids(reads: Reads, asked: Annotated[Part, Query()]) -> Response:
    """Find ids of tasks by how they begin or end: up to 10."""
    return reply(listed(reads.views.find_id(asked.part)))
