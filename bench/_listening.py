"""A queue that counts its requests, and a reporter that lets us hear what it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from leasehold.adapters.memory import MemoryQueue
from leasehold.adapters.memory.queue import MemoryTerms
from leasehold.flow.held import Entry
from leasehold.flow.reporter import Reporter
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Message, NotSent, QueueTraits, Received, Sent
from leasehold.ports.reports import Outbox
from leasehold.testing.sqs_server.requests import STEP


class CountedQueue(MemoryQueue):
    """Counts requests as SQS bills them: ten entries each; what has more than 64 KB counts more than once."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock, MemoryTerms(QueueTraits(billed=True)))
        self.asked: Counter[str] = Counter()

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        for start in range(0, len(messages), 10):
            size = sum(len(each.body) for each in messages[start : start + 10])
            self.asked["send"] += max(1, -(-size // STEP))
        return super().send(messages)

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        received = super().receive(limit, wait=wait, visibility=visibility)
        size = sum(len(each.body) for each in received.deliveries)
        requests = -(-len(received.deliveries) // 10)  # the adapter asks for ten at a time
        self.asked["receive" if requests else "empty receive"] += max(1, requests, -(-size // STEP))
        return received

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        self.asked["delete"] += -(-len(receipts) // 10)
        return super().delete(receipts)

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        self.asked["change"] += -(-len(changes) // 10)
        return super().change_visibility(changes)


class Listening(Reporter):
    """Passes on what it is told, then does its work."""

    def __init__(self, outbox: Outbox, clock: Clock, *, linger: int, heard: Callable[[Entry], None]) -> None:
        super().__init__(outbox, clock, linger=linger)
        self._heard = heard

    def add(self, *entries: Entry) -> None:
        for entry in entries:
            self._heard(entry)
        super().add(*entries)
