"""Transactions at driver level: who may write, what a driver's error means, and what a fork must not share.

Statements are SQLAlchemy Core, compiled once (``sql.py``); what runs here is text and values, because SQLAlchemy's own
execution costs more per statement than SQLite needs for ten rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from leasehold.core.errors import LedgerUnavailable
from leasehold.ports.queue import Message, NotSent, Sent

T = TypeVar("T")
Row = tuple[Any, ...]


class Contended(LedgerUnavailable):
    """Another writer was in the way; the whole transaction may be tried again."""


class InDoubt(Contended):
    """The connection was lost while it committed: the transaction may have been committed, or not."""


class Sql(NamedTuple):
    """One statement as its driver takes it: the text, and the names of its values in the order of their places.

    Where PostgreSQL takes a whole set of rows at once, each value is an array of the type in ``kinds``, and ``copy``
    (if any) begins the ``COPY`` that does the same for large sets.
    """

    text: str
    names: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    copy: str = ""

    def values(self, given: Mapping[str, object]) -> tuple[object, ...]:
        """``given`` in the order of the places."""
        return tuple([given[name] for name in self.names])


class Cursor(Protocol):
    """What Leasehold uses of a DBAPI cursor."""

    @property
    def rowcount(self) -> int:
        """Rows changed by the last statement."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> object:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each row of values."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows of the last statement."""
        ...


class Transaction:
    """One open transaction. ``now`` is the database's clock, read once: all that happens here happens at one instant.

    Drivers' errors are translated by whoever opened it. ``after_commit`` is for hints (bells): what it is given runs
    when the commit is done and the writer lock released, and must not fail. ``in_doubt``: this very work was done
    before, in a transaction of which nobody knows whether it was committed.
    """

    __slots__ = ("_array", "_cursor", "began", "hooks", "in_doubt", "now")

    def __init__(self, cursor: Cursor, now: int, array: Callable[[Sequence[str]], object]) -> None:
        self.now = now
        self.began = time.monotonic()
        self.in_doubt = False
        self.hooks: list[Callable[[], None]] = []
        self._cursor = cursor
        self._array = array

    def rows(self, sql: Sql, given: Mapping[str, object] | None = None) -> list[Row]:
        """All rows of a query (or of a statement that returns some)."""
        self._cursor.execute(sql.text, sql.values(given or {}))
        return self._cursor.fetchall()

    def run(self, sql: Sql, given: Mapping[str, object] | None = None) -> int:
        """Run one statement; how many rows it changed."""
        self._cursor.execute(sql.text, sql.values(given or {}))
        return self._cursor.rowcount

    def run_many(self, sql: Sql, rows: Sequence[Sequence[object]]) -> int:
        """Run one statement for each row, whose values stand in the order of ``sql.names``; rows changed in all."""
        if not rows:
            return 0
        self._cursor.executemany(sql.text, rows)
        return self._cursor.rowcount

    def new_of(self, sql: Sql, rows: Sequence[tuple[object, ...]]) -> list[bool]:
        """Insert those rows whose key is free (``new_alone``); of each row whether it was."""
        self._cursor.execute("SAVEPOINT here")
        if self.run_many(sql, rows) == len(rows):
            self._cursor.execute("RELEASE SAVEPOINT here")
            return [True] * len(rows)
        self._cursor.execute("ROLLBACK TO SAVEPOINT here")  # some are old: now one by one, to learn which
        self._cursor.execute("RELEASE SAVEPOINT here")
        return [self.run_many(sql, [row]) > 0 for row in rows]

    def array(self, texts: Sequence[str]) -> object:
        """Texts as one value, for ``each(...)`` in a statement."""
        return self._array(texts)

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` when the transaction is committed; never when it is rolled back."""
        self.hooks.append(hook)


@runtime_checkable
class Sharing(Protocol):
    """A queue that lives in the ledger's database (``QueueTraits.shares_ledger``)."""

    def send_within(self, tx: Transaction, messages: Sequence[Message], /) -> list[Sent | NotSent]:
        """Send in a transaction of the ledger's: the messages appear with its commit, or never."""
        ...


class Database(Protocol):
    """One database, shared by the ledger, its views and the queues that live in it. Thread-safe, and safe to fork.

    Every method raises ``LedgerUnavailable`` when the database cannot be reached or written.
    """

    @property
    def url(self) -> str:
        """Where it is, for messages to people (no password)."""
        ...

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        ...

    def now(self) -> int:
        """The database's clock."""
        ...

    def sql(self, book: str) -> Mapping[str, Sql]:
        """The statements of ``statements/{book}.py``, compiled for this database."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A writing transaction, committed at the end of the block, rolled back by an exception."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A reading transaction: one snapshot, never in a writer's way."""
        ...

    def transact(self, work: Callable[[Transaction], T], *, repeatable: bool = False) -> T:
        """``work`` in a writing transaction, all of it again when another writer was in the way.

        ``repeatable``: it may be done again after a commit of which nobody knows whether it happened (``in_doubt``).
        """
        ...

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        ...
