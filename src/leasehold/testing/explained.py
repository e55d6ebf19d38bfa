"""What each statement of a ledger on PostgreSQL reads: pages and rows, whatever else the machine does meanwhile.

database = ExplainedDatabase(url)
with database.explaining() as seen:
    DatabaseLedger(database).dispatch(...)
sum(each.pages for each in seen)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow

from leasehold.adapters.database.connection import Row
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.adapters.database.postgres_transaction import PostgresTransaction, cursor_on

EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON) "
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
PAGES = ("Shared Hit Blocks", "Shared Read Blocks")


class Step(NamedTuple):
    """One node of a plan that was carried out."""

    kind: str
    table: str
    by: str
    """The index."""
    condition: str
    rows: int
    """Rows that it gave, in all its loops."""
    removed: int
    """Rows that it looked at and left out, in all its loops."""
    below: tuple[Step, ...]

    def all(self) -> Iterator[Step]:
        """This node and all below it."""
        yield self
        for step in self.below:
            yield from step.all()


class Explained(NamedTuple):
    """One statement that was carried out."""

    text: str
    pages: int
    """Pages of tables and indexes that it looked at, each time that it did."""
    plan: Step

    @property
    def looked_at(self) -> int:
        """Rows of tables that it looked at."""
        return sum(step.rows + step.removed for step in self.plan.all() if step.table)


class ExplainedDatabase(PostgresDatabase):
    """A PostgreSQL database that carries each statement out twice while it explains: what the first did is undone.

    ``COPY`` cannot be explained; what it reads does not depend on what is there. For one thread.
    """

    _seen: list[Explained] | None = None

    @contextmanager
    def explaining(self) -> Generator[list[Explained]]:
        """What was carried out until the block ends."""
        self._seen = []
        try:
            yield self._seen
        finally:
            self._seen = None

    def _begin(self, connection: psycopg.Connection[TupleRow], begin: str) -> PostgresTransaction:
        tx = super()._begin(connection, begin)
        return tx if self._seen is None else ExplainedTransaction(cursor_on(connection), tx.now, self._seen)


class ExplainedTransaction(PostgresTransaction):
    """A transaction that adds what each of its statements reads to ``seen``."""

    __slots__ = ()

    def __init__(self, cursor: psycopg.RawCursor[Row], now: int, seen: list[Explained]) -> None:
        super().__init__(cursor, now)
        self._cursor = Explaining(cursor, seen)


class Explaining:
    """A cursor that notes what each statement reads before it carries it out."""

    def __init__(self, cursor: psycopg.RawCursor[Row], seen: list[Explained]) -> None:
        self._raw = cursor
        self._seen = seen

    @property
    def rowcount(self) -> int:
        """Rows changed by the last statement."""
        return self._raw.rowcount

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> object:
        """Explain it, undo it, carry it out."""
        if sql.startswith(EXPLAINED):
            self._raw.execute(b"SAVEPOINT explained", prepare=False)
            self._raw.execute(f"{EXPLAIN}{sql}".encode(), parameters, prepare=False)
            ((found,),) = self._raw.fetchall()
            self._raw.execute(b"ROLLBACK TO SAVEPOINT explained", prepare=False)
            plan = found[0]["Plan"]
            self._seen.append(Explained(sql, sum(plan[name] for name in PAGES), step_of(plan)))
        return self._raw.execute(sql.encode(), parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each row of values; not explained."""
        return self._raw.executemany(sql.encode(), parameters)

    def fetchall(self) -> list[Any]:
        """All rows of the last statement."""
        return self._raw.fetchall()


def step_of(node: dict[str, Any]) -> Step:
    """From EXPLAIN's JSON."""
    kind, table, by, condition = (
        str(node.get(name, "")) for name in ("Node Type", "Relation Name", "Index Name", "Index Cond")
    )
    loops = node.get("Actual Loops", 0)
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    below = tuple(step_of(each) for each in node.get("Plans", ()))
    return Step(kind, table, by, condition, round(node.get("Actual Rows", 0) * loops), round(removed * loops), below)
