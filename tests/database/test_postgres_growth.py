"""The work of a ledger reads as few pages among 60,000 tasks as among 3,000, on PostgreSQL with real statistics.

By the pages of tables and indexes that each statement looks at, counted by EXPLAIN (ANALYZE, BUFFERS) while the ledger
does its real work: plans are held by what they read, not by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.database.views import DatabaseViews
from leasehold.core.model import Status
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change, Ledger, Need
from leasehold.ports.views import Views
from leasehold.testing.clock import START, ManualClock
from leasehold.testing.explained import Explained, ExplainedDatabase
from leasehold.testing.ledger_bench import Moves
from tests.servers.clusters import Clusters

FEW, MANY = 3_000, 60_000
GROWN, HEIGHT = 1.5, 40
"""By how much the pages may grow: an index has one level more, which each walk from its root to a row passes."""
LARGE = {"tasks", "bodies", "task_keys", "results", "runs", "run_outputs", "audit", "status_ids"}
FILL = """
INSERT INTO tasks (id, name, queue, lease, max_attempts, max_losses, backoff_base, backoff_cap, created_at, priority,
                   batch, due_at, state, version, updated_at, error_group, alarm, ended_no, ended_at,
                   open, void_at, lease_until, n, worker, receipt)
SELECT lpad(to_hex({start} + i * 100), 12, '0') || lpad(to_hex(i::bigint * 48271000003 % 281474976710656), 24, '0'),
       'handler' || i % 5, 'queue' || i % 3, 60000, 5, 5, 1, 1, {start} + i * 100, i % 7, 'batch' || i / 500,
       {start} + i * 100,
       state, 1, {start} + i * 100, CASE WHEN state = 'failed' AND i % 60 > 1 THEN 'group' || i % 7 END,
       CASE WHEN state = 'pending/scheduled' THEN {start} + {tasks} * 100 + 1000 END,
       CASE WHEN state IN ('completed', 'failed') THEN i % 500 + 1 END,
       CASE WHEN state IN ('completed', 'failed') THEN {start} + i * 100 + 5 END,
       state = 'in_progress', 0, {start} + {tasks} * 100 + 60000, 1,
       CASE state WHEN 'in_progress' THEN 'i-' || i % 20 || '/1' END, CASE state WHEN 'in_progress' THEN 'r' END
FROM (SELECT i, CASE WHEN i > {tasks} - 50 THEN 'in_progress' WHEN i > {tasks} - 100 THEN 'pending/scheduled'
             WHEN i > {tasks} - 1200 THEN 'pending/due' WHEN i % 20 = 1 THEN 'failed' ELSE 'completed' END AS state
      FROM generate_series(1, {tasks}::bigint) AS i) AS each;
INSERT INTO bodies (task, arguments, key) SELECT number, '{{}}', CASE WHEN number % 3 = 0 THEN id END FROM tasks;
INSERT INTO task_keys (key, name, batch, task, fingerprint) SELECT id, name, batch, number, '' FROM tasks
WHERE number % 3 = 0;
INSERT INTO results (task, result) SELECT number, '"text"' FROM tasks WHERE state = 'completed';
INSERT INTO runs (task, n, r, run_id, outcome) SELECT number, 1, 1, id, 'completed' FROM tasks;
INSERT INTO run_outputs (task, n, r, run_id, log) SELECT number, 1, 1, id, 'log' FROM tasks WHERE number % 10 = 0;
INSERT INTO audit (task, seq, at, kind, before, after)
SELECT number, 1, created_at, 'submitted', 'new', state FROM tasks;
INSERT INTO status_ids (task, id, at) SELECT number, id, created_at FROM tasks;
INSERT INTO error_groups (id, name, type, message, frame, first_at, last_at)
SELECT 'group' || i, 'handler1', 'ValueError', '', '', 1, 1 FROM generate_series(0, 6) AS i;
INSERT INTO batches (name, created_at) SELECT batch, min(created_at) FROM tasks GROUP BY batch;
INSERT INTO queues (name) SELECT DISTINCT queue FROM tasks;
INSERT INTO counters (queue, state, name, batch, error_group, tasks)
SELECT queue, state, name, batch, coalesce(error_group, ''), count(*) FROM tasks GROUP BY 1, 2, 3, 4, 5;
INSERT INTO totals SELECT state, queue, name, error_group, sum(tasks) FROM counters GROUP BY 1, 2, 3, 4;
ANALYZE;
"""
FILTERS = (
    "",
    "status:completed",
    "status:failed",
    "why:due",
    "status:in_progress",
    "name:handler1",
    "queue:queue1",
    "-name:handler1",
    "batch:batch2",
    "batch:batch2 status:failed",
    "-batch:batch2",
    "status:failed name:handler1",
    "status:failed group:group1,group2,group3,group4",
    "status:failed group:none",
    "name:handler1 queue:queue2 status:completed",
    "age:>30s",
    "age:<20s",
    "age:>30s status:failed",
    "key:nothing",
)


class Bench:
    """A ledger with so many tasks, and what it reads."""

    def __init__(self, url: str, tasks: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FILL.format(start=START, tasks=tasks).encode())
        self.clock = ManualClock(START + tasks * 100 + 1_000)
        self.database = ExplainedDatabase(url, clock=self.clock)
        self.ledger: Ledger = DatabaseLedger(self.database)
        self.views: Views = DatabaseViews(self.database)
        self.retention = DatabaseRetention(self.database)
        self.moves = Moves(self)
        self.old = self.views.tasks("status:failed age:>3m", limit=1).rows[0].task

    def another(self) -> Ledger:
        raise NotImplementedError

    def let_pass(self, ms: int) -> None:
        raise NotImplementedError

    def read_by(self, call: Callable[[], object]) -> list[Explained]:
        with self.database.explaining() as seen:
            call()
        return seen

    def calls(self) -> Iterator[tuple[str, Callable[[], object]]]:
        moves, ledger, views = self.moves, self.ledger, self.views
        yield "submit", lambda: moves.submit(*(moves.new(batch="new", queue="new") for _ in range(50)))
        yield "dispatch", lambda: moves.dispatch("queue1", 50)
        out = moves.dispatch("queue2", 50)
        ends = [Change(each.task.id, moves.completed(2), each.task.id, Payload('"text"')) for each in out]
        yield "record", lambda: ledger.apply([Change(each.task.id, moves.started(2)) for each in out] + ends)
        yield "scheduler", lambda: ledger.alarms(Need.SCHEDULER, 20)
        yield "sweeper", lambda: ledger.alarms(Need.SWEEPER, 20)
        yield "flights", ledger.flights
        yield "fold", ledger.fold_counters
        yield "forget reports", lambda: ledger.prune(START + 20_000, 100)
        yield "held by", lambda: ledger.held_by(["i-3"], ahead=0, limit=10)
        yield "queues", views.queues
        yield "batches", lambda: views.batches(3)
        yield "counts of a batch", lambda: views.counts(batch="batch2")
        yield "failures", views.failures
        yield "workers", views.workers
        yield "outcomes", lambda: views.outcomes([self.old.id])
        yield "ended", lambda: views.ended("batch2", "100", limit=50)
        yield "count", lambda: views.count("name:handler1 status:failed")
        yield "count in a batch", lambda: views.count("batch:batch2 status:failed")
        yield "task", lambda: views.task(self.old.id)
        yield "runs", lambda: views.runs(self.old.id)
        yield "trail", lambda: views.audit(self.old.id)
        yield "find an id", lambda: views.find_id(self.old.id[:30])
        for filter_ in FILTERS:
            yield f"page {filter_}", lambda filter_=filter_: views.tasks(filter_, limit=20)
            second = views.tasks(filter_, limit=20).cursor
            if second is not None:
                third = views.tasks(filter_, cursor=second, limit=20).cursor
                yield (
                    f"page 3 {filter_}",
                    lambda filter_=filter_, third=third: views.tasks(filter_, cursor=third, limit=20),
                )
        chosen = [each.task for each in self.retention.aged(Status.COMPLETED, 100, 50)]
        yield "aged", lambda: self.retention.aged(Status.COMPLETED, 1_000, 50)
        yield "stories", lambda: self.retention.stories(chosen)
        yield "forget", lambda: self.retention.forget(chosen, trails=False, archived=False)


Read = dict[str, list[Explained]]


@pytest.fixture(scope="module")
def read(clusters: Clusters) -> tuple[Read, Read]:
    """What each call reads among few tasks, and among many."""
    cluster, found = clusters["newest"], list[Read]()
    for tasks in (FEW, MANY):
        name = cluster.fresh()
        bench = Bench(cluster.url(name), tasks)
        found.append({name: bench.read_by(call) for name, call in bench.calls()})
        bench.database.close()
        cluster.drop(name)
    return found[0], found[1]


def test_no_work_reads_more_pages_because_there_are_more_tasks(read: tuple[Read, Read]) -> None:
    few, many = read
    assert few.keys() == many.keys()
    pages = {name: (sum(each.pages for each in few[name]), sum(each.pages for each in many[name])) for name in few}
    assert {name: told for name, told in pages.items() if told[1] > told[0] * GROWN + HEIGHT} == {}


def test_no_work_looks_at_more_rows_because_there_are_more_tasks(read: tuple[Read, Read]) -> None:
    few, many = read
    rows = {name: [sum(each.looked_at for each in found[name]) for found in (few, many)] for name in few}
    assert {name: told for name, told in rows.items() if told[1] > told[0] * GROWN + HEIGHT} == {}


def test_no_work_takes_more_statements_because_there_are_more_tasks(read: tuple[Read, Read]) -> None:
    """But that of ages, which halve what is left by sixteens."""
    few, many = read
    more = {name: (len(few[name]), len(many[name])) for name in few if len(many[name]) > len(few[name])}
    assert {name: told for name, told in more.items() if told[1] > told[0] + 3 * ("age" in name)} == {}


def test_no_work_scans_a_table_that_grows_with_the_tasks(read: tuple[Read, Read]) -> None:
    _, many = read
    scans = {
        (name, step.table)
        for name, seen in many.items()
        for each in seen
        for step in each.plan.all()
        if step.kind in {"Seq Scan", "Bitmap Heap Scan"} and step.table in LARGE
    }
    assert scans == set()
