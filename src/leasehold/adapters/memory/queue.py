"""A queue in memory with SQS's semantics, and on request with its misbehaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Condition
from typing import NamedTuple, TypeVar

from leasehold.adapters.bodies import refusal
from leasehold.adapters.memory.faults import Faults
from leasehold.adapters.memory.shelf import STANDARD, Answer, Copy, MemoryTerms, Shelf
from leasehold.adapters.patience import Patience
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Delivery, Depth, Message, NotSent, Received, Sent

T = TypeVar("T")
GLANCE = 0.05
"""Seconds after which a long poll looks at the clock again: a manual clock does not say when it is turned."""


class Peek(NamedTuple):
    """What a test may see of a copy without receiving it."""

    message_id: str
    body: str
    receive_count: int
    visible_at: int


class MemoryQueue:
    """The Queue port in memory. Thread-safe; with ``wait=0`` no call ever blocks, so a simulator needs no threads.

    Ids, receipts and faults depend on the calls made and the seed of ``faults`` alone.
    A receipt whose visibility is over still deletes, as on SQS, unless the message was received again: then the delete
    is confirmed and does nothing.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        terms: MemoryTerms = STANDARD,
        *,
        dead_letters: MemoryQueue | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.name = name
        self.traits = terms.traits
        self._clock = clock
        self._terms = terms
        bury = None if dead_letters is None else dead_letters.adopt
        self._shelf = Shelf(name, clock, terms, faults=faults, bury=bury)
        self._changed = Condition()
        self._closed = False

    @property
    def faults(self) -> Faults:
        """The dice; others may be put in their place at any time."""
        return self._shelf.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._shelf.faults = faults

    # -- the port ------------------------------------------------------------------------------------------------------

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send each body; one answer per body, in order."""
        answers: list[Sent | NotSent] = []
        with self._changed:
            self._fail_at_will()
            for call in self._calls(messages):
                answers += self._send_call(call)
            self._changed.notify_all()
        return answers

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        """Up to ``limit`` messages, waiting up to ``wait`` ms for the first one; each hidden for ``visibility`` ms."""
        if not 0 <= visibility <= self.traits.max_visibility:
            raise ValueError(f"a queue hides messages for 0 to {self.traits.max_visibility} ms, not {visibility}")
        patience = Patience(self._clock, wait)
        with self._changed:
            self._fail_at_will()
            deliveries = self._take(limit, visibility)
            while not deliveries and not self._closed and patience.left:
                self._changed.wait(GLANCE)
                deliveries = self._take(limit, visibility)
            if self.faults.strikes("lose_reply_receive"):
                raise QueueUnavailable(f"queue '{self.name}': the reply to a receive was lost. Receive again.")
            now = self._clock.now()
        return Received(deliveries, now - now % self._terms.tick)

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        """Delete by receipt; whether each delete was confirmed."""
        return self._entries(receipts, self._delete_entry, "lose_reply_delete")

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """(receipt, ms from now): hide longer, or give back at once with 0. Whether each change was confirmed."""
        return self._entries(changes, self._change_entry, "lose_reply_change")

    def depth(self) -> Depth:
        """How many are visible and how many in flight, those included that are not visible yet."""
        with self._changed:
            counts = self._shelf.counts()
            return Depth(visible=counts.visible, in_flight=counts.in_flight + counts.delayed)

    def close(self) -> None:
        """Let long polls end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # -- for tests and simulators --------------------------------------------------------------------------------------

    def peek(self) -> list[Peek]:
        """Every copy, in the order in which they were stored."""
        with self._changed:
            return [Peek(c.message_id, c.body, c.receives, c.visible_at) for c in self._shelf.copies.values()]

    def next_visible(self) -> int | None:
        """When the next copy can be received (ms since the epoch; it may be past), or ``None`` on an empty queue."""
        with self._changed:
            return min((copy.visible_at for copy in self._shelf.copies.values()), default=None)

    def holds(self, receipt: str) -> Answer:
        """What a delete with this receipt would come to now."""
        with self._changed:
            return self._shelf.find(receipt)[0]

    def purge(self) -> None:
        """Forget every message, as an operator's purge does."""
        with self._changed:
            self._shelf.clear()

    def adopt(self, copy: Copy) -> None:
        """Take over another queue's message."""
        with self._changed:
            self._shelf.adopt(copy)
            self._changed.notify_all()

    # -- send ----------------------------------------------------------------------------------------------------------

    def _send_call(self, call: Sequence[Message]) -> list[Sent | NotSent]:
        if self.faults.strikes("lose_send"):
            return [NotSent("the request was lost", unknown=True)] * len(call)
        answers = [self._send_entry(message) for message in call]
        if self.faults.strikes("lose_reply_send"):
            return [NotSent("the reply was lost", unknown=True)] * len(call)
        return answers

    def _send_entry(self, message: Message) -> Sent | NotSent:
        if (reason := refusal(message.body, self.traits.body_limit)) is not None:
            return NotSent(reason, refused=True)
        if self.faults.strikes("fail_entry"):
            return NotSent("the queue had an internal error")
        return Sent(self._shelf.put(message)[0])

    # -- receive -------------------------------------------------------------------------------------------------------

    def _take(self, limit: int, visibility: int) -> list[Delivery]:
        receipt = self._shelf.receipt
        return [
            Delivery(copy.message_id, copy.body, receipt(copy), copy.receives, copy.sent_at)
            for copy in self._shelf.take(limit, visibility)
        ]

    # -- delete and change ---------------------------------------------------------------------------------------------

    def _delete_entry(self, receipt: str) -> bool:
        return self._shelf.delete(receipt) is not Answer.FOREIGN

    def _change_entry(self, change: tuple[str, int]) -> bool:
        return self._shelf.change(*change) is Answer.DONE

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _entries(self, entries: Sequence[T], act: Callable[[T], bool], lost: str) -> list[bool]:
        """Do each entry, call by call; a lost reply leaves all of its call unconfirmed."""
        answers: list[bool] = []
        with self._changed:
            self._fail_at_will()
            for call in self._calls(entries):
                done = [not self.faults.strikes("fail_entry") and act(entry) for entry in call]
                answers += [False] * len(call) if self.faults.strikes(lost) else done
            self._changed.notify_all()
        return answers

    def _calls(self, entries: Sequence[T]) -> Iterator[Sequence[T]]:
        """What one call of the transport takes each time."""
        for start in range(0, len(entries), self.traits.batch):
            yield entries[start : start + self.traits.batch]

    def _fail_at_will(self) -> None:
        if self.faults.strikes("unavailable"):
            raise QueueUnavailable(f"queue '{self.name}' cannot be reached. Try again later.")
