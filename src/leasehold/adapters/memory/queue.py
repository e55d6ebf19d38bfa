"""A queue in memory with SQS's semantics, and on request with its misbehaviour."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from threading import Condition
from typing import NamedTuple, TypeVar

from leasehold.adapters.bodies import refusal
from leasehold.adapters.memory.faults import Faults
from leasehold.adapters.patience import Patience
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Delivery, Depth, Message, NotSent, QueueTraits, Received, Sent

T = TypeVar("T")
DEDUPLICATION = 5 * 60_000
LONGEST_HIDING = 12 * 3_600_000
"""From the receive, however often it is changed."""
FOURTEEN_DAYS = 14 * 86_400_000
OVERTAKERS = 64
"""So many messages may overtake the first when a receive is reordered."""
RECEIPT = re.compile(r"(.*)/([0-9]+)/([0-9]+)", re.DOTALL)
"""Queue, copy, receive."""
GLANCE = 0.05
"""Seconds after which a long poll looks at the clock again: a manual clock does not say when it is turned."""


class MemoryTerms(NamedTuple):
    """What a queue is set up with, as SQS's attributes."""

    traits: QueueTraits = QueueTraits()
    max_receives: int | None = None
    """A message received so often is moved to the dead-letter queue instead of being delivered once more."""
    retention: int = FOURTEEN_DAYS
    """ms after its first send at which a message is forgotten."""
    in_flight_limit: int = 120_000
    """With so many messages hidden, receives come back empty."""
    tick: int = 1
    """Resolution of the ``server_time`` in replies, rounded down; a reply's ``Date`` has 1,000."""


STANDARD = MemoryTerms()


@dataclass(slots=True)
class Copy:
    """One stored copy of a message; duplicates are further copies with the same message id."""

    key: int
    message_id: str
    body: str
    sent_at: int
    visible_at: int
    receives: int = 0
    ticket: int = 0
    """Its valid place in the line; older places in the heap mean nothing."""
    nonce: int = 0
    """Names the newest receive; 0 before the first."""
    received_at: int = 0


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
        self.faults = faults or Faults()
        self._clock = clock
        self._terms = terms
        self._dead_letters = dead_letters
        self._copies: dict[int, Copy] = {}
        self._line: list[tuple[int, int, int]] = []
        """A heap of (visible_at, ticket, key)."""
        self._numbers = count(1)
        self._deduplicated: dict[str, tuple[int, str]] = {}
        self._changed = Condition()
        self._closed = False

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
        """How many are visible and how many in flight; each is looked at, so this is no call for a hot loop."""
        with self._changed:
            in_flight = self._in_flight(self._clock.now())
            return Depth(visible=len(self._copies) - in_flight, in_flight=in_flight)

    def close(self) -> None:
        """Let long polls end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # -- for tests and simulators --------------------------------------------------------------------------------------

    def peek(self) -> list[Peek]:
        """Every copy, in the order in which they were stored."""
        with self._changed:
            return [Peek(c.message_id, c.body, c.receives, c.visible_at) for c in self._copies.values()]

    def next_visible(self) -> int | None:
        """When the next copy can be received (ms since the epoch; it may be past), or ``None`` on an empty queue."""
        with self._changed:
            return min((copy.visible_at for copy in self._copies.values()), default=None)

    def purge(self) -> None:
        """Forget every message, as an operator's purge does."""
        with self._changed:
            self._copies.clear()
            self._line.clear()

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
        now = self._clock.now()
        if (earlier := self._duplicate_of(message, now)) is not None:
            return Sent(earlier)
        key = next(self._numbers)
        message_id = f"{self.name}-{key}"
        if message.dedup is not None:
            self._deduplicated[message.dedup] = (now, message_id)
        if not self.faults.strikes("vanish"):
            later = self.faults.random.randint(1, self.faults.horizon) if self.faults.strikes("delay") else 0
            self._store(Copy(key, message_id, message.body, sent_at=now, visible_at=now + later))
        return Sent(message_id)

    def _duplicate_of(self, message: Message, now: int) -> str | None:
        """The id under which a FIFO queue has this message already."""
        if not self.traits.fifo or message.dedup is None:
            return None
        sent_at, message_id = self._deduplicated.get(message.dedup, (now - DEDUPLICATION, ""))
        return message_id if now - sent_at < DEDUPLICATION else None

    def _store(self, copy: Copy) -> None:
        self._copies[copy.key] = copy
        self._queue_up(copy, copy.visible_at)

    def _queue_up(self, copy: Copy, visible_at: int) -> None:
        """Give the copy a new place in the line; its earlier places become void."""
        copy.visible_at = visible_at
        copy.ticket = next(self._numbers)
        heapq.heappush(self._line, (visible_at, copy.ticket, copy.key))

    # -- receive -------------------------------------------------------------------------------------------------------

    def _take(self, limit: int, visibility: int) -> list[Delivery]:
        now = self._clock.now()
        limit = min(limit, self.traits.batch, self._terms.in_flight_limit - self._in_flight_if_many(now))
        reordered = self.faults.strikes("reorder")
        found = list(self._visible(limit + OVERTAKERS if reordered else limit, now))
        if reordered:
            self.faults.random.shuffle(found)
        if found and self.faults.strikes("short"):
            limit = self.faults.random.randrange(min(limit, len(found)))
        for copy in found[limit:]:
            heapq.heappush(self._line, (copy.visible_at, copy.ticket, copy.key))
        return [self._deliver(copy, now, visibility) for copy in found[:limit]]

    def _visible(self, limit: int, now: int) -> Iterator[Copy]:
        """Take up to ``limit`` copies out of the line that may be delivered now."""
        while limit > 0 and self._line and self._line[0][0] <= now:
            _, ticket, key = heapq.heappop(self._line)
            copy = self._copies.get(key)
            if copy is not None and copy.ticket == ticket and not self._removed(copy, now):
                limit -= 1
                yield copy

    def _removed(self, copy: Copy, now: int) -> bool:
        """Whether the copy is not for delivery any more: forgotten, or given to the dead-letter queue."""
        forgotten = now - copy.sent_at >= self._terms.retention
        dead = self._terms.max_receives is not None and copy.receives >= self._terms.max_receives
        if forgotten or dead:
            del self._copies[copy.key]
        if dead and not forgotten and self._dead_letters is not None:
            self._dead_letters.adopt(copy)
        return forgotten or dead

    def adopt(self, copy: Copy) -> None:
        """Take over another queue's message: id, receive count and first send stay (as on standard SQS queues)."""
        with self._changed:
            key = next(self._numbers)
            self._store(Copy(key, copy.message_id, copy.body, copy.sent_at, self._clock.now(), copy.receives))
            self._changed.notify_all()

    def _deliver(self, copy: Copy, now: int, visibility: int) -> Delivery:
        before = copy.receives
        copy.receives += 1
        copy.received_at = now
        copy.nonce = next(self._numbers)
        self._queue_up(copy, now + visibility)
        if self.faults.strikes("duplicate"):
            receives = self.faults.random.choice((before, copy.receives))
            visible_at = now + self.faults.later()
            self._store(Copy(next(self._numbers), copy.message_id, copy.body, copy.sent_at, visible_at, receives))
        return Delivery(copy.message_id, copy.body, f"{self.name}/{copy.key}/{copy.nonce}", copy.receives, copy.sent_at)

    def _in_flight_if_many(self, now: int) -> int:
        """Counting is dear, so it is done only where the limit could be met."""
        return self._in_flight(now) if len(self._copies) >= self._terms.in_flight_limit else 0

    def _in_flight(self, now: int) -> int:
        return sum(copy.visible_at > now for copy in self._copies.values())

    # -- delete and change ---------------------------------------------------------------------------------------------

    def _delete_entry(self, receipt: str) -> bool:
        key, nonce = self._parse(receipt)
        copy = self._copies.get(key)
        if copy is None or (copy.nonce != nonce and not self.faults.strikes("stale_delete")):
            return nonce > 0
        if not self.faults.strikes("undeleted"):
            del self._copies[key]
        return True

    def _change_entry(self, change: tuple[str, int]) -> bool:
        receipt, ms = change
        key, nonce = self._parse(receipt)
        copy = self._copies.get(key)
        now = self._clock.now()
        if copy is None or copy.nonce != nonce or copy.visible_at <= now:
            return False
        if not 0 <= ms <= self.traits.max_visibility or now + ms - copy.received_at > LONGEST_HIDING:
            return False
        self._queue_up(copy, now + ms)
        return True

    def _parse(self, receipt: str) -> tuple[int, int]:
        """The copy's key and the receive's number; (0, 0) is no receipt of this queue."""
        match = RECEIPT.fullmatch(receipt)
        return (int(match[2]), int(match[3])) if match and match[1] == self.name else (0, 0)

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
