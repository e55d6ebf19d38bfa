"""On PostgreSQL too, no statement looks at every task: not among 100,000, whatever the planner knows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from leasehold.adapters.database.compile import compile_book
from leasehold.adapters.database.connection import Sql
from leasehold.adapters.database.postgres import PostgresDatabase
from tests.servers.clusters import Cluster

BOOKS = ("chores", "inspection", "ledger", "metering", "pages", "queue", "recall", "retention", "views")
TASKS = 100_000
LARGE = {
    *("tasks", "bodies", "task_keys", "results", "runs", "run_outputs", "audit", "status_ids", "queue_messages"),
    *("forgotten", "argument_values"),
}
"""Tables that grow with the tasks."""
ENDS = {"last", "newest task", "newest number", "newest from", "last report", "hold", "count older"}
"""They look at the last row of an index, for themselves or for a bound."""
LOOKS_AT_ALL = {
    "true counts": "that is its purpose",
    "ids ending": "of the ids alone, for a person who pasted the end of one",
}
SORTS = {
    "read": "the rows of one transaction",
    "down numbers": "the tasks that a filter names",
    "up numbers": "the tasks that a filter names",
    "page": "the rows of one page",
    "runs": "the runs of one task",
    "workers": "what runs now",
    "failures of": "the runs of some tasks",
    "runs of": "the runs of some tasks",
    "bodies of": "the rows of one batch",
    "trails of": "the trails of one batch",
    "hold": "the rows of one batch",
    "hold arguments": "the rows of one batch",
    "lines": "the trails of one chunk",
    "run times": "the runs of a thousand tasks",
}
FILL = """
INSERT INTO tasks (id, name, queue, lease, max_attempts, max_losses, backoff_base, backoff_cap, created_at, priority,
                   batch, due_at, state, version, updated_at, error_group, alarm, ended_no,
                   worker, receipt)
SELECT lpad(i::text, 36, '0'), 'handler' || i % 5, 'queue' || i % 3, 1, 1, 1, 1, 1, i, i % 7, 'batch' || i % 20, i,
       (ARRAY['completed', 'pending/due', 'failed', 'in_progress', 'pending/scheduled', 'pending/queued'])[1 + i % 6],
       1, i, CASE i % 6 WHEN 2 THEN 'group' || i % 50 END, CASE WHEN i % 6 > 2 THEN i END,
       CASE WHEN i % 6 IN (0, 2) THEN i END, CASE WHEN i % 6 > 0 THEN 'i-' || i % 500 || '/1' END, ''
FROM generate_series(1, 100000) AS i;
INSERT INTO bodies (task) SELECT number FROM tasks;
INSERT INTO task_keys (key, name, batch, task, fingerprint) SELECT id, name, batch, number, '' FROM tasks;
INSERT INTO results (task) SELECT number FROM tasks WHERE state = 'completed';
INSERT INTO run_outputs (task, n, r, run_id) SELECT number, 1, 1, '' FROM tasks;
INSERT INTO runs (task, n, r, run_id, failure) SELECT number, 1, 1, '', error_group FROM tasks;
INSERT INTO audit (task, seq, at, kind, before, after) SELECT number, 1, 1, '', '', '' FROM tasks;
INSERT INTO status_ids (task, id, at) SELECT number, id, number FROM tasks;
INSERT INTO queue_messages (queue, body, sent_at, visible_at, receives) SELECT queue, '', 1, number, 0 FROM tasks;
INSERT INTO argument_values (task, argument, value) SELECT number, 1 + number % 2, 'queue' || number % 9 FROM tasks;
INSERT INTO forgotten (task, id, state, ended_at) SELECT number + 100000, number::text, state, number FROM tasks;
"""


class Step(NamedTuple):
    """One node of a plan."""

    kind: str
    table: str
    by: str
    """The index."""
    condition: str
    below: list[Step]

    def all(self) -> Iterator[Step]:
        yield self
        for step in self.below:
            yield from step.all()


FULL: dict[str, object] = {
    **dict.fromkeys(("queue", "other", "name"), "queue1"),
    **dict.fromkeys(("above", "after"), 0),
    **dict.fromkeys(("before", "number"), 1_000),
    **dict.fromkeys(("now", "until"), TASKS),
    "one": "batch1",
    "batch": "batch1",
    "group": "group1",
    "below": 2**62,
    "limit": 50,
    "low": "0000",
    "high": "0001",
    "ending": "%99",
}
"""Values that matter; else 1, or an array."""
ONES = {
    **dict.fromkeys(("down state", "up state"), "failed"),
    **dict.fromkeys(("down name", "up name"), "handler1"),
    **dict.fromkeys(("down argument", "up argument", "values up to"), 1),
}
STATISTICS = {"none": ("", ""), "old": ("ANALYZE", ""), "new": ("", "ANALYZE")}
"""What is done before and after the tasks come."""


@pytest.fixture(scope="module", params=STATISTICS)
def planner(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Planner]:
    name = cluster.fresh()
    planner = Planner(cluster.url(name), *STATISTICS[request.param])
    yield planner
    planner.close()
    cluster.drop(name)


class Planner:
    """A connection as the ledger has it, to a ledger with 100,000 tasks."""

    def __init__(self, url: str, before: str, after: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for table in LARGE:
                connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
            connection.execute(f"{before};{FILL};{after}".encode())
        self._database = PostgresDatabase(url)

    def plan(self, book: str, name: str) -> Step:
        sql = self._database.sql(book)[name]
        numbers = {sql.names[int(nth) - 1] for nth in re.findall(r"\$(\d+)::(?:BIGINT|INTEGER)", sql.text)}
        given = {each: 1 if each in numbers else "{1,2,3}" for each in sql.names}
        given |= FULL | {"one": ONES.get(name, FULL["one"])}
        explained = Sql(f"EXPLAIN (FORMAT JSON) {sql.text}", sql.names)
        with self._database.read() as tx:
            if sql.kinds:
                given = dict.fromkeys(sql.names, "{NULL,NULL,NULL}")
            ((found,),) = tx.rows(explained, given)
        return step_of(found[0]["Plan"])

    def close(self) -> None:
        self._database.close()


def step_of(node: dict[str, Any]) -> Step:
    """From EXPLAIN's JSON."""
    names = ("Node Type", "Relation Name", "Index Name", "Index Cond")
    kind, table, by, condition = (str(node.get(name, "")) for name in names)
    return Step(kind, table, by, condition, [step_of(below) for below in node.get("Plans", ())])


def statements() -> list[tuple[str, str]]:
    return [(book, name) for book in BOOKS for name in compile_book(book, "postgresql")]


@pytest.mark.parametrize(("book", "name"), statements())
def test_no_statement_scans_or_sorts_what_grows_with_the_tasks(planner: Planner, book: str, name: str) -> None:
    steps = list(planner.plan(book, name).all())
    scans = [step for step in steps if step.table in LARGE and "Scan" in step.kind and not is_range(step)]
    sorts = [step for step in steps if "Sort" in step.kind and any(each.table in LARGE for each in step.all())]
    if name not in LOOKS_AT_ALL:
        assert name in ENDS or scans == []
        assert name in SORTS or sorts == []


def is_range(step: Step) -> bool:
    """A partial index that is read in its order up to a limit needs no condition."""
    return bool(step.condition) or step.by in {"tasks_asleep", "tasks_alarmed", "tasks_held"}


@pytest.mark.parametrize(
    ("book", "name", "index"),
    [
        ("ledger", "read", "tasks_id_key"),
        ("ledger", "due", "tasks_due"),
        ("ledger", "asleep", "tasks_asleep"),
        ("ledger", "alarmed", "tasks_alarmed"),
        ("ledger", "change task", "tasks_pkey"),
        ("recall", "held by", "tasks_held"),
        ("recall", "workers", "tasks_held"),
        ("views", "outcomes", "tasks_id_key"),
        ("views", "ended", "tasks_ended"),
        ("metering", "last that ran", "tasks_by_state"),
        ("metering", "run times", "tasks_by_name"),
        ("pages", "down state", "tasks_by_state"),
        ("pages", "down batch", "tasks_by_batch"),
        ("pages", "down batch failed", "tasks_by_trouble"),
        ("pages", "down name", "tasks_by_name"),
        ("pages", "down group", "tasks_by_group"),
        ("pages", "down silence", "tasks_by_silence"),
        ("pages", "down argument", "argument_values_by_value"),
        ("retention", "aged", "tasks_by_state"),
        ("retention", "hold", "tasks_id_key"),
        ("retention", "drop trails", "audit_pkey"),
        ("pages", "down numbers", "tasks_pkey"),
        ("pages", "down all", "tasks_pkey"),
        ("queue", "delete", "queue_messages_pkey"),
        ("queue", "front", "queue_messages_line"),
    ],
)
def test_each_way_through_the_tasks_has_its_index(planner: Planner, book: str, name: str, index: str) -> None:
    used = [step.by for step in planner.plan(book, name).all() if step.by]
    assert index in used
    assert {each for each in used if each.startswith("tasks_by")} <= {index}
