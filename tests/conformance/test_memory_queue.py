"""The memory queue, standard and FIFO, keeps what every queue owes."""

from __future__ import annotations

from itertools import count

import pytest

from leasehold.adapters.memory import MemoryQueue, MemoryTerms
from leasehold.ports.queue import Queue, QueueTraits
from leasehold.testing.clock import ManualClock
from leasehold.testing.local_queue_suite import LocalQueueSuite
from leasehold.testing.queue_bench import QueueBench


class MemoryBench:
    plenty = 1_000

    def __init__(self, traits: QueueTraits) -> None:
        self.clock = ManualClock()
        self._traits = traits
        self._names = (f"q{number}" for number in count(1))
        self._dead_letters: dict[str, MemoryQueue] = {}

    def queue(self, *, max_receives: int | None = None) -> MemoryQueue:
        name = next(self._names)
        dead_letters = None
        if max_receives is not None:
            dead_letters = self._dead_letters[name] = MemoryQueue(f"{name}-dead", self.clock)
        terms = MemoryTerms(traits=self._traits, max_receives=max_receives)
        return MemoryQueue(name, self.clock, terms, dead_letters=dead_letters)

    def dead_letters(self, queue: Queue) -> MemoryQueue:
        return self._dead_letters[queue.name]

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)


class TestMemoryQueue(LocalQueueSuite):
    @pytest.fixture
    def bench(self) -> QueueBench:
        return MemoryBench(QueueTraits())


class TestMemoryFifoQueue(LocalQueueSuite):
    @pytest.fixture
    def bench(self) -> QueueBench:
        return MemoryBench(QueueTraits(fifo=True))
