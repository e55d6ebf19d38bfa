"""Both kinds of slots keep what all slots owe."""

import os
from collections.abc import Callable, Iterator

import pytest

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.pool import SlotPool
from leasehold.ports.slots import Slots
from leasehold.testing.clock import ManualClock
from leasehold.testing.slot_handlers import SPEC, handlers
from leasehold.testing.slots import InlineSlots
from leasehold.testing.slots_suite import SlotsSuite


@pytest.fixture(scope="module")
def pool() -> Iterator[Slots]:
    made = SlotPool(SPEC, 2, env=os.environ, grace=200)
    yield made
    made.close()


class TestProcesses(SlotsSuite):
    @pytest.fixture
    def boot(self) -> Callable[[], int]:
        return boot

    @pytest.fixture
    def slots(self, pool: Slots) -> Slots:
        return pool


class TestInline(SlotsSuite):
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def boot(self, clock: ManualClock) -> Callable[[], int]:
        return clock.boot

    @pytest.fixture
    def slots(self, clock: ManualClock) -> Slots:
        return InlineSlots(handlers, clock, size=2)
