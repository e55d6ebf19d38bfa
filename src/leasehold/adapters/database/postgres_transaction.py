"""A transaction on PostgreSQL: sets of rows go as one statement, large ones by ``COPY``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from psycopg import Connection, RawCursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8Dumper

from leasehold.adapters.database.connection import Cursor, Row, Sql, Transaction
from leasehold.adapters.database.postgres_sets import array_of, lines_of, storable, texts_array

MANY = 100
"""Rows from which ``COPY`` is faster than an insert from arrays."""
BLOCK = 250
"""Rows of a ``COPY`` that are sent at once."""
NOW = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The database's clock, in ms."""


class PostgresTransaction(Transaction):
    """One open transaction on a psycopg connection, whoever opened it."""

    __slots__ = ("_raw",)

    def __init__(self, cursor: RawCursor[Row], now: int) -> None:
        super().__init__(cast("Cursor", cursor), now, texts_array)
        self._raw = cursor

    def rows(self, sql: Sql, given: Mapping[str, object] | None = None) -> list[Row]:
        """All rows of a query (or of a statement that returns some)."""
        self._execute(sql, given or {})
        return self._raw.fetchall()

    def run(self, sql: Sql, given: Mapping[str, object] | None = None) -> int:
        """Run one statement; how many rows it changed."""
        self._execute(sql, given or {})
        return self._raw.rowcount

    def run_many(self, sql: Sql, rows: Sequence[Sequence[object]]) -> int:
        """Run one statement for all rows, whose values stand in the order of ``sql.names``; rows changed in all."""
        if not rows:
            return 0
        if sql.copy and len(rows) >= MANY:
            with self._raw.copy(sql.copy.encode()) as copy:
                for start in range(0, len(rows), BLOCK):  # the server writes one while the next is made
                    copy.write(lines_of(sql.kinds, rows[start : start + BLOCK]))
        elif sql.kinds:
            self._execute_set(sql, rows)
        else:
            self._cursor.executemany(sql.text, rows)
        return self._raw.rowcount

    def new_of(self, sql: Sql, rows: Sequence[tuple[object, ...]]) -> list[bool]:
        """Insert those rows whose key is free (``new_alone``); of each row whether it was."""
        if not rows:
            return []
        self._execute_set(sql, rows)
        keys = set(self._raw.fetchall())
        width = len(next(iter(keys), ()))
        return [row[:width] in keys for row in rows]

    def _execute(self, sql: Sql, given: Mapping[str, object]) -> None:
        if sql.kinds:
            self._execute_set(sql, [sql.values(given)])
        else:
            self._cursor.execute(sql.text, [storable(value) for value in sql.values(given)])

    def _execute_set(self, sql: Sql, rows: Sequence[Sequence[object]]) -> None:
        columns = zip(*rows, strict=True)
        self._cursor.execute(sql.text, [array_of(*column) for column in zip(sql.kinds, columns, strict=True)])


def cursor_on(connection: Connection[Any]) -> RawCursor[Row]:
    """A cursor for ``PostgresTransaction`` on any connection: numbered places, tuples, and all integers alike.

    psycopg sends a whole number as the smallest type that holds it, and so prepares one statement many times.
    """
    cursor = RawCursor(connection, row_factory=tuple_row)
    cursor.adapters.register_dumper(int, Int8Dumper)
    return cursor
