"""What all suites that tell stories on a ledger begin with."""

from __future__ import annotations

import pytest

from leasehold.testing.ledger_bench import LedgerBench, Moves


class BenchSuite:
    """An adapter, and the moves of the stories on it."""

    @pytest.fixture
    def bench(self) -> LedgerBench:
        """The adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def moves(self, bench: LedgerBench) -> Moves:
        """The moves of the stories."""
        return Moves(bench)
