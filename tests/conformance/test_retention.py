"""What has ended long ago goes in the same way from every ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.memory import MemoryRetention
from leasehold.ports.retention import Retention
from leasehold.testing.retention_suite import RetentionBench, RetentionSuite
from tests.conformance.test_memory_ledger import MemoryBench
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench


class InMemory(MemoryBench):
    @property
    def retention(self) -> Retention:
        return MemoryRetention(self.book, self.clock)


class InFile(SqliteBench):
    @property
    def retention(self) -> Retention:
        return DatabaseRetention(self.database)


class OnServer(PostgresBench):
    @property
    def retention(self) -> Retention:
        return DatabaseRetention(self.database)


class TestMemoryRetention(RetentionSuite):
    @pytest.fixture
    def bench(self) -> RetentionBench:
        return InMemory()


class TestSqliteRetention(RetentionSuite):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[RetentionBench]:
        bench = InFile(tmp_path)
        yield bench
        bench.close()


class TestPostgresRetention(RetentionSuite):
    @pytest.fixture
    def bench(self, postgres_url: str) -> Iterator[RetentionBench]:
        bench = OnServer(postgres_url)
        yield bench
        bench.close()
