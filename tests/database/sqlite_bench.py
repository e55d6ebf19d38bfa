"""A ledger on SQLite for one test."""

from __future__ import annotations

from pathlib import Path

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import ensure_schema
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.views import DatabaseViews
from leasehold.ports.ledger import Ledger
from leasehold.ports.views import Views
from leasehold.testing.clock import ManualClock


class SqliteBench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self._begin(SqliteDatabase(f"{folder}/jobs.db", clock=self.clock))

    @classmethod
    def around(cls, database: SqliteDatabase) -> SqliteBench:
        """For a database that is open already; time stands still."""
        bench = cls.__new__(cls)
        bench.clock = ManualClock()
        bench._begin(database)
        return bench

    def _begin(self, database: SqliteDatabase) -> None:
        ensure_schema(database)
        self.database = database
        self.ledger: Ledger = DatabaseLedger(database)
        self.views: Views = DatabaseViews(database)
        self._others: list[DatabaseLedger] = []

    def another(self) -> Ledger:
        self._others.append(DatabaseLedger(SqliteDatabase(self.database.path, clock=self.clock)))
        return self._others[-1]

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)

    def close(self) -> None:
        for ledger in (self.ledger, *self._others):
            ledger.close()
