"""The caller's transaction on psycopg."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus

from leasehold.adapters.database.connection import Database, Sql, Transaction
from leasehold.adapters.database.joining import ALONE, FAILED, elsewhere
from leasehold.adapters.database.postgres_errors import translate
from leasehold.adapters.database.postgres_transaction import PostgresTransaction, cursor_on
from leasehold.core.errors import UsageError

WHERE = Sql(
    "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), current_database(), "
    "to_regclass('schema_version')::oid::bigint",
    (),
)
"""Which cluster, which database, and which table our statements would find there."""
SAME: WeakKeyDictionary[psycopg.Connection[Any], str] = WeakKeyDictionary()
"""Connections that were seen to lead to a ledger's database, and that ledger."""


@contextmanager
def joined(database: Database, connection: psycopg.Connection[Any]) -> Generator[Transaction]:
    """A transaction that is a part of the connection's own: kept with it, or taken back alone if it fails."""
    status = connection.info.transaction_status
    if status is TransactionStatus.INERROR:
        raise UsageError(FAILED)
    if connection.autocommit and status is TransactionStatus.IDLE:
        raise UsageError(ALONE)
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        raise UsageError("connection: it is in pipeline mode. Submit before the pipeline begins, or after it")
    begun = status is not TransactionStatus.IDLE
    try:
        with part_of(connection):
            if SAME.get(connection) != database.url:
                check(database, connection)
            yield PostgresTransaction(cursor_on(connection), database.now())
    except psycopg.Error as error:
        translated = translate(error, database.url, lost=connection.closed)
        if translated is None:
            raise
        raise translated from error
    except UsageError:
        if not begun:
            connection.rollback()
        raise


@contextmanager
def part_of(connection: psycopg.Connection[Any]) -> Generator[None]:
    """What is taken back alone where it fails: a failed statement would end the whole transaction otherwise."""
    connection.execute("SAVEPOINT leasehold")
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # the connection is lost, and with it everything
            connection.execute("ROLLBACK TO SAVEPOINT leasehold")
            connection.execute("RELEASE SAVEPOINT leasehold")
        raise
    connection.execute("RELEASE SAVEPOINT leasehold")


def check(database: Database, connection: psycopg.Connection[Any]) -> None:
    """Refuse another database."""
    with database.read() as tx:
        ours = tx.rows(WHERE)
    theirs = PostgresTransaction(cursor_on(connection), 0).rows(WHERE)
    if theirs != ours:
        raise elsewhere(database)
    SAME[connection] = database.url
