"""A real system of real processes in a folder of its own, for benchmarks."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bench._jobs import app
from bench._places import Place, place
from leasehold.app.connection import Connection
from leasehold.embedded import EmbeddedSystem

SPEC = str(Path(__file__).with_name("_jobs.py"))


class Bench:
    """An orchestrator and workers on a fresh ledger; ``connection`` is behind ``bench._jobs.app``."""

    def __init__(self, folder: Path, at: Place, *, workers: int, slots: int) -> None:
        self.path = folder / "bench.db"
        self.place = at
        given = {**at.settings, "worker_slots": slots, "log_level": "warning"}
        self.connection = Connection(given, lambda: SPEC)
        self.system = EmbeddedSystem(self.connection.settings, SPEC, workers=workers)

    def completed(self) -> int:
        """How many tasks are completed, from the counters."""
        cells = self.connection.client.views.counts()
        return sum(cell.tasks for cell in cells if cell.status == "completed")

    def wait_completed(self, count: int, limit: float = 300, every: float = 0.005) -> float:
        """Wait until so many are; the instant (``time.perf_counter``) at which that was seen, within ``every`` s."""
        until = time.perf_counter() + limit
        while self.completed() < count:
            if time.perf_counter() > until:
                raise TimeoutError(f"{self.completed()} of {count} tasks after {limit} s")
            time.sleep(every)
        return time.perf_counter()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Look into the ledger."""
        with sqlite3.connect(self.path) as connection:
            return connection.execute(statement).fetchall()

    def pids(self) -> dict[str, int]:
        """Of every role, the client and the servers included."""
        return {"client": os.getpid(), **{node.name: node.pid for node in self.system.nodes}, **self.place.servers}


@contextmanager
def bench_system(
    *, workers: int = 2, slots: int = 2, at: str = "file", topology: str = "two-queue"
) -> Generator[Bench]:
    """A warm system: every slot has run something before the clock starts."""
    with tempfile.TemporaryDirectory(prefix="leasehold-bench-") as folder, place(at, Path(folder), topology) as where:
        bench = Bench(Path(folder), where, workers=workers, slots=slots)
        with app.behind(bench.connection):
            bench.connection.serve_with(bench.system)
            warm = 200
            app["noop"].submit_many({"number": number} for number in range(warm))
            bench.wait_completed(warm)
            try:
                yield bench
            finally:
                bench.connection.close()
