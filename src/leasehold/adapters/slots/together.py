"""Async runs side by side, in one event loop of the child."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.calls import Asked, End, Order, OrderFields, explain, find, fit, give
from leasehold.adapters.slots.frames import BEGAN, UNBEGUN, YIELDED, Message
from leasehold.adapters.slots.lending import Lending
from leasehold.adapters.slots.line import Line, WorkerGone
from leasehold.adapters.slots.link import ChildLink
from leasehold.adapters.slots.spans import spans_under
from leasehold.ports import run as runs
from leasehold.ports.handlers import Handlers


class Together:
    """The loop. It turns while any run is in it; between times the child waits for jobs as for plain ones.

    The loop itself lives as long as the child, so clients and pools that handlers keep stay usable.
    """

    def __init__(self, line: Line, handlers: Handlers) -> None:
        self._line = line
        self._handlers = handlers
        self._runner = asyncio.Runner()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._told: set[int] = set()
        """Runs that were cancelled: once, for they tidy up then."""
        self._unsent: list[Message] = []
        self._ended = asyncio.Event()
        self._lending = Lending()

    def serve(self) -> None:
        """Run what stands in the line, and what comes in meanwhile, until no run is left."""
        self._runner.run(self._serve())

    def close(self) -> None:
        """The child leaves."""
        self._runner.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._line.inward, self._look)
        # A thread of a run may be reading when news comes; it tells the loop.
        self._line.on_news = partial(self._tell, loop)
        try:
            while self._take_in():
                self._ended.clear()
                await self._ended.wait()
            self._flush()
        finally:
            self._line.on_news = None
            loop.remove_reader(self._line.inward)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        if self._line.on_news is not None:  # in a loop that is about to stop, nothing more would turn what begins
            self._take_in()

    def _look(self) -> None:
        self._line.look()

    def _take_in(self) -> bool:
        """Begin the async jobs at the head of the line; cancel what has to be cancelled; whether anything runs."""
        begun: list[Order] = []
        while self._line.jobs and is_async(self._handlers, self._line.jobs[0]):
            job = Order(*cast("OrderFields", self._line.jobs.popleft()[1:]))
            at = boot()
            if self._line.revoked(job.seq):
                continue
            if at > job.start_by:
                self._unsent.append((UNBEGUN, job.seq, at))
                continue
            self._unsent.append((BEGAN, job.seq, at))
            self._line.begins(job.seq)
            begun.append(job)
        self._flush()
        for job in begun:
            if self._line.revoked(job.seq) or boot() > job.start_by:  # see Child.claim
                self._unsent.append((UNBEGUN, job.seq, boot()))
            else:
                self._lending.lend(job.loan)
                task = self._tasks[job.seq] = asyncio.create_task(self._run(job))
                task.add_done_callback(partial(self._done, job.seq))
        for seq in (self._line.cancelled & self._tasks.keys()) - self._told:
            self._told.add(seq)
            self._tasks[seq].cancel()
        return bool(self._tasks)

    async def _run(self, job: Order) -> None:
        link = ChildLink(self._line, job.seq, job.deadline)
        began = time.perf_counter_ns()
        with runs.running(runs.Run(job.task_id, job.n, job.r, link, job.trace)), spans_under(job.trace):
            end = await self._call(job, link)
        took = (time.perf_counter_ns() - began) // 1_000
        printed = link.sink.rest() if link.sink is not None else (b"", 0)
        self._say((end.kind, job.seq, boot(), took, end.payload, *printed))

    def _done(self, seq: int, task: asyncio.Task[None]) -> None:
        del self._tasks[seq]
        self._line.cancelled.discard(seq)
        self._told.discard(seq)
        if task.cancelled():  # before its first step: nothing of it has run that could have said so
            self._say((YIELDED, seq, boot(), 0, "cancelled", b"", 0))
        if not self._tasks:
            self._lending.take_back()
            self._ended.set()

    async def _call(self, job: Order, link: ChildLink) -> End:
        try:
            handler = find(self._handlers, job.name)
            values = fit(handler, self._line.spool.take(job.arguments))
            function = cast("Callable[..., Awaitable[object]]", handler.function)
            return give(handler, await function(**values), link)
        except asyncio.CancelledError as error:
            if job.seq in self._line.cancelled:
                return End(YIELDED, "cancelled")
            return explain(error, link)
        except (Asked, WorkerGone):
            raise
        except BaseException as error:  # noqa: BLE001 - as in calls.call
            return explain(error, link)

    def _say(self, message: Message) -> None:
        """Send soon, together with what else ends in this turn of the loop."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(message)

    def _flush(self) -> None:
        if self._unsent:
            self._line.send(self._unsent)
            self._unsent = []


def is_async(handlers: Handlers, job: Message) -> bool:
    """Whether the job's handler has to be awaited."""
    handler = handlers.find(cast("str", job[3]))
    return handler is not None and handler.is_async
