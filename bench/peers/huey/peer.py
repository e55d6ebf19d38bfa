"""Huey on SQLite."""

from __future__ import annotations

import os
from collections.abc import Sequence

import _work
from _driver import PROCESSES, Arguments, Peer, serve
from huey import SqliteHuey

huey = SqliteHuey(filename=f"{os.environ['BENCH_FOLDER']}/huey.db", fsync=True, results=True, timeout=30)
TASKS = {kind: huey.task(name=kind)(getattr(_work, kind)) for kind in ("noop", "burn", "stamp")}


class OnHuey(Peer):
    def prepare(self) -> None:
        huey.result_count()

    def start(self) -> None:
        often = ("--delay", "0.001", "--max-delay", "0.01")
        kind = ("--worker-type", "process", "--workers", str(PROCESSES), "--no-periodic")
        self.run("huey_consumer", "peer.huey", *kind, *often, "--quiet")

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        for arguments in tasks:
            TASKS[kind](**arguments)

    def done(self) -> int:
        return huey.result_count()


if __name__ == "__main__":
    import peer  # the tasks under the name by which the consumer knows them

    serve(peer.OnHuey())
