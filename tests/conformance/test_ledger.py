"""The ledger keeps what every ledger owes, on SQLite and on two versions of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.testing.arguments_suite import ArgumentsSuite
from leasehold.testing.filter_suite import FilterSuite
from leasehold.testing.ledger_bench import LedgerBench
from leasehold.testing.ledger_chores_suite import LedgerChoresSuite
from leasehold.testing.ledger_suite import LedgerSuite
from leasehold.testing.operations_suite import OperationsSuite
from leasehold.testing.pulse_suite import PulseSuite
from leasehold.testing.views_suite import ViewsSuite
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench


class TestSqliteLedger(
    LedgerSuite, LedgerChoresSuite, OperationsSuite, ViewsSuite, PulseSuite, FilterSuite, ArgumentsSuite
):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[LedgerBench]:
        bench = SqliteBench(tmp_path)
        yield bench
        bench.close()


class TestPostgresLedger(
    LedgerSuite, LedgerChoresSuite, OperationsSuite, ViewsSuite, PulseSuite, FilterSuite, ArgumentsSuite
):
    @pytest.fixture
    def bench(self, postgres_url: str) -> Iterator[LedgerBench]:
        bench = PostgresBench(postgres_url)
        yield bench
        bench.close()
