"""What lies on one queue, and SQS's rules for it. No locks and no waiting: one thread at a time."""

from __future__ import annotations

import heapq
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count, islice
from typing import NamedTuple

from leasehold.adapters.memory.faults import Faults
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Message, QueueTraits

DEDUPLICATION = 5 * 60_000
LONGEST_HIDING = 12 * 3_600_000
"""From the receive, however often it is changed."""
FOURTEEN_DAYS = 14 * 86_400_000
OVERTAKERS = 64
"""So many messages may overtake the first when a receive is reordered."""
RECEIPT = re.compile(r"(.*)/([0-9]+)/([0-9]+)", re.DOTALL)
"""Queue, copy, receive."""
SLACK = 1_024
"""So many void places the line may hold besides as many as there are copies."""


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


class Answer(Enum):
    """What came of a delete or a change, by its receipt."""

    DONE = "done"
    LATE = "its visibility is over"
    STALE = "the message was received again since"
    GONE = "there is no such message any more"
    TOO_LONG = "hidden longer than a queue hides"
    FOREIGN = "no receipt of this queue"


@dataclass(slots=True, eq=False)
class Copy:
    """One stored copy of a message; duplicates are further copies with the same message id."""

    key: int
    message_id: str
    body: str
    sent_at: int
    visible_at: int
    receives: int = 0
    ticket: int = 0
    """Its valid place in the line; older places mean nothing."""
    nonce: int = 0
    """Names the newest receive; 0 before the first."""
    received_at: int = 0
    first_received_at: int = 0
    group: str | None = None
    lane: Lane | None = None
    note: object = None
    """What the sender's side keeps with the message."""


@dataclass(slots=True, eq=False)
class Lane:
    """The messages of one group on a FIFO queue: in order, and none while one of them is in flight."""

    group: str
    order: OrderedDict[int, Copy] = field(default_factory=OrderedDict[int, Copy])
    flying: dict[int, Copy] = field(default_factory=dict[int, Copy])
    ticket: int = 0


class Counts(NamedTuple):
    """How many copies can be received now, are in flight, or have not been visible yet."""

    visible: int
    in_flight: int
    delayed: int


class Shelf:
    """The copies of one queue. ``label`` stands in its receipts and names it among all shelves of its maker."""

    def __init__(
        self,
        label: str,
        clock: Clock,
        terms: MemoryTerms = STANDARD,
        *,
        faults: Faults | None = None,
        bury: Callable[[Copy], object] | None = None,
        message_id: Callable[[int], str] | None = None,
    ) -> None:
        self.label = label
        self.terms = terms
        self.faults = Faults() if faults is None else faults
        self.bury = bury
        """Takes what was received too often."""
        self.copies: dict[int, Copy] = {}
        self._clock = clock
        self._message_id = message_id or self._plain_id
        self._line: list[tuple[int, int, Copy | Lane]] = []
        """A heap of (due, ticket, whose turn it is)."""
        self._lanes: dict[str, Lane] = {}
        self._hidden: dict[int, Copy] = {}
        """Every copy that is not visible, and some that are again."""
        self._numbers = count(1)
        self._deduplicated: dict[str, tuple[int, str, int]] = {}

    # -- send ----------------------------------------------------------------------------------------------------------

    def put(self, message: Message, delay: int = 0, note: object = None) -> tuple[str, int]:
        """Store a message, visible in ``delay`` ms; its id and its number on this shelf."""
        now = self._clock.now()
        if (earlier := self._duplicate_of(message, now)) is not None:
            return earlier
        key = next(self._numbers)
        message_id = self._message_id(key)
        if message.dedup is not None:
            self._deduplicated[message.dedup] = (now, message_id, key)
        if not self.faults.strikes("vanish"):
            later = self.faults.random.randint(1, self.faults.horizon) if self.faults.strikes("delay") else 0
            group = message.group if self.terms.traits.fifo else None
            at = now + delay + later
            self._store(Copy(key, message_id, message.body, sent_at=now, visible_at=at, group=group, note=note), now)
        return message_id, key

    def adopt(self, copy: Copy) -> None:
        """Take over another shelf's message: id, receive count and first send stay (as on standard SQS queues)."""
        now = self._clock.now()
        self._store(self._twin(copy, now, copy.receives), now)

    def _plain_id(self, key: int) -> str:
        return f"{self.label}-{key}"

    def _twin(self, copy: Copy, visible_at: int, receives: int) -> Copy:
        twin = Copy(next(self._numbers), copy.message_id, copy.body, copy.sent_at, visible_at, receives)
        twin.group = copy.group if self.terms.traits.fifo else None
        twin.note, twin.first_received_at = copy.note, copy.first_received_at
        return twin

    def _duplicate_of(self, message: Message, now: int) -> tuple[str, int] | None:
        """The id and number under which a FIFO queue has this message already."""
        if not self.terms.traits.fifo or message.dedup is None:
            return None
        while self._deduplicated and now - next(iter(self._deduplicated.values()))[0] >= DEDUPLICATION:
            del self._deduplicated[next(iter(self._deduplicated))]
        earlier = self._deduplicated.get(message.dedup)
        return None if earlier is None else earlier[1:]

    def _store(self, copy: Copy, now: int) -> None:
        self.copies[copy.key] = copy
        if copy.visible_at > now:
            self._hidden[copy.key] = copy
        if copy.group is None:
            self._queue_up(copy, copy.visible_at)
            return
        copy.lane = self._lanes.setdefault(copy.group, Lane(copy.group))
        copy.lane.order[copy.key] = copy
        if len(copy.lane.order) == 1:
            self._queue_up(copy.lane, copy.visible_at)

    def _queue_up(self, member: Copy | Lane, due: int) -> None:
        """Give it a new place in the line; its earlier places become void."""
        member.ticket = next(self._numbers)
        if len(self._line) > 2 * len(self.copies) + SLACK:
            self._line = [place for place in self._line if place[1] == place[2].ticket]
            heapq.heapify(self._line)
        heapq.heappush(self._line, (due, member.ticket, member))

    # -- receive -------------------------------------------------------------------------------------------------------

    def take(self, limit: int, visibility: int) -> list[Copy]:
        """Receive up to ``limit`` copies and hide each for ``visibility`` ms."""
        now = self._clock.now()
        limit = max(0, min(limit, self.terms.traits.batch, self._room(now)))
        reordered = self.faults.strikes("reorder")
        found = list(self._due(limit + OVERTAKERS if reordered else limit, now))
        lanes = {copy.group: copy.lane for copy in found if copy.lane is not None}
        if reordered:
            self.faults.random.shuffle(found)
        if found and limit and self.faults.strikes("short"):
            limit = self.faults.random.randrange(min(limit, len(found)))
        for copy in found[limit:]:
            if copy.lane is None:
                heapq.heappush(self._line, (copy.visible_at, copy.ticket, copy))
        for copy in found[:limit]:
            self._hide(copy, now, visibility)
        for lane in lanes.values():
            self._queue_lane(lane, now)
        return found[:limit]

    def receipt(self, copy: Copy) -> str:
        """The handle of the newest receive."""
        return f"{self.label}/{copy.key}/{copy.nonce}"

    def next_due(self) -> int | None:
        """When to look again, at the latest, for something to receive; ``None`` while there is nothing."""
        while self._line and self._line[0][1] != self._line[0][2].ticket:
            heapq.heappop(self._line)
        return self._line[0][0] if self._line else None

    def is_full(self) -> bool:
        """Whether as many messages are in flight as there may be."""
        return self._room(self._clock.now()) <= 0

    def _due(self, limit: int, now: int) -> Iterator[Copy]:
        """Take up to ``limit`` copies out of the line that may be delivered now."""
        while limit > 0 and self._line and self._line[0][0] <= now:
            _, ticket, member = heapq.heappop(self._line)
            if member.ticket != ticket:
                continue
            ready = [copy for copy in self._ready(member, limit, now) if not self._removed(copy, now)]
            if isinstance(member, Lane) and not ready:
                self._queue_lane(member, now)
            limit -= len(ready)
            yield from ready

    def _ready(self, member: Copy | Lane, limit: int, now: int) -> list[Copy]:
        if isinstance(member, Copy):
            return [member]
        ready: list[Copy] = []
        for copy in islice(member.order.values(), limit):
            if copy.visible_at > now:
                break
            ready.append(copy)
        return ready

    def _removed(self, copy: Copy, now: int) -> bool:
        """Whether the copy is not for delivery any more: forgotten, or given to the dead-letter queue."""
        forgotten = now - copy.sent_at >= self.terms.retention
        dead = self.terms.max_receives is not None and copy.receives >= self.terms.max_receives
        if forgotten or dead:
            self._remove(copy)
        if dead and not forgotten and self.bury is not None:
            self.bury(copy)
        return forgotten or dead

    def _hide(self, copy: Copy, now: int, visibility: int) -> None:
        before = copy.receives
        copy.receives += 1
        copy.received_at = now
        copy.first_received_at = copy.first_received_at or now
        copy.nonce = next(self._numbers)
        self._hide_until(copy, now + visibility)
        if self.faults.strikes("duplicate"):
            receives = self.faults.random.choice((before, copy.receives))
            twin = self._twin(copy, now + self.faults.later(), receives)
            twin.group = None  # it comes on its own, whatever becomes of its group
            self._store(twin, now)

    def _hide_until(self, copy: Copy, visible_at: int) -> None:
        copy.visible_at = visible_at
        self._hidden[copy.key] = copy
        if copy.lane is None:
            self._queue_up(copy, visible_at)
        else:
            copy.lane.flying[copy.key] = copy

    def _queue_lane(self, lane: Lane, now: int) -> None:
        """The group's next turn: when nothing of it is in flight and its first message is visible."""
        lane.flying = {key: copy for key, copy in lane.flying.items() if copy.visible_at > now}
        if lane.order:
            first = next(iter(lane.order.values()))
            self._queue_up(lane, max([first.visible_at, *(copy.visible_at for copy in lane.flying.values())]))
        else:
            lane.ticket = 0
            self._lanes.pop(lane.group, None)

    # -- delete and change ---------------------------------------------------------------------------------------------

    def find(self, receipt: str) -> tuple[Answer, Copy | None]:
        """What a delete with this receipt would come to, and on which copy."""
        key, nonce = self._parse(receipt)
        if not nonce:
            return Answer.FOREIGN, None
        if (copy := self.copies.get(key)) is None:
            return Answer.GONE, None
        if copy.nonce != nonce:
            return Answer.STALE, copy
        return Answer.LATE if copy.visible_at <= self._clock.now() else Answer.DONE, copy

    def delete(self, receipt: str) -> Answer:
        """Delete by the newest receipt, in time or ``LATE``; any other answer than these two means: nothing deleted."""
        answer, copy = self.find(receipt)
        if copy is None or (answer is Answer.STALE and not self.faults.strikes("stale_delete")):
            return answer
        if not self.faults.strikes("undeleted"):
            self._remove(copy)
            if copy.lane is not None:
                self._queue_lane(copy.lane, self._clock.now())
        return answer

    def change(self, receipt: str, ms: int) -> Answer:
        """Hide for ``ms`` from now instead; any other answer than ``DONE`` means: nothing changed."""
        answer, copy = self.find(receipt)
        if copy is None or answer is not Answer.DONE:
            return answer
        now = self._clock.now()
        if not 0 <= ms <= self.terms.traits.max_visibility or now + ms - copy.received_at > LONGEST_HIDING:
            return Answer.TOO_LONG
        self._hide_until(copy, now + ms)
        if copy.lane is not None:
            self._queue_lane(copy.lane, now)
        return Answer.DONE

    def clear(self) -> None:
        """Forget every message."""
        for kept in (self.copies, self._line, self._lanes, self._hidden):
            kept.clear()

    def _remove(self, copy: Copy) -> None:
        del self.copies[copy.key]
        self._hidden.pop(copy.key, None)
        copy.ticket = 0
        if copy.lane is not None:
            copy.lane.order.pop(copy.key, None)
            copy.lane.flying.pop(copy.key, None)

    def _parse(self, receipt: str) -> tuple[int, int]:
        """The copy's key and the receive's number; (0, 0) is no receipt of this shelf."""
        match = RECEIPT.fullmatch(receipt)
        return (int(match[2]), int(match[3])) if match and match[1] == self.label else (0, 0)

    # -- counts --------------------------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Exact, at the price of a look at each hidden copy."""
        hidden = self._look_at_hidden(self._clock.now())
        delayed = sum(not copy.receives for copy in hidden)
        return Counts(len(self.copies) - len(hidden), len(hidden) - delayed, delayed)

    def _room(self, now: int) -> int:
        """How many more may be in flight; counting is dear, so it is done only where the limit could be met."""
        limit = self.terms.in_flight_limit
        return limit - len(self._hidden if len(self._hidden) < limit else self._look_at_hidden(now))

    def _look_at_hidden(self, now: int) -> Collection[Copy]:
        self._hidden = {key: copy for key, copy in self._hidden.items() if copy.visible_at > now}
        return self._hidden.values()
