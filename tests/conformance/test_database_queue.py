"""The queue in the ledger's database keeps what every queue owes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from leasehold.adapters.bell import LocalBell
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue, QueueTerms
from leasehold.ports.queue import Queue
from leasehold.testing.clock import ManualClock
from leasehold.testing.local_queue_suite import LocalQueueSuite
from leasehold.testing.queue_bench import QueueBench


class DatabaseBench:
    plenty = 1_000

    def __init__(self, url: str) -> None:
        self.clock = ManualClock()
        self.database = open_database(url, clock=self.clock)
        self.bell = LocalBell()
        self._names = (f"q{number}" for number in count(1))

    def queue(self, *, max_receives: int | None = None) -> DatabaseQueue:
        name = next(self._names)
        return self.named(name, QueueTerms(max_receives=max_receives, dead_letters=f"{name}-dead"))

    def dead_letters(self, queue: Queue) -> DatabaseQueue:
        return self.named(f"{queue.name}-dead", QueueTerms())

    def named(self, name: str, terms: QueueTerms) -> DatabaseQueue:
        return DatabaseQueue(name, self.database, clock=self.clock, bell=self.bell, topic=f"tasks:{name}", terms=terms)

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)


class TestQueueOnSqlite(LocalQueueSuite):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[QueueBench]:
        bench = DatabaseBench(f"sqlite:///{tmp_path}/jobs.db")
        yield bench
        bench.database.close()


class TestQueueOnPostgres(LocalQueueSuite):
    @pytest.fixture
    def bench(self, postgres_url: str) -> Iterator[QueueBench]:
        bench = DatabaseBench(postgres_url)
        yield bench
        bench.database.close()
