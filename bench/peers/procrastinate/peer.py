"""Procrastinate on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Sequence

import _work
import psycopg
from _driver import PROCESSES, Arguments, Peer, serve
from procrastinate import App, PsycopgConnector

ROWS = 1_000
"""Jobs of one insert."""

app = App(connector=PsycopgConnector(conninfo=os.environ["BENCH_DATABASE"], min_size=4, max_size=12))


@app.task(name="noop")
async def noop(number: int) -> int:
    return _work.noop(number)


@app.task(name="burn")
def burn(number: int) -> int:  # a plain function runs in a thread of the worker
    return _work.burn(number)


@app.task(name="stamp")
async def stamp(number: int, path: str) -> int:
    return _work.stamp(number, path)


class OnProcrastinate(Peer):
    def prepare(self) -> None:
        address = os.environ["BENCH_DATABASE"]
        app.open()
        app.schema_manager.apply_schema()
        self.database = psycopg.connect(address, autocommit=True)

    def start(self) -> None:
        for _ in range(PROCESSES):
            self.run("procrastinate", "--log-level", "warning", "--app", "peer.app", "worker", "--concurrency", "10")

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        for start in range(0, len(tasks), ROWS):
            app.configure_task(kind).batch_defer(*tasks[start : start + ROWS])

    def submit_one(self, kind: str, arguments: Arguments) -> None:
        app.configure_task(kind).defer(**arguments)

    def done(self) -> int:
        rows = self.database.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'").fetchall()
        return rows[0][0]


if __name__ == "__main__":
    import peer  # the tasks under the name by which the workers know them

    serve(peer.OnProcrastinate())
