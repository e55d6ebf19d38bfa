"""The live tick: one reading of the counters a second, shared by every page that is open; none while none is.

Server-sent events: ``tick`` with the counts by state, a version that changes when anything that is counted does, and
for how long a page should rest between two looks at all that it shows: the more are open, the longer. A ledger that is
away is told in a tick of its own, so that pages say so, and go on when it is back. A stream ends with the token or the
session of its reader: every few ticks all tokens are looked at once, for all streams.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from time import time

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from leasehold.core.errors import LeaseholdError
from leasehold.core.units import SECOND
from leasehold.ports.views import QueueView, Views
from leasehold.web.counting import by_state
from leasehold.web.guard import Access, anybody
from leasehold.web.user import Asker, User

log = logging.getLogger("leasehold.web")
EVERY = 1.0
"""Seconds between ticks."""
REST = 1_800
"""ms that a page rests at least between two looks at more than the counts."""
EACH = 200
"""ms that it rests for each page that is open: a hundred of them look no oftener than nine (``bench.pages``)."""
ASKED = 3
"""Ticks between two looks at who is known still."""
OVER = b"event: over\ndata: {}\n\n"
"""The last event of a stream whose reader is not known any more: the page is loaded again, and leads to log in."""
AWAY = "The ledger is away. Nothing is lost; this page goes on when it is back."

router = APIRouter(include_in_schema=False)


class Live:
    """Reads the counters while somebody watches. Belongs to the event loop; the reading itself is done in a thread."""

    def __init__(self, views: Views, access: Access, every: float = EVERY) -> None:
        self._views = views
        self._access = access
        self._every = every
        self._known: Callable[[User], bool] = anybody
        self._told = asyncio.Event()
        self._tick = b""
        self._over = False
        """Whether that is the last one."""
        self._reading: asyncio.Task[None] | None = None
        self.watching = 0
        """Streams that are open."""
        self.readings = 0
        """How often the counters were read."""
        self.stopping: Callable[[], bool] = lambda: False
        """Whether the server is about to stop, so that streams must end."""

    async def stream(self, user: User) -> AsyncGenerator[bytes]:
        """Yield ticks, the newest known at once, until the reader goes, is not known any more, or the server stops.

        A server that stops tells once more how things stand: a page that followed a batch to its end shows the end.
        """
        self.watching += 1
        try:
            if self._tick:
                yield self._tick
            while not self._over:
                if self._reading is None:
                    self._reading = asyncio.create_task(self._read())
                await self._told.wait()
                if await self._is_gone(user):
                    yield OVER
                    return
                if self._tick and not self._over:
                    yield self._tick
            yield self._tick
        finally:
            self.watching -= 1

    async def _is_gone(self, user: User) -> bool:
        """Whether somebody is not known any more. Who was not known at the last look may be new since: look again."""
        if not self._known(user):
            try:
                self._known = await run_in_threadpool(self._access.known_still)
            except LeaseholdError:
                return False  # that the ledger is away is told in the tick
        return not self._known(user)

    async def _read(self) -> None:
        try:
            while self.watching:
                last = self.stopping()
                self._tick, self._over = await run_in_threadpool(self._now), last
                self._tell()
                if last:
                    return
                await asyncio.sleep(self._every)
            self._tick = b""
        finally:
            self._reading = None
            self._tell()

    def _tell(self) -> None:
        """Wake those that wait, once each: who waits then waits for the next tick."""
        told, self._told = self._told, asyncio.Event()
        told.set()

    def _now(self) -> bytes:
        self.readings += 1
        try:
            if self.readings % ASKED == 0:
                self._known = self._access.known_still()
            return event(tick(self._views.queues()) | {"rest": max(REST, EACH * self.watching)})
        except LeaseholdError:
            return event({"away": AWAY})
        except Exception:
            log.exception("the counters could not be read")
            return event({"away": "The dashboard cannot read the ledger; its log says why."})


def tick(queues: Sequence[QueueView]) -> dict[str, object]:
    """What changed, for pages: counts by state, and a short text that is another one when any count of a queue is."""
    told = repr([(queue.name, queue.paused, sorted(queue.counts.items())) for queue in queues])
    version = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return {"at": int(time() * SECOND), "version": version, "counts": by_state(queues)}


def event(told: dict[str, object]) -> bytes:
    """One server-sent event."""
    return b"event: tick\ndata: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


@router.get("/live")
async def live(request: Request, user: Asker) -> StreamingResponse:
    """Ticks, one a second, as long as they are read by somebody who may."""
    return followed(request, user)


def followed(request: Request, user: User) -> StreamingResponse:
    """The stream of this application for one reader."""
    shared: Live = request.app.state.live
    unbuffered = {"x-accel-buffering": "no"}  # a proxy in between passes each tick on as it comes
    return StreamingResponse(shared.stream(user), headers=unbuffered, media_type="text/event-stream")
