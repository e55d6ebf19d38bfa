"""Where a worker's reports go in ``two-queue``: packed onto the status queue."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from leasehold.core.errors import Unavailable
from leasehold.core.metering import Count
from leasehold.core.reports import Malformed, Update
from leasehold.core.wire import Packed, encode_counts, encode_malformed, encode_update, pack
from leasehold.flow.metering import RIDING, Meter
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Message, Queue, Sent
from leasehold.ports.reports import Busy, Grant, StaleRun, Start


class StatusQueueOutbox:
    """Packs as many reports as fit into each message, and sends them; the queue's word is the acknowledgement."""

    def __init__(self, queue: Queue, clock: Clock, *, ceiling: int, meter: Meter | None = None) -> None:
        """``meter``: what this worker counts, to be told where that costs nothing."""
        self._queue = queue
        self._clock = clock
        self._ceiling = ceiling
        self._meter = meter

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each update (then each malformed message) is on the queue."""
        now = self._clock.boot()
        encoded = [*(encode_update(update, now) for update in updates), *map(encode_malformed, malformed)]
        packed = pack(encoded, self._ceiling)
        riding = self._riders()
        if riding:
            packed = self._mounted(packed, encoded, riding)
        answers = self._queue.send([Message(each.body) for each in packed])
        accepted: list[bool] = []
        for each, answer in zip(packed, answers, strict=True):
            accepted.extend([isinstance(answer, Sent)] * each.size)
        return accepted[: len(encoded)]

    def close(self) -> None:
        """Tell what was counted since it was last told, in a message of its own: the only one, when a worker ends."""
        counts = [] if self._meter is None else self._meter.take(RIDING)
        if counts:
            with suppress(Unavailable):
                self._queue.send([Message(each.body) for each in pack([encode_counts(counts)], self._ceiling)])

    def _riders(self) -> list[Count]:
        return self._meter.take(RIDING) if self._meter is not None and self._meter.due else []

    def _mounted(self, packed: list[Packed], encoded: Sequence[str], riding: Sequence[Count]) -> list[Packed]:
        """With these counts at the end of the last message, if they fit in there; else they wait for another one.

        What becomes of them then is not asked: a lost count is a lost count.
        """
        together = pack([*encoded, encode_counts(riding)], self._ceiling)
        if len(together) == len(packed):
            return together
        if self._meter is not None:
            self._meter.put_back(riding)
        return packed


class GrantsAll:
    """Claims for ``two-queue``: whoever received the message may run it."""

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        """Grant each."""
        return [Grant()] * len(starts)
