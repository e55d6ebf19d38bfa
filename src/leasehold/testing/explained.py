"""What each statement of a ledger on PostgreSQL reads: pages and rows, whatever else the machine does meanwhile.

database = ExplainedDatabase(url)
with database.explaining() as seen:
    DatabaseLedger(database).dispatch(...)
sum(each.pages for each in seen)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import psycopg
from psycopg.abc import Params, QueryNoTemplate
from psycopg.rows import TupleRow

from leasehold.adapters.database.connection import Row
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.adapters.database.postgres_transaction import NOW, PostgresTransaction

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
        if self._seen is None:
            return super()._begin(connection, begin)
        connection.execute(begin.encode(), prepare=False)
        ((now,),) = connection.execute(NOW.encode(), prepare=False).fetchall()
        return PostgresTransaction(Explaining.on(connection, self._seen), now if self._clock is None else self.now())


class Explaining(psycopg.RawCursor[Row]):
    """A cursor that notes what each statement reads before it carries it out."""

    seen: list[Explained]

    @classmethod
    def on(cls, connection: psycopg.Connection[Any], seen: list[Explained]) -> Self:
        """A cursor that adds to ``seen``."""
        cursor = cls(connection)
        cursor.seen = seen
        return cursor

    def execute(
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Explain it, undo it, carry it out."""
        text = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else ""
        if text.startswith(EXPLAINED):
            self.seen.append(self._explained(text, params))
        return super().execute(query, params, prepare=prepare, binary=binary)

    def _explained(self, text: str, params: Params | None) -> Explained:
        super().execute(b"SAVEPOINT explained", prepare=False)
        super().execute((EXPLAIN + text).encode(), params, prepare=False)
        ((found,),) = self.fetchall()
        super().execute(b"ROLLBACK TO SAVEPOINT explained", prepare=False)
        plan = found[0]["Plan"]
        return Explained(text, sum(plan[name] for name in PAGES), step_of(plan))


def step_of(node: dict[str, Any]) -> Step:
    """From EXPLAIN's JSON."""
    kind, table, by, condition = (
        str(node.get(name, "")) for name in ("Node Type", "Relation Name", "Index Name", "Index Cond")
    )
    loops = node.get("Actual Loops", 0)
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    below = tuple(step_of(each) for each in node.get("Plans", ()))
    return Step(kind, table, by, condition, round(node.get("Actual Rows", 0) * loops), round(removed * loops), below)
