"""Where a worker's reports go in ``two-queue``: packed onto the status queue."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.core.reports import Malformed, Update
from leasehold.core.wire import encode_malformed, encode_update, pack
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Message, Queue, Sent
from leasehold.ports.reports import Busy, Grant, StaleRun, Start


class StatusQueueOutbox:
    """Packs as many reports as fit into each message, and sends them; the queue's word is the acknowledgement."""

    def __init__(self, queue: Queue, clock: Clock, *, ceiling: int) -> None:
        self._queue = queue
        self._clock = clock
        self._ceiling = ceiling

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each update (then each malformed message) is on the queue."""
        now = self._clock.boot()
        encoded = [encode_update(update, now) for update in updates]
        packed = pack([*encoded, *map(encode_malformed, malformed)], self._ceiling)
        answers = self._queue.send([Message(each.body) for each in packed])
        accepted: list[bool] = []
        for each, answer in zip(packed, answers, strict=True):
            accepted.extend([isinstance(answer, Sent)] * each.size)
        return accepted


class GrantsAll:
    """Claims for ``two-queue``: whoever received the message may run it."""

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        """Grant each."""
        return [Grant()] * len(starts)
