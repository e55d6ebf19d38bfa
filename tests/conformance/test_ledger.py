"""The ledger on SQLite keeps what every ledger owes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.views import DatabaseViews
from leasehold.ports.ledger import Ledger
from leasehold.ports.views import Views
from leasehold.testing.clock import ManualClock
from leasehold.testing.filter_suite import FilterSuite
from leasehold.testing.ledger_bench import LedgerBench
from leasehold.testing.ledger_chores_suite import LedgerChoresSuite
from leasehold.testing.ledger_suite import LedgerSuite
from leasehold.testing.views_suite import ViewsSuite


class SqliteBench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.url = f"sqlite:///{folder}/jobs.db"
        self.database = open_database(self.url, clock=self.clock)
        self.ledger: Ledger = DatabaseLedger(self.database)
        self.views: Views = DatabaseViews(self.database)
        self._others: list[DatabaseLedger] = []

    def another(self) -> DatabaseLedger:
        self._others.append(DatabaseLedger(open_database(self.url, clock=self.clock)))
        return self._others[-1]

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)

    def close(self) -> None:
        for ledger in (self.ledger, *self._others):
            ledger.close()


class TestSqliteLedger(LedgerSuite, LedgerChoresSuite, ViewsSuite, FilterSuite):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[LedgerBench]:
        bench = SqliteBench(tmp_path)
        yield bench
        bench.close()
