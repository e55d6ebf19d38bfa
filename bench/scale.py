"""The same work on a ledger with 100,000 tasks and on one with 10,000,000: statements, pages read, time.

``python -m bench.scale [--tasks 100000 10000000] [--at postgres|file] [--runs 5] [--folder DIR]``. 95 of 100 tasks are
done (``_history.py`` says how they are made). Filling goes on where it was stopped if ``--folder`` names the same place
again, and is left out where the ledger is full. ``pages`` are 8 KiB pages of tables and indexes that all statements of
one call look at (PostgreSQL; each time that they do): they do not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench._history import BYTES, QUEUES, VALIDITY, Past, new_task, reported, run_of
from bench._tables import show
from leasehold.adapters.database.connection import Database, Sql
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import create_schema, ensure_schema
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.views import DatabaseViews
from leasehold.core.events import Completed, Started
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change, Need, Outgoing, Terms
from leasehold.testing.clock import ManualClock
from leasehold.testing.explained import ExplainedDatabase
from leasehold.testing.postgres import PostgresServer

SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "maintenance_work_mem": "512MB"}
FILTERS = (
    "",
    "status:completed",
    "status:failed",
    "status:pending",
    "why:scheduled",
    "status:in_progress",
    "name:transcribe",
    "queue:media",
    "-name:transcribe",
    "batch:past-3",
    "batch:past-3 status:failed",
    "status:failed name:index",
    "status:failed queue:media",
    "status:failed group:none",
    "status:failed group:none name:notify",
    "age:>2h",
    "age:>2h status:failed",
    "age:<1h",
    "name:index age:>1h,<2h",
    "-batch:past-3 status:cancelled",
)
DEEP = 20
"""Pages read on from the first one; the figures are of the last."""


class Reading(NamedTuple):
    """What one call costs."""

    statements: int
    pages: int
    ms: float


class Bench:
    """One ledger and the calls that are measured on it."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.ledger, self.views = DatabaseLedger(database), DatabaseViews(database)
        self.out: list[Outgoing] = []
        self.serial = 0

    def calls(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Each by name."""
        for _ in range(6):
            self.submit()
        yield "submit 1,000", self.submit
        yield "dispatch 500", self.dispatch
        yield "record 1,000 (Started and Completed of 500)", self.record
        yield "alarms of the sweeper and the scheduler", self.alarms
        yield "flights (the windows)", self.ledger.flights
        yield "fold counters", self.ledger.fold_counters
        yield "queues (status)", self.views.queues
        yield "the 10 newest batches", lambda: self.views.batches(10)
        yield "one batch's counts", lambda: self.views.counts(batch="past-3")
        yield "failure groups", self.views.failures
        yield "workers", self.views.workers
        yield "count of name:transcribe status:failed", lambda: self.views.count("name:transcribe status:failed")
        yield "outcomes of a batch, 1,000 from the middle", lambda: self.views.ended("past-3", "4000")
        for filter_ in FILTERS:
            yield f"page {filter_ or 'of all'}", lambda filter_=filter_: self.views.tasks(filter_)
            cursor = self.deep(filter_)
            if cursor is not None:
                yield (
                    f"page {DEEP} {filter_ or 'of all'}",
                    lambda filter_=filter_, cursor=cursor: self.views.tasks(filter_, cursor=cursor),
                )
        for kind, task_id in self.some().items():
            yield f"show {kind}", lambda task_id=task_id: self.show(task_id)
            yield f"why {kind}", lambda task_id=task_id: (self.show(task_id), self.views.queues())
        old = self.some()["failed"]
        yield "find an id by its beginning", lambda: self.views.find_id(old[:20])
        yield "find an id by its end", lambda: self.views.find_id(old[-8:])

    def submit(self) -> None:
        self.serial += 1
        now = self.clock.now()
        self.clock.advance(10)
        self.ledger.submit([new_task(now, 10_000_000_000 + 1_000 * self.serial + nth, "new") for nth in range(1_000)])

    def dispatch(self) -> None:
        queue = QUEUES[self.serial % 4]
        self.serial += 1
        self.out = self.ledger.dispatch(queue, 500, Terms(VALIDITY), lambda _: [], None)

    def record(self) -> None:
        now = self.clock.now()
        changes: list[Change] = []
        for each in self.out:
            run = run_of(each, now, "i-1/7-a")
            changes += [reported(each, Started(run)), reported(each, Completed(run, now + 5))]
            changes[-1] = changes[-1]._replace(payload=Payload('"text"'))
        self.ledger.apply(changes)

    def alarms(self) -> None:
        for need in Need:
            self.ledger.alarms(need, 500)

    def deep(self, filter_: str) -> str | None:
        """The cursor of a page far from the first."""
        cursor = None
        for _ in range(DEEP):
            cursor = self.views.tasks(filter_, cursor=cursor).cursor
            if cursor is None:
                return None
        return cursor

    def some(self) -> dict[str, str]:
        """An old task of each kind."""
        return {
            state: self.views.tasks(f"status:{state} age:>1h", limit=1).rows[0].task.id
            for state in ("completed", "failed")
        } | {"due": self.views.tasks("why:due", limit=1).rows[0].task.id}

    def show(self, task_id: str) -> None:
        self.views.task(task_id)
        self.views.runs(task_id)
        self.views.audit(task_id)


def measured(bench: Bench, runs: int) -> dict[str, Reading]:
    """Each call: what it reads, and the median of its times after one that warms up."""
    readings: dict[str, Reading] = {}
    for name, call in bench.calls():
        if name.startswith("record"):
            bench.dispatch()
        statements, pages = read_by(bench, call)
        times: list[float] = []
        for _ in range(runs):
            if name.startswith("record"):
                bench.dispatch()
            began = time.perf_counter()
            call()
            times.append((time.perf_counter() - began) * 1_000)
        readings[name] = Reading(statements, pages, statistics.median(times))
    return readings


def read_by(bench: Bench, call: Callable[[], object]) -> tuple[int, int]:
    """Statements and pages of one call."""
    if not isinstance(bench.database, ExplainedDatabase):
        call()
        return 0, 0
    with bench.database.explaining() as seen:
        call()
    return len(seen), sum(each.pages for each in seen)


# -- places ------------------------------------------------------------------------------------------------------------


@contextmanager
def opened(folder: Path, tasks: int, server: PostgresServer | None) -> Generator[tuple[Database, ManualClock]]:
    """A ledger with so many tasks, filled if it is not."""
    clock = ManualClock(1_760_000_000_000)
    if server is not None:
        name = f"scale{tasks}"
        there = server.run(f"SELECT 1 FROM pg_database WHERE datname = '{name}'")  # noqa: S608 - numbers and names of our own
        url = server.url(name if there else server.create(name))
        create_schema(url)
        database: Database = ExplainedDatabase(url, clock=clock)
    else:
        database = SqliteDatabase(str(folder / f"scale{tasks}.db"), clock=clock)
        ensure_schema(database)
    began = time.perf_counter()
    Past(database, clock, lambda what: print(f"{time.perf_counter() - began:8,.1f} s  {what}", flush=True)).fill(tasks)
    if server is not None:
        server.run("VACUUM ANALYZE", f"scale{tasks}")
    with database.read() as tx:
        ((newest,),) = tx.rows(Sql("SELECT max(updated_at) FROM tasks", ()))
    clock.jump(max(0, newest + 1_000 - clock.now()))
    yield database, clock
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[100_000, 10_000_000])
    parser.add_argument("--at", choices=("file", "postgres"), default="postgres")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.gettempdir())
    needed, free = sum(given.tasks) * BYTES, shutil.disk_usage(folder).free
    print(f"needs about {needed / 1e9:,.1f} GB in {folder}; {free / 1e9:,.1f} GB are free", flush=True)
    if needed > free:
        sys.exit("too little: name another --folder, or fewer --tasks")
    found: dict[int, dict[str, Reading]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(settings=SERVER)) if given.at == "postgres" else None
        place = Path(stack.enter_context(tempfile.TemporaryDirectory())) if given.folder is None else given.folder
        for tasks in given.tasks:
            with opened(place, tasks, server) as (database, clock):
                found[tasks] = measured(Bench(database, clock), given.runs)
    told(given.at, found)


def told(at: str, found: Mapping[int, Mapping[str, Reading]]) -> None:
    """One row per call: what it costs on the smallest ledger and on the largest."""
    small, large = found[min(found)], found[max(found)]
    rows: list[dict[str, str]] = []
    for name in small:
        if name in large:
            before, after = small[name], large[name]
            rows.append(
                {
                    "call": name,
                    "statements": f"{before.statements} -> {after.statements}",
                    "pages": f"{before.pages:,} -> {after.pages:,}",
                    "x pages": ratio(after.pages, before.pages),
                    "ms": f"{before.ms:,.1f} -> {after.ms:,.1f}",
                    "x ms": ratio(after.ms, before.ms),
                }
            )
    title = f"The ledger's work at {min(found):,} and at {max(found):,} tasks, {at}"
    show(
        title, rows, {str(tasks): {name: one._asdict() for name, one in each.items()} for tasks, each in found.items()}
    )


def ratio(after: float, before: float) -> str:
    return f"{after / before:.2f}" if before else "-"


if __name__ == "__main__":
    main()
