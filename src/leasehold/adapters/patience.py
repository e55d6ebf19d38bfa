"""How long a long poll waits."""

from __future__ import annotations

import time

from leasehold.ports.clock import Clock


class Patience:
    """Ends when the clock says so, and never later than that in real time: a manual clock may never be turned."""

    def __init__(self, clock: Clock, wait: int) -> None:
        self._clock = clock
        self._until = clock.boot() + wait
        self._really_until = time.monotonic() + wait / 1_000

    @property
    def left(self) -> int:
        """Milliseconds left, rounded up; 0 when it has ended."""
        really_left = self._really_until - time.monotonic()
        return max(0, min(self._until - self._clock.boot(), -int(-really_left * 1_000 // 1)))
