"""PgQueuer on PostgreSQL, in batches of 10 and of 100."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import _work
import asyncpg
import uvloop
from _driver import PROCESSES, Arguments, Peer, serve
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

ROWS = 1_000
"""Jobs of one insert."""


async def consumer() -> PgQueuer:
    pgq = PgQueuer(AsyncpgDriver(await asyncpg.connect(os.environ["BENCH_DATABASE"])))

    @pgq.entrypoint("noop")
    async def noop(job: Job) -> None:
        _work.noop(**json.loads(job.payload or b"{}"))

    @pgq.entrypoint("burn")
    async def burn(job: Job) -> None:
        await asyncio.to_thread(_work.burn, **json.loads(job.payload or b"{}"))

    @pgq.entrypoint("stamp")
    async def stamp(job: Job) -> None:
        _work.stamp(**json.loads(job.payload or b"{}"))

    return pgq


class OnPgQueuer(Peer):
    def prepare(self) -> None:
        pgq = Path(sys.executable).with_name("pgq")
        address = os.environ["BENCH_DATABASE"]
        subprocess.run([pgq, "--pg-dsn", address, "install", "--durability", "durable"], check=True)
        subprocess.run([pgq, "--pg-dsn", address, "autovac"], check=True)
        self.loop = asyncio.Runner()
        self.connection = self.loop.run(asyncpg.connect(address))
        self.queries = Queries(AsyncpgDriver(self.connection))

    def start(self) -> None:
        for _ in range(PROCESSES):
            self.run("python", "-m", "peer", "run", self.place)

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        for start in range(0, len(tasks), ROWS):
            some: list[bytes | None] = [json.dumps(arguments).encode() for arguments in tasks[start : start + ROWS]]
            self.loop.run(self.queries.enqueue([kind] * len(some), some, [0] * len(some)))

    def done(self) -> int:
        return self.submitted - self.loop.run(self.connection.fetchval("SELECT count(*) FROM pgqueuer"))


async def work(batch: int) -> None:
    """What ``pgq run --batch-size`` does, whose own start fails with the newest typer."""
    pgq = await consumer()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pgq.shutdown.set)
    await pgq.run(batch_size=batch)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        uvloop.run(work(int(sys.argv[2])))
    else:
        serve(OnPgQueuer())
