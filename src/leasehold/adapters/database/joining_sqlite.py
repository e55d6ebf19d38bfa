"""The caller's transaction on sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from leasehold.adapters.database.connection import Database, Sql, Transaction
from leasehold.adapters.database.joining import ALONE, elsewhere
from leasehold.adapters.database.sqlite import array
from leasehold.adapters.database.sqlite_errors import translate
from leasehold.core.errors import UsageError

FILE = Sql("SELECT file FROM pragma_database_list WHERE name = 'main'", ())


@contextmanager
def joined(database: Database, connection: sqlite3.Connection) -> Generator[Transaction]:
    """A transaction that is a part of the connection's own: kept with it, or taken back alone if it fails."""
    check(database, connection)
    cursor = connection.cursor()
    cursor.row_factory = None
    try:
        begin(connection, cursor)
        cursor.execute("SAVEPOINT leasehold")
        try:
            yield Transaction(cursor, database.now(), array)
        except BaseException:
            with suppress(sqlite3.Error):
                cursor.execute("ROLLBACK TO SAVEPOINT leasehold")
                cursor.execute("RELEASE SAVEPOINT leasehold")
            raise
        cursor.execute("RELEASE SAVEPOINT leasehold")
    except sqlite3.Error as error:
        translated = translate(error, database.url)
        if translated is None:
            raise
        raise translated from error
    finally:
        cursor.close()


def begin(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> None:
    """Begin as the driver would before its first change: a savepoint outside of a transaction commits by itself."""
    if connection.in_transaction:
        return
    if commits_alone(connection):
        raise UsageError(ALONE)
    cursor.execute("BEGIN IMMEDIATE")


def commits_alone(connection: sqlite3.Connection) -> bool:
    """Whether it is in autocommit mode, by either of the ways in which Python names it."""
    chosen = getattr(connection, "autocommit", -1)  # since Python 3.12; -1: isolation_level decides
    return connection.isolation_level is None if chosen == -1 else bool(chosen)


def check(database: Database, connection: sqlite3.Connection) -> None:
    """Refuse another file."""
    cursor = connection.cursor()
    cursor.row_factory = None
    ((theirs,),) = cursor.execute(FILE.text).fetchall()
    cursor.close()
    with database.read() as tx:
        ((ours,),) = tx.rows(FILE)
    if not theirs or not Path(theirs).samefile(ours):
        raise elsewhere(database)
