"""Tokens are kept in the same way in every ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.tokens import MemoryTokens
from leasehold.testing.clock import ManualClock
from leasehold.testing.tokens_suite import TokensBench, TokensSuite, test_a_token_is_good_until_its_end
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench

__all__ = ["test_a_token_is_good_until_its_end"]


class TestMemoryTokens(TokensSuite):
    @pytest.fixture
    def bench(self) -> TokensBench:
        clock = ManualClock()
        return TokensBench(MemoryTokens(clock), clock)


class TestSqliteTokens(TokensSuite):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[TokensBench]:
        ledger = SqliteBench(tmp_path)
        yield TokensBench(DatabaseTokens(ledger.database), ledger.clock)
        ledger.close()


class TestPostgresTokens(TokensSuite):
    @pytest.fixture
    def bench(self, postgres_url: str) -> Iterator[TokensBench]:
        ledger = PostgresBench(postgres_url)
        yield TokensBench(DatabaseTokens(ledger.database), ledger.clock)
        ledger.close()
