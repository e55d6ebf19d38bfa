"""The machine's own clocks."""

from __future__ import annotations

import time

NS_PER_MS = 1_000_000
SLEEPLESS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that counts suspension: on Linux CLOCK_BOOTTIME; macOS has none of that name, its CLOCK_MONOTONIC does."""


class SystemClock:
    """What this machine says the time is."""

    def now(self) -> int:
        """Wall clock, ms since the epoch. May jump."""
        return time.time_ns() // NS_PER_MS

    def boot(self) -> int:
        """The clock that never jumps and counts suspension, in ms."""
        return time.clock_gettime_ns(SLEEPLESS) // NS_PER_MS
