"""A ledger on PostgreSQL for one test."""

from __future__ import annotations

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.adapters.database.views import DatabaseViews
from leasehold.ports.ledger import Ledger
from leasehold.ports.views import Views
from leasehold.testing.clock import ManualClock


class PostgresBench:
    def __init__(self, url: str) -> None:
        """``url``: of an empty ledger."""
        self.clock = ManualClock()
        self.address = url
        self.database = PostgresDatabase(url, clock=self.clock)
        self.ledger: Ledger = DatabaseLedger(self.database)
        self.views: Views = DatabaseViews(self.database)
        self._others: list[DatabaseLedger] = []

    def another(self) -> Ledger:
        self._others.append(DatabaseLedger(PostgresDatabase(self.address, clock=self.clock)))
        return self._others[-1]

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)

    def close(self) -> None:
        for ledger in (self.ledger, *self._others):
            ledger.close()
