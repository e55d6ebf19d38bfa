"""``GET /live``: the ticks that pages follow, for programs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from leasehold.web.live import followed
from leasehold.web.routes.asking import Unasked, problems
from leasehold.web.user import Asker

router = APIRouter(tags=["live"])
EXAMPLE = """\
event: tick
data: {"at":1793887200000,"version":"5d0c3f1a9b27","counts":{"pending/due":3,"completed":95},"rest":1800}

"""
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `tick` once a second; `over` where the token has ended",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}


@router.get("/live", response_class=StreamingResponse, responses=RESPONSES | problems())
async def live(request: Request, user: Asker, _: Unasked) -> StreamingResponse:
    """Follow the counts by state, once a second, until the connection is closed.

    `at` is ms since the epoch; `version` is another one when any count of any queue is, so that only then it is worth
    to ask for more; `rest` is how many ms to leave between two such questions. A ledger that is away is told in a tick
    with `away`, a sentence, and without counts. One reading of the counters a second serves all who follow.
    """
    return followed(request, user)
