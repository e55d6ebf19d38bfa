"""How often somebody may try to log in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic

MOST = 10
SPAN = 60.0
"""Seconds: so many failed tries from one address within them, and no more."""
REMEMBERED = 10_000
"""Addresses; of more than these the oldest are forgotten."""


class Tries:
    """Counts failed tries by address. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def allowed(self, address: str) -> bool:
        """Whether this address may try now."""
        with self._lock:
            return len(self._recent(address)) < MOST

    def failed(self, address: str) -> None:
        """Note a try that failed."""
        with self._lock:
            self._failed[address] = [*self._recent(address), self._clock()]
            self._failed.move_to_end(address)
            while len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self._clock() - SPAN
        return [at for at in self._failed.get(address, []) if at > since][-MOST:]
