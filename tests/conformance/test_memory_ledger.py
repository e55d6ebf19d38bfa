"""The ledger in memory keeps what every ledger owes."""

from __future__ import annotations

import pytest

from leasehold.adapters.memory import MemoryLedger, MemoryViews
from leasehold.ports.ledger import Ledger
from leasehold.ports.views import Views
from leasehold.testing.arguments_suite import ArgumentsSuite
from leasehold.testing.clock import ManualClock
from leasehold.testing.filter_suite import FilterSuite
from leasehold.testing.ledger_bench import LedgerBench
from leasehold.testing.ledger_chores_suite import LedgerChoresSuite
from leasehold.testing.ledger_suite import LedgerSuite
from leasehold.testing.operations_suite import OperationsSuite
from leasehold.testing.pulse_suite import PulseSuite
from leasehold.testing.views_suite import ViewsSuite


class MemoryBench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        ledger = MemoryLedger(self.clock)
        self.book = ledger.book
        self.ledger: Ledger = ledger
        self.views: Views = MemoryViews(self.book, self.clock)

    def another(self) -> Ledger:
        return MemoryLedger(self.clock, self.book)

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)


class TestMemoryLedger(
    LedgerSuite, LedgerChoresSuite, OperationsSuite, ViewsSuite, PulseSuite, FilterSuite, ArgumentsSuite
):
    @pytest.fixture
    def bench(self) -> LedgerBench:
        return MemoryBench()
