"""No statement looks at every task: each is served by an index, whatever is in the tables and without statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.compile import DIALECTS, books, compile_book
from leasehold.adapters.database.connection import Sql
from leasehold.adapters.database.sql import digest, load, saved
from tests.database.sqlite_bench import SqliteBench

BOOKS = ("chores", "inspection", "ledger", "metering", "pages", "recall", "retention", "views")
SMALL = (
    r"CONSTANT ROW|leftovers|indexed_arguments|\(subquery|totals|counters|counter_deltas|requests|request_deltas|gone|"
    r"queues|batches|operations|quarantine|anon_\d+"
)
"""Tables that grow with what people name, not with the tasks; and results of subqueries."""
FIRST_OF_ALL = {"last", "newest task", "newest number"}
"""They look at the last row of the table."""
LOOKS_AT_ALL = {
    "true counts": "that is its purpose",
    "ids ending": "of the ids alone, for a person who pasted the end of one",
}
SORTS = {
    "read": "the rows of one transaction",
    "down numbers": "the tasks that a filter names",
    "up numbers": "the tasks that a filter names",
    "keys like": "the tasks of one key",
    "page": "the rows of one page",
    "lanes": "handlers and queues",
    "runs": "the runs of one task",
    "hold": "the rows of one transaction",
    "runs of": "the runs of some tasks",
    "bodies of": "the rows of one batch",
    "trails of": "the trails of one batch",
    "requests": "the hours of queues and actions",
    "run times": "the runs of a thousand tasks",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path_factory.mktemp("plans"))
    yield bench
    bench.close()


def plan(bench: SqliteBench, sql: Sql) -> list[str]:
    with bench.database.read() as tx:
        explained = Sql(f"EXPLAIN QUERY PLAN {sql.text}", sql.names)
        return [row[3] for row in tx.rows(explained, dict.fromkeys(sql.names, "1"))]


def statements() -> list[tuple[str, str]]:
    return [(book, name) for book in BOOKS for name in compile_book(book, "sqlite")]


@pytest.mark.parametrize(("book", "name"), statements())
def test_no_statement_scans_what_grows_with_the_tasks(bench: SqliteBench, book: str, name: str) -> None:
    lines = plan(bench, bench.database.sql(book)[name])
    scans = [line for line in lines if line.startswith("SCAN ") and not re.match(rf"SCAN ({SMALL})\b", line)]
    scans = [line for line in scans if "VIRTUAL TABLE" not in line]  # the bound arrays
    if name in FIRST_OF_ALL:
        assert scans in (["SCAN tasks"], [])
    elif name not in LOOKS_AT_ALL:
        assert scans == []


@pytest.mark.parametrize(("book", "name"), statements())
def test_no_statement_sorts_what_grows_with_the_tasks(bench: SqliteBench, book: str, name: str) -> None:
    sql = bench.database.sql(book)[name]
    sorts = [line for line in plan(bench, sql) if line.startswith("USE TEMP B-TREE")]
    if name not in {*SORTS, *LOOKS_AT_ALL} and "count" not in sql.text:
        assert sorts == []


@pytest.mark.parametrize(
    ("book", "name", "index"),
    [
        ("ledger", "due", "tasks_due (queue=?)"),
        ("ledger", "asleep", "tasks_asleep (state=? AND alarm<?)"),
        ("ledger", "alarmed", "tasks_alarmed (alarm>? AND alarm<?)"),
        ("ledger", "change task", "INTEGER PRIMARY KEY (rowid=?)"),
        ("recall", "workers", "tasks_held (state=? AND worker>?)"),
        ("views", "outcomes", "sqlite_autoindex_tasks_1 (id=?)"),
        ("views", "ended", "tasks_ended (batch=? AND ended_no>?)"),
        ("metering", "run times", "tasks_by_name (name=? AND queue=? AND number>? AND number<?)"),
        ("pages", "down state", "tasks_by_state (state=? AND number>? AND number<?)"),
        ("pages", "down batch", "tasks_by_batch (batch=? AND number>? AND number<?)"),
        ("pages", "down batch failed", "tasks_by_trouble (<expr>=? AND state=? AND number>? AND number<?)"),
        ("pages", "down name", "tasks_by_name (name=? AND queue=? AND number>? AND number<?)"),
        ("pages", "down group", "tasks_by_group (error_group=? AND state=? AND number>? AND number<?)"),
        ("pages", "down argument", "argument_values_by_value (argument=? AND value=? AND task>? AND task<?)"),
        ("pages", "keys like", "PRIMARY KEY (key=?)"),
        ("pages", "down all", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    ],
)
def test_each_way_through_the_tasks_has_its_index(bench: SqliteBench, book: str, name: str, index: str) -> None:
    lines = plan(bench, bench.database.sql(book)[name])
    assert index in next(line for line in lines if line.startswith(("SEARCH", "SCAN")))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("book", books())
def test_the_compiled_statements_are_those_of_the_sources(book: str, dialect: str) -> None:
    """A stale file would cost every process most of a second: python -m leasehold.adapters.database.compile."""
    kept = saved(book, dialect)
    assert kept is not None
    assert kept["sources"] == digest(book)
    assert compile_book(book, dialect) == load(book, dialect)


def test_a_book_whose_sources_have_changed_is_compiled_on_the_spot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leasehold.adapters.database.sql.path_of", lambda book, dialect: tmp_path / f"{book}.{dialect}")
    assert saved("meta", "sqlite") is None
    assert load("meta", "sqlite")["exists"].text.startswith("SELECT name FROM sqlite_master")
