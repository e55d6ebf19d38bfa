"""The window (R9): how many messages may be on a task queue that nobody has started yet."""

from __future__ import annotations

from leasehold.ports.ledger import Flight

AHEAD = 60_000
"""ms of work, at the measured rate of starts, that may wait on the queue."""

SMALLEST = 10
IN_FLIGHT = 100_000
"""Messages sent and not ended, at most: SQS hides about 120,000 at once."""

MEASURE = 1_000
"""ms between two readings of the rate of starts."""

MEMORY = 0.5
"""Weight of the newest reading of the rate."""


class Window:
    """Follows one queue: what its workers start in a minute, more while they starve, less when messages expire."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._boost = 1
        self._rate = 0.0  # starts per ms
        self._read: tuple[int, int] | None = None  # (boot ms, starts so far) of the last reading
        self._expired: int | None = None

    def room(self, flight: Flight, now_boot: int) -> int:
        """How many tasks may be dispatched now."""
        self._measure(flight, now_boot)
        size = self._size()
        if flight.due and flight.queued < size / 2 and size < self._largest:
            self._boost *= 2
            size = self._size()
        if self._expired is not None and flight.expired > self._expired:
            self._boost = max(1, self._boost // 2)
            size = self._size()
        self._expired = flight.expired
        guard = IN_FLIGHT - flight.queued - flight.lapsed - flight.in_progress
        return max(0, min(size - flight.queued, guard))

    def _size(self) -> int:
        return int(min(self._largest, max(SMALLEST, AHEAD * self._rate) * self._boost))

    def _measure(self, flight: Flight, now_boot: int) -> None:
        if self._read is None:
            self._read = (now_boot, flight.started)
            return
        since, started = self._read
        if now_boot - since < MEASURE:
            return
        fresh = (flight.started - started) / (now_boot - since)
        self._rate += MEMORY * (fresh - self._rate)
        self._read = (now_boot, flight.started)
        self._boost = max(1, self._boost // 2) if self._rate else self._boost
