"""PostgreSQL: a few connections shared by threads, reconnecting by themselves, durable at every commit."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from random import Random, SystemRandom
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8Dumper

from leasehold.adapters.database import sql
from leasehold.adapters.database.connection import Contended, InDoubt, Row, Sql, Transaction
from leasehold.adapters.database.postgres_address import conninfo_of
from leasehold.adapters.database.postgres_errors import Lost, Taken, refusal, said_by, says_farewell, translate
from leasehold.adapters.database.postgres_transaction import NOW, PostgresTransaction
from leasehold.adapters.database.version import SCHEMA_LOCK
from leasehold.core.addresses import without_secrets
from leasehold.core.errors import LedgerUnavailable
from leasehold.ports.clock import Clock

T = TypeVar("T")
Raw = psycopg.Connection[TupleRow]

PATIENCE = 10_000
"""ms that a statement waits for a lock before the whole transaction is tried again."""
STATEMENT = 60_000
"""ms that a statement may take."""
STANDSTILL = 60_000
"""ms that a transaction may stand still before the server ends it, so that a hanging process blocks nobody for long."""
TRIES = 6
"""How often a whole transaction is tried when another one is in the way, or its connection is lost."""
PAUSE = 20
"""ms, doubled with each try, of which a random part is waited before the next."""
PREPARED = 300
"""Statements kept ready on each connection: more than there are."""
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
"""A standby refuses this very statement."""
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SESSION = (
    "SET statement_timeout = {statement}",
    "SET lock_timeout = {patience}",
    "SET idle_in_transaction_session_timeout = {standstill}",
    "SET jit = off",  # takes longer to compile than any of our statements to run
    # Each statement has its index. A plan that was kept from when a table was empty would look at all of it until the
    # next ANALYZE; planning anew costs 0.1 ms or less for each statement, of which most are for hundreds of rows.
    "SET plan_cache_mode = force_custom_plan",
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    # a commit survives the loss of power (S1), whatever the database's own default
    """SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local')""",
)
"""What each connection begins with."""


class Pool:
    """The idle connections of one process: never shared with a forked child."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.idle: list[Raw] = []

    def close(self) -> None:
        """Close what is idle; does nothing in a forked child."""
        while self.pid == os.getpid() and self.idle:
            with suppress(IndexError):  # another thread may take the last one in between
                self.idle.pop().close()


class PostgresDatabase:
    """One PostgreSQL database. See ``Database`` for the promises.

    ``url`` is libpq's (``postgresql://USER@HOST/NAME?sslmode=...``); the password may be in it, in ``PGPASSWORD`` or in
    a password file. ``clock`` replaces the database's own (for tests). ``patience``: ms that a writer waits for a lock.
    """

    dialect = "postgresql"

    def __init__(
        self, url: str, *, clock: Clock | None = None, patience: int = PATIENCE, random: Random | None = None
    ) -> None:
        self.url = without_secrets(url)
        self._conninfo = conninfo_of(url)
        self._clock = clock
        self._random = random or SystemRandom()
        self._session = "; ".join(SESSION).format(statement=STATEMENT, patience=patience, standstill=STANDSTILL)
        self._books: dict[str, Mapping[str, Sql]] = {}
        self._inherited: list[Pool] = []
        self._pool = Pool()
        self._closer = weakref.finalize(self, self._pool.close)

    def now(self) -> int:
        """The database's clock, or the one that was given."""
        if self._clock is not None:
            return self._clock.now()
        with self.read() as tx:
            return tx.now

    def sql(self, book: str) -> Mapping[str, Sql]:
        """The statements of one book."""
        if book not in self._books:
            self._books[book] = sql.load(book, self.dialect)
        return self._books[book]

    @contextmanager
    def write(self, *, in_doubt: bool = False) -> Generator[Transaction]:
        """A writing transaction: its rows are locked as they are read or changed."""
        with self._connection(WRITE) as (connection, tx):
            tx.in_doubt = in_doubt
            yield tx
            self._commit(connection)
        for hook in tx.hooks:
            hook()

    @contextmanager
    def read(self) -> Generator[Transaction]:
        """A reading transaction on one snapshot."""
        with self._connection(READ) as (connection, tx):
            yield tx
            connection.execute("COMMIT", prepare=False)

    def transact(self, work: Callable[[Transaction], T], *, repeatable: bool = False) -> T:
        """``work`` in a writing transaction, all of it again when another was in the way or the connection was lost.

        A connection that is lost before the commit has changed nothing. One that is lost *during* the commit leaves
        nobody the wiser; only ``repeatable`` work is then done again. Whatever keeps that from being done does not make
        the doubt forgotten: it is raised as ``InDoubt``.
        """
        in_doubt, doubt, nth = False, None, 0
        while True:
            nth += 1
            try:
                with self.write(in_doubt=in_doubt) as tx:
                    return work(tx)
            except LedgerUnavailable as error:
                if isinstance(error, InDoubt):
                    doubt = error
                if nth == TRIES or not worth_repeating(error, repeatable=repeatable):
                    if doubt is None or doubt is error:
                        raise
                    raise InDoubt(f"{doubt} Since then: {error}") from error
                in_doubt = in_doubt or isinstance(error, (InDoubt, Taken))
            time.sleep(self._random.uniform(0, PAUSE * 2**nth) / 1_000)

    def close(self) -> None:
        """Close every idle connection; a later call opens new ones."""
        self._own_pool().close()

    @contextmanager
    def alone(self) -> Generator[psycopg.Connection[Any]]:
        """A connection of the caller's own, for migrations: nobody else changes the schema until the block ends."""
        try:
            connection = psycopg.connect(self._conninfo)
        except psycopg.Error as error:
            raise refusal(error, self.url) from error
        with self._translated(connection), connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
            connection.commit()
            yield connection

    # -- connections -------------------------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, begin: str) -> Generator[tuple[Raw, PostgresTransaction]]:
        pool = self._own_pool()
        connection, tx = self._begun(pool, begin)
        try:
            with self._translated(connection):
                yield connection, tx
        except BaseException:
            give_back(pool, connection)
            raise
        pool.idle.append(connection)

    def _begun(self, pool: Pool, begin: str) -> tuple[Raw, PostgresTransaction]:
        """A transaction on an idle connection; on a new one if that was lost, or its server became a standby."""
        with suppress(IndexError):
            connection = pool.idle.pop()
            try:
                return connection, self._begin(connection, begin)
            except psycopg.Error:
                connection.close()
                pool.close()  # whatever ended this one has most likely ended the others
        connection = self._connect()
        try:
            with self._translated(connection):
                return connection, self._begin(connection, begin)
        except BaseException:
            connection.close()
            raise

    def _begin(self, connection: Raw, begin: str) -> PostgresTransaction:
        """Begin, and read the clock on the same journey."""
        cursor: psycopg.RawCursor[Row] = psycopg.RawCursor(connection)
        if self._clock is not None:
            cursor.execute(begin.encode(), prepare=False)
            return PostgresTransaction(cursor, self._clock.now())
        cursor.execute(f"{begin}; {NOW}".encode(), prepare=False)
        cursor.nextset()
        ((now,),) = cursor.fetchall()
        return PostgresTransaction(cursor, now)

    def _commit(self, connection: Raw) -> None:
        try:
            cursor = connection.execute("COMMIT", prepare=False)
        except psycopg.Error as error:
            if not is_lost(error, connection):
                raise
            connection.close()
            raise InDoubt(
                f"ledger {self.url}: the connection was lost during a commit ({said_by(error)}); nobody knows whether "
                "it happened. Look before you do it again."
            ) from error
        if cursor.statusmessage != "COMMIT":
            raise LedgerUnavailable(f"ledger {self.url}: a statement had failed, so that nothing was committed.")

    def _connect(self) -> Raw:
        connection: Raw | None = None
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=2)
            connection.prepared_max = PREPARED
            connection.adapters.register_dumper(int, Int8Dumper)  # see cursor_on
            connection.execute(self._session.encode(), prepare=False)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, psycopg.Error):
                raise refusal(error, self.url) from error
            raise
        return connection

    def _own_pool(self) -> Pool:
        """This process's pool: a forked child leaves its parent's untouched (not even closed) and makes its own."""
        if self._pool.pid != os.getpid():
            self._inherited.append(self._pool)
            self._pool = Pool()
            self._closer = weakref.finalize(self, self._pool.close)
        return self._pool

    @contextmanager
    def _translated(self, connection: Raw | None = None) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            translated = translate(error, self.url, lost=connection is not None and is_lost(error, connection))
            if translated is None:
                raise
            if isinstance(translated, Lost) and connection is not None:
                connection.close()
            raise translated from error


def is_lost(error: psycopg.Error, connection: Raw) -> bool:
    """Whether the connection is gone. A server that goes down says so first; libpq notices the end only afterwards."""
    return connection.closed or says_farewell(error)


def worth_repeating(error: LedgerUnavailable, *, repeatable: bool) -> bool:
    """Whether the same transaction may succeed if it is tried at once again."""
    return isinstance(error, Contended) and (repeatable or not isinstance(error, (InDoubt, Taken)))


def give_back(pool: Pool, connection: Raw) -> None:
    """Take back what a transaction did; a connection that cannot is not used again, nor are its idle neighbours."""
    with suppress(psycopg.Error):
        if not connection.closed:
            connection.execute("ROLLBACK", prepare=False)
            if connection.info.transaction_status == TransactionStatus.IDLE:
                pool.idle.append(connection)
                return
    connection.close()
    pool.close()
