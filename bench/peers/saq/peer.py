"""SAQ on Redis."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import _work
from _driver import PROCESSES, Arguments, Peer, serve
from saq import Queue

ENQUEUED_AT_ONCE = 20
"""As many as a queue does at once by default."""

queue = Queue.from_url(f"{os.environ['BENCH_REDIS']}/0")


async def noop(_context: object, *, number: int) -> int:
    return _work.noop(number)


async def burn(_context: object, *, number: int) -> int:
    return await asyncio.to_thread(_work.burn, number)


async def stamp(_context: object, *, number: int, path: str) -> int:
    return _work.stamp(number, path)


settings = {"queue": queue, "functions": [noop, burn, stamp], "concurrency": 10}


class OnSaq(Peer):
    def prepare(self) -> None:
        self.loop = asyncio.Runner()
        self.loop.run(queue.connect())

    def start(self) -> None:
        self.run("saq", "peer.settings", "--workers", str(PROCESSES))

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        self.loop.run(self.send(kind, tasks))

    async def send(self, kind: str, tasks: Sequence[Arguments]) -> None:
        for start in range(0, len(tasks), ENQUEUED_AT_ONCE):
            some = tasks[start : start + ENQUEUED_AT_ONCE]
            await asyncio.gather(*[queue.enqueue(kind, **arguments) for arguments in some])

    def done(self) -> int:
        return self.submitted - self.loop.run(queue.count("incomplete"))


if __name__ == "__main__":
    serve(OnSaq())
