"""The window (R9): how many messages may be on a task queue that nobody has started yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from leasehold.core.model import Task
from leasehold.ports.ledger import Flight

AHEAD = 60_000
"""ms of work, at the rate at which runs end, that may wait on the queue."""

SMALLEST = 10
BUNDLES = 2
"""Messages that may always wait, where they are bundles."""
WAITING = 0.25
"""Share of what is in progress that may wait on the queue, however slowly it ends."""

IN_FLIGHT = 100_000
"""Messages sent and not ended, at most: SQS hides about 120,000 at once."""

MEASURE = 1_000
"""ms between two readings of the rate."""

SURE = 32
"""Windows that must be started without a message expiring before one of twice the size is tried."""

BRISK = 8
"""Messages that must be started within ``AHEAD``, and a whole window of them, to try twice the size at once."""


class Reading(NamedTuple):
    """How many runs had ended, or started, by then (``boot`` ms)."""

    at: int
    so_far: int


class Window:
    """Follows one queue: as much as its workers finish in a minute, less when messages expire.

    It goes by ends, not by starts. Starts come in bursts that nothing follows: a fleet that comes up begins a thousand
    runs of half an hour each within seconds, and a thousand messages sent after them would all expire. While runs are
    short and slots hungry, the window doubles each time that it is turned over.

    Messages that expire make it smaller; but many may have expired because nobody was there for a while. So it grows
    again slowly where each start is rare news, and at each turn-over where it is turned over within a minute.

    One message may always wait, so that a worker which joins finds something to do at once. Where slots become free
    less often than messages expire, it is that one that expires now and then: three requests, and no run.

    Where tasks go out in bundles, two of those may always wait; and while half of the window still waits on the queue,
    nothing less than a whole one goes out: as one task after the other begins, they would go out one by one. What waits
    for its turn behind a run in progress has left the queue, so as much more may be out. Where the last dispatch held
    single tasks too, those in progress may be single ones with nobody behind them, and this is not counted on.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.allowed = 0
        """How many messages may be on the queue that nobody has started yet, as it was last judged."""
        self._share = 1.0
        self._readings: deque[Reading] = deque()
        self._expired: int | None = None
        self._bundle = 1
        """How many tasks a message may hold, as far as the last dispatch told."""
        self._behind = 0
        """How many at most wait behind each run in progress, likewise."""
        self._trusted_from = 0
        """How many runs had started when the share last changed."""
        self._brisk_from = Reading(0, 0)
        """When it was last looked how fast runs start, and how many had started by then."""

    def room(self, flight: Flight, now_boot: int) -> int:
        """How many tasks may be dispatched now."""
        smallest = SMALLEST if self._bundle == 1 else max(SMALLEST, BUNDLES * self._bundle)
        waiting = max(smallest, self._ended_lately(flight, now_boot), WAITING * flight.in_progress)
        size = min(self._largest, waiting + self._behind * flight.in_progress)
        self._judge(flight, size, now_boot)
        allowed = self.allowed = max(1, int(size * self._share))
        guard = IN_FLIGHT - flight.queued - flight.lapsed - flight.in_progress
        room = max(0, min(allowed - flight.queued, guard))
        return 0 if room < self._bundle and 2 * flight.queued > allowed else room

    def sent(self, tasks: Sequence[Task]) -> None:
        """Hear what was dispatched."""
        if tasks:
            sizes = [task.policy.bundle if task.members else 1 for task in tasks]
            self._bundle, self._behind = max(sizes), min(sizes) - 1

    def _judge(self, flight: Flight, size: float, now: int) -> None:
        """Send half as much when messages expired, or fewer by those; twice as much when that proved too little."""
        lost = 0 if self._expired is None else flight.expired - self._expired
        if lost > 0:
            self._change(max(1 / size, min(self._share / 2, self._share - lost / size)), flight, now)
        elif self._share < 1 and (self._sure(flight, size) or self._brisk(flight, size, now)):
            self._change(min(1.0, self._share * 2), flight, now)
        self._expired = flight.expired

    def _sure(self, flight: Flight, size: float) -> bool:
        """Whether long nothing expired."""
        return flight.started - self._trusted_from >= SURE * size * self._share

    def _brisk(self, flight: Flight, size: float, now: int) -> bool:
        """Whether as much as may wait was started within a minute: twice as much would be started in good time too."""
        if now - self._brisk_from.at > AHEAD:
            self._brisk_from = Reading(now, flight.started)
        return flight.started - self._brisk_from.so_far >= max(BRISK, size * self._share)

    def _change(self, share: float, flight: Flight, now: int) -> None:
        self._share = share
        self._trusted_from = flight.started
        self._brisk_from = Reading(now, flight.started)

    def _ended_lately(self, flight: Flight, now: int) -> float:
        """How many runs ended in the last ``AHEAD`` ms; a guess by proportion where nobody looked for longer."""
        readings = self._readings
        fresh = Reading(now, flight.started - flight.in_progress)
        if not readings or now - readings[-1].at >= MEASURE:
            readings.append(fresh)
        while len(readings) > 1 and now - readings[1].at >= AHEAD:
            readings.popleft()
        first = readings[0]
        return (fresh.so_far - first.so_far) * min(1.0, AHEAD / max(1, now - first.at))
