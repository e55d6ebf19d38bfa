"""A process that forgets old tasks and is killed at one place: ``python pruners.py URL STORE NOW``.

It reads numbers, one per line; for each it forks a child that dies of SIGKILL just before its so-manieth word to the
ledger or the store (0: never), and says how that child ended.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from leasehold.adapters.database.connection import Row, Sql
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.adapters.database.postgres_transaction import PostgresTransaction, cursor_on
from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.store import FolderStore
from leasehold.core.retention import Keep
from leasehold.core.units import DAY
from leasehold.flow.retention import Pruner, Terms
from leasehold.testing.clock import ManualClock


class Fuse:
    """Counts down."""

    left = 0

    @classmethod
    def burn(cls) -> None:
        cls.left -= 1
        if cls.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Transaction(PostgresTransaction):
    __slots__ = ()

    def _execute_set(self, sql: Sql, rows: Sequence[Sequence[object]]) -> None:
        Fuse.burn()
        super()._execute_set(sql, rows)

    def rows(self, sql: Sql, given: Mapping[str, object] | None = None) -> list[Row]:
        Fuse.burn()
        return super().rows(sql, given)

    def run(self, sql: Sql, given: Mapping[str, object] | None = None) -> int:
        Fuse.burn()
        return super().run(sql, given)


class Database(PostgresDatabase):
    def _begin(self, connection: Connection[TupleRow], begin: str) -> PostgresTransaction:
        tx = super()._begin(connection, begin)
        return Transaction(cursor_on(connection), tx.now)

    def _commit(self, connection: Connection[TupleRow]) -> None:
        Fuse.burn()
        super()._commit(connection)
        Fuse.burn()


class Store(FolderStore):
    def create(self, key: str, value: bytes) -> bool:
        Fuse.burn()
        made = super().create(key, value)
        Fuse.burn()
        return made

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            Fuse.burn()
            super().delete([key])


def prune(url: str, folder: str, now: int) -> None:
    clock = ManualClock(now)
    database = Database(url, clock=clock)
    terms = Terms(Keep(completed=DAY, failed=DAY), archive=True)
    for _ in Pruner(DatabaseRetention(database), Store(Path(folder)), clock, terms).round():
        pass
    database.close()


def main() -> None:
    url, folder, now = sys.argv[1:]
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            Fuse.left = int(line)
            prune(url, folder, int(now))
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
