"""A clock that a test turns by hand."""

from __future__ import annotations

from threading import Lock

START = 1_700_000_000_000
"""Where a manual clock starts, unless told: a recognisable instant of November 2023."""


class ManualClock:
    """Stands still until it is turned. Thread-safe."""

    def __init__(self, now: int = START, boot: int = 0) -> None:
        self._now = now
        self._boot = boot
        self._turning = Lock()

    def now(self) -> int:
        """Wall clock, ms since the epoch."""
        return self._now

    def boot(self) -> int:
        """The clock that never jumps, in ms."""
        return self._boot

    def advance(self, ms: int) -> None:
        """Let time pass, on both clocks."""
        if ms < 0:
            raise ValueError(f"time does not run backwards: advance({ms}). To set the wall clock back, use jump().")
        with self._turning:
            self._now += ms
            self._boot += ms

    def jump(self, ms: int) -> None:
        """Set the wall clock forward or back, as an administrator or NTP does; no time passes."""
        with self._turning:
            self._now += ms
