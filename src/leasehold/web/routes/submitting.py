"""``POST /tasks`` and ``POST /tasks/stream``: one task, and many."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from leasehold.core.errors import KeyTaken
from leasehold.flow.ordering import LONGEST_WISH
from leasehold.web.answers import Submitted
from leasehold.web.bodies import NewTask
from leasehold.web.examples import STREAM
from leasehold.web.intake import Answering, Intake, Terms
from leasehold.web.routes.asking import CHANGING, Nothing, Unasked, changing, problems
from leasehold.web.routes.changes import CREATED, ORDERING, stored
from leasehold.web.source import Writes
from leasehold.web.user import Asker

router = APIRouter(prefix="/tasks", tags=["tasks"])
LINES = "application/x-ndjson"
STREAM_PATH = "/tasks/stream"
Idempotency = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Makes the request repeatable where tasks have no key of their own: it becomes their key",
    ),
]


class Streamed(Nothing):
    """The parameter of a stream."""

    quiet: bool = Field(default=False, description="Answer only the rows that were rejected, and the sum")


@router.post(
    "",
    status_code=CREATED,
    responses=changing(Submitted, KeyTaken, *ORDERING, status=CREATED) | changing(Submitted),
)
def submit(writes: Writes, user: Asker, body: NewTask, _: Unasked, idempotency_key: Idempotency = None) -> Response:
    """Submit one task. When this is answered, it is stored and will be accounted for.

    With a `key`, or the header `Idempotency-Key` instead, it may be sent again: the same task is answered, with
    `existed`. A key belongs to a handler and a batch, and never expires before its task is forgotten.
    """
    order = writes.ordering.order(body.wish(idempotency_key))
    return stored(writes.client.submit(order._replace(note=f"submitted by {user.by}")))


STREAMED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One task per line, each as in `POST /tasks`",
        "content": {LINES: {"schema": {"type": "string"}, "example": STREAM.asked}},
    }
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One line per row, in their order, and a last one that sums up",
        "content": {LINES: {"schema": {"type": "string"}, "example": STREAM.answered}},
    }
}


@router.post(
    "/stream",
    openapi_extra=STREAMED,
    response_class=Answering,
    responses=RESPONSES | problems(*CHANGING),
)
async def stream(
    request: Request,
    writes: Writes,
    user: Asker,
    asked: Annotated[Streamed, Query()],
    idempotency_key: Idempotency = None,
) -> Response:
    """Submit many tasks: JSON lines of any number, committed in chunks of 1,000 as they come.

    Each row is answered once it is committed, with its number: `row`, `id`, `existed`, `status`; or `row` and
    `problem`, and the other rows go on. The last line has `done` and the sums; where it has a `problem` instead, rows
    that were not answered may be sent again. Read the answers while you send, or ask for `quiet` ones. With keys, or
    with the header `Idempotency-Key` (row 7 of it then has the key `KEY/7`), the whole may be sent again: what is there
    already is answered with `existed`.
    """
    terms = Terms(writes, user.by, idempotency_key, asked.quiet, LONGEST_WISH)
    return Answering(Intake(terms).answers(request.stream()), media_type=LINES)
