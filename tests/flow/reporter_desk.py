"""A reporter with two queues and a script for its outbox."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from leasehold.core.errors import QueueUnavailable
from leasehold.core.reports import Update, UpdateKind
from leasehold.flow.held import Entry, Fate
from leasehold.flow.ids import IdMaker
from leasehold.flow.reporter import Reporter
from leasehold.ports.queue import Delivery
from leasehold.testing.clock import ManualClock
from tests.flow.scripted import MINUTE, JournalQueue, ScriptedOutbox, a_message, task_id

LINGER = 600_000
BACKLOGGED = 2 * LINGER
STARTED, PROGRESSED, COMPLETED, FAILED, RELEASED, DRAINING, EXPIRED = (
    UpdateKind.STARTED,
    UpdateKind.PROGRESSED,
    UpdateKind.COMPLETED,
    UpdateKind.FAILED,
    UpdateKind.RELEASED,
    UpdateKind.DRAINING,
    UpdateKind.EXPIRED,
)


class Desk:
    """A reporter with two queues, and messages that it holds."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.journal: list[str] = []
        self.outbox = ScriptedOutbox(self.journal)
        self.queue = JournalQueue("tasks:a", self.clock, self.journal)
        self.other = JournalQueue("tasks:b", self.clock)
        self.reporter = Reporter(self.outbox, self.clock, linger=LINGER, backlogged=BACKLOGGED)
        self.ids = IdMaker(self.clock, Random(0))
        self.numbers = count(1)

    def receive(self, queue: JournalQueue | None = None) -> Delivery:
        queue = queue or self.queue
        queue.put(a_message(next(self.numbers)))
        (delivery,) = queue.receive(1, wait=0, visibility=MINUTE).deliveries
        return delivery

    def update(self, kind: UpdateKind, number: int = 1, **fields: object) -> Update:
        update = Update(self.ids(), kind, task_id(number), "0" * 32, 1, 1, f"run{number}", "w1", MINUTE, 0)
        return update._replace(**fields)

    def add(
        self, kind: UpdateKind, fate: Fate, number: int = 1, queue: JournalQueue | None = None, done: str = ""
    ) -> Delivery:
        """Something happened to a message received just now."""
        delivery = self.receive(queue)
        ends = self.clock.boot() + MINUTE
        note = (lambda: self.journal.append(done)) if done else None
        self.reporter.add(Entry(self.update(kind, number), fate, queue or self.queue, delivery.receipt, ends, note))
        return delivery

    def say(self, *kinds: UpdateKind, number: int = 1) -> None:
        """Something that leaves the message alone."""
        self.reporter.add(*(Entry(self.update(kind, number), Fate.STAY) for kind in kinds))

    def step_fails(self) -> None:
        with pytest.raises(QueueUnavailable):
            self.reporter.step()
