"""Long polls: receives that wait without holding up anybody."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from leasehold.adapters.clock import SystemClock
from leasehold.adapters.memory import Copy
from leasehold.adapters.patience import Patience
from leasehold.ports.clock import Clock

if TYPE_CHECKING:
    from leasehold.testing.sqs_server.account import StoredQueue

GLANCE = 50
"""ms after which polls look again: at a clock that does not say when it is turned, at a queue that gave too little."""
LONGEST = 20_000


class Poll(NamedTuple):
    """One receive that waits: ``take`` receives, ``answer`` sends what came."""

    patience: Patience
    take: Callable[[], list[Copy]]
    answer: Callable[[list[Copy]], None]


class Polls:
    """All long polls under way. Everything happens in the event loop's thread."""

    def __init__(self, loop: AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._longest = LONGEST if isinstance(clock, SystemClock) else GLANCE
        self._timers: dict[StoredQueue, TimerHandle] = {}

    def wait(self, queue: StoredQueue, poll: Poll) -> Callable[[], None]:
        """Let a receive wait; the result ends it without an answer, because nobody hears it any more."""
        queue.polls.append(poll)
        self._look_again(queue)

        def forget() -> None:
            if poll in queue.polls:
                queue.polls.remove(poll)

        return forget

    def wake(self, queue: StoredQueue) -> None:
        """Something may be there: give it to those who wait, longest first."""
        while queue.polls:
            poll = queue.polls[0]
            if not (copies := poll.take()):
                break
            queue.polls.remove(poll)
            poll.answer(copies)
        for poll in [poll for poll in queue.polls if not poll.patience.left]:
            queue.polls.remove(poll)
            poll.answer([])
        self._look_again(queue)

    def end(self, queue: StoredQueue) -> None:
        """Answer all who wait with nothing."""
        while queue.polls:
            queue.polls.popleft().answer([])
        self._look_again(queue)

    def _look_again(self, queue: StoredQueue) -> None:
        if (timer := self._timers.pop(queue, None)) is not None:
            timer.cancel()
        if queue.polls:
            self._timers[queue] = self._loop.call_later(self._soonest(queue) / 1_000, self.wake, queue)

    def _soonest(self, queue: StoredQueue) -> int:
        soonest = min(self._longest, *(poll.patience.left for poll in queue.polls))
        due = queue.shelf.next_due()
        if due is not None:
            until = due - self._clock.now()
            soonest = min(soonest, until if until > 0 else GLANCE)
        return soonest + 1
