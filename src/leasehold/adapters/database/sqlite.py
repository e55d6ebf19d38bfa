"""SQLite: one writer connection, a few readers, WAL, durable at every commit."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TypeVar

from leasehold.adapters.database import sql
from leasehold.adapters.database.connection import Contended, Sql, Transaction
from leasehold.adapters.database.sqlite_errors import is_fatal, translate
from leasehold.adapters.database.writer_lock import WriterLock
from leasehold.core.errors import LedgerUnavailable
from leasehold.ports.clock import Clock

T = TypeVar("T")

PATIENCE = 30_000
"""ms that a writer waits for other writers."""
TRIES = 3
"""How often a whole transaction is tried when another program is in the way."""
PRAGMAS = (
    "PRAGMA synchronous=FULL",  # a commit survives the loss of power (S1)
    "PRAGMA fullfsync=ON",  # the same on macOS; without effect elsewhere
    "PRAGMA foreign_keys=OFF",  # rows are only ever written by this package, in one order; checks would cost per row
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8000",  # KiB, for each connection of each process
    "PRAGMA wal_autocheckpoint=4000",
)


class Pool:
    """What one process holds of a database: never shared with a forked child (SQLite forbids it)."""

    def __init__(self, path: str) -> None:
        self.pid = os.getpid()
        self.lock = WriterLock(f"{path}-lock")
        self.writer: sqlite3.Connection | None = None
        self.readers: list[sqlite3.Connection] = []

    def close(self) -> None:
        """Close what is idle; does nothing in a forked child."""
        if self.pid != os.getpid():
            return
        if self.writer is not None:
            self.writer.close()
            self.writer = None
        while self.readers:
            self.readers.pop().close()
        self.lock.close()


class SqliteDatabase:
    """One SQLite file. See ``Database`` for the promises.

    ``clock`` replaces the machine's clock, which is the clock of an SQLite database. ``read_only``: the file is never
    created nor changed. ``patience``: ms that a writer waits for other writers.
    """

    dialect = "sqlite"

    def __init__(
        self, path: str, *, clock: Clock | None = None, read_only: bool = False, patience: int = PATIENCE
    ) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._clock = clock
        self._mode = "ro" if read_only else "rwc"
        self._patience = patience / 1_000
        self._books: dict[str, Mapping[str, Sql]] = {}
        self._inherited: list[Pool] = []
        self._pool = Pool(path)
        self._closer = weakref.finalize(self, self._pool.close)

    def now(self) -> int:
        """The machine's clock, or the one that was given."""
        return self._clock.now() if self._clock is not None else time.time_ns() // 1_000_000

    def sql(self, book: str) -> Mapping[str, Sql]:
        """The statements of one book."""
        if book not in self._books:
            self._books[book] = sql.load(book, self.dialect)
        return self._books[book]

    @contextmanager
    def write(self) -> Generator[Transaction]:
        """A writing transaction: waits in line, then has the file to itself."""
        pool = self._own_pool()
        with self._translated():
            pool.lock.acquire(self._patience)
            try:
                connection = pool.writer = pool.writer or self._connect(journal="PRAGMA journal_mode=WAL")
                try:
                    with self._begun(connection, "BEGIN IMMEDIATE") as tx:
                        yield tx
                except BaseException as error:
                    if is_fatal(error) or connection.in_transaction:
                        pool.writer = None
                        connection.close()
                    raise
            finally:
                pool.lock.release()
        for hook in tx.hooks:
            hook()

    @contextmanager
    def alone(self) -> Generator[sqlite3.Connection]:
        """A connection of the caller's own, for migrations: nobody writes until the block ends."""
        pool = self._own_pool()
        with self._translated():
            pool.lock.acquire(self._patience)
            try:
                with closing(self._connect(journal="PRAGMA journal_mode=WAL")) as connection:
                    yield connection
            finally:
                pool.lock.release()

    @contextmanager
    def read(self) -> Generator[Transaction]:
        """A reading transaction on one snapshot."""
        pool = self._own_pool()
        with self._translated():
            try:
                connection = pool.readers.pop()
            except IndexError:  # not asked for beforehand: another thread may take the last one in between
                connection = self._connect()
            try:
                with self._begun(connection, "BEGIN") as tx:
                    yield tx
            except BaseException as error:
                if is_fatal(error) or connection.in_transaction:
                    connection.close()
                else:
                    pool.readers.append(connection)
                raise
            pool.readers.append(connection)

    def transact(self, work: Callable[[Transaction], T], *, repeatable: bool = False) -> T:
        """``work`` in a writing transaction, all of it again when another program was in the way.

        A file leaves no commit in doubt; but the caller may be one who repeats what was done. Work that may be repeated
        and meets a row of its own is done once more and told so.
        """
        in_doubt = False
        for _ in range(TRIES - 1):
            try:
                with suppress(Contended):
                    return self._once(work, in_doubt=in_doubt)
            except sqlite3.IntegrityError:
                if in_doubt or not repeatable:
                    raise
                in_doubt = True
        return self._once(work, in_doubt=in_doubt)

    def _once(self, work: Callable[[Transaction], T], *, in_doubt: bool) -> T:
        with self.write() as tx:
            tx.in_doubt = in_doubt
            return work(tx)

    def close(self) -> None:
        """Close every idle connection; a later call opens new ones."""
        self._own_pool().close()

    @contextmanager
    def _begun(self, connection: sqlite3.Connection, begin: str) -> Generator[Transaction]:
        cursor = connection.cursor()
        cursor.execute(begin)
        try:
            yield Transaction(cursor, self.now(), array)
            cursor.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise

    def _connect(self, journal: str = "") -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quoted(self.path)}?mode={self._mode}",
            uri=True,
            timeout=self._patience,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            for pragma in (journal, *PRAGMAS):  # only a writer sets the journal, in its turn
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    def _own_pool(self) -> Pool:
        """This process's pool: a forked child leaves its parent's untouched (not even closed) and makes its own."""
        if self._pool.pid != os.getpid():
            self._inherited.append(self._pool)
            self._pool = Pool(self.path)
            self._closer = weakref.finalize(self, self._pool.close)
        return self._pool

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            translated = translate(error, self.url)
            if translated is None:
                raise
            raise translated from error
        except OSError as error:
            raise LedgerUnavailable(f"ledger {self.url}: {error}. Check the folder and its permissions.") from error


def array(texts: Sequence[str]) -> str:
    """Texts as one value, for ``json_each``."""
    return json.dumps(texts if isinstance(texts, list | tuple) else list(texts), ensure_ascii=False)


def quoted(path: str) -> str:
    """A path inside SQLite's file URI."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
