"""Part of somebody else's transaction: tasks that are submitted with the caller's own rows, or not at all.

Nothing here commits, and nothing rings before the caller's commit. What fails is taken back to where it began, so that
the caller's transaction can go on. No driver is imported that the caller has not imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from leasehold.adapters.database.connection import Contended, Database, Transaction
from leasehold.core.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")
Join = Callable[[Database, Any], AbstractContextManager[Transaction]]
TRIES = 3
"""How often the same is tried inside the caller's transaction when another one has just taken a key."""


def within(database: Database, connection: object, work: Callable[[Transaction], T]) -> T:
    """``work`` inside the transaction of ``connection``, which belongs to the caller.

    Raises ``UsageError`` where that cannot be: an unknown driver, another database, a connection that commits each
    statement by itself, a transaction that has failed before.
    """
    join = joiner_of(database, connection)
    for _ in range(TRIES - 1):
        try:
            with join(database, connection) as tx:
                return work(tx)
        except Contended:  # taken back: the next try sees who was faster
            continue
    with join(database, connection) as tx:
        return work(tx)


def joiner_of(database: Database, connection: object) -> Join:
    """How to join the transaction of a connection of this kind."""
    kind = kind_of(connection)
    if kind == "sqlalchemy":
        return through_sqlalchemy
    if kind == "psycopg" and database.dialect == "postgresql":
        from leasehold.adapters.database.joining_postgres import joined  # noqa: PLC0415 - SQLite needs no psycopg

        return joined
    if kind == "sqlite3" and database.dialect == "sqlite":
        from leasehold.adapters.database.joining_sqlite import joined  # noqa: PLC0415 - as above

        return joined
    what = f"{type(connection).__module__}.{type(connection).__qualname__}"
    raise UsageError(
        f"connection: tasks cannot be submitted to ledger {database.url} through a {what}. "
        f"Pass {WANTED[database.dialect]}{HINTS.get(kind, '')}"
    )


WANTED: Mapping[str, str] = {
    "postgresql": "a psycopg.Connection, or an SQLAlchemy Connection on psycopg, of the ledger's own database",
    "sqlite": "a sqlite3.Connection, or an SQLAlchemy Connection on pysqlite, of the ledger's own file",
}
HINTS: Mapping[str, str] = {
    "session": "; of a Session: session.connection()",
    "engine": "; of an Engine: engine.connect()",
}
KINDS = (
    ("sqlalchemy", "Connection", "sqlalchemy"),
    ("sqlalchemy", "Engine", "engine"),
    ("sqlalchemy.orm", "Session", "session"),
    ("psycopg", "Connection", "psycopg"),
    ("sqlite3", "Connection", "sqlite3"),
)
"""Module, class, and what it is called here. A module that nobody has imported has no objects."""


def kind_of(connection: object) -> str:
    """What this is; empty if we do not know."""
    for module, name, kind in KINDS:
        loaded = getattr(sys.modules.get(module), name, None)
        if loaded is not None and isinstance(connection, loaded):
            return kind
    return ""


@contextmanager
def through_sqlalchemy(database: Database, connection: Connection) -> Generator[Transaction]:
    """The same with the driver's connection beneath."""
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        raise UsageError(ALONE)
    begun = connection.in_transaction()
    if not begun:
        connection.begin()  # as its first statement does: what follows is the driver's, of which it would not know
    try:
        raw = beneath(database, connection)
        with joiner_of(database, raw)(database, raw) as tx:
            yield tx
    except UsageError:
        if not begun:
            connection.rollback()
        raise


def beneath(database: Database, connection: Connection) -> object:
    """The driver's connection."""
    raw = connection.connection.driver_connection
    if kind_of(raw) in {"psycopg", "sqlite3"}:
        return raw
    driver = f"{connection.dialect.name}+{connection.dialect.driver}"
    raise UsageError(f"connection: SQLAlchemy's driver {driver} cannot be used here. Pass {WANTED[database.dialect]}")


ALONE = (
    "connection: it commits each statement by itself (autocommit), so that the task could not be rolled back with your "
    "rows. Begin a transaction first"
)
FAILED = "connection: its transaction has failed already. Roll it back before you submit"


def elsewhere(database: Database) -> UsageError:
    """It is another database than the ledger's."""
    return UsageError(
        f"connection: it leads to another database than the ledger, {database.url}, or does not find the ledger's "
        "tables there (search_path). One transaction cannot span two databases: submit without connection="
    )
