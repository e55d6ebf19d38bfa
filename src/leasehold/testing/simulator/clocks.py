"""Times in a simulation: one true time, and what each machine takes for it."""

from __future__ import annotations

from leasehold.testing.clock import START

MILLION = 1_000_000


class Truth:
    """The true time, ms since the simulation began."""

    def __init__(self) -> None:
        self.now = 0


class MachineClock:
    """One machine's clocks: off, drifting, and set by people. The clock that never jumps only drifts."""

    def __init__(self, truth: Truth, *, off: int = 0, drift: int = 0, boot: int = 0) -> None:
        self._truth = truth
        self._off = START + off
        self._drift = drift
        self._boot = boot

    def now(self) -> int:
        """The wall clock."""
        return self._off + self.boot()

    def boot(self) -> int:
        """The clock that never jumps."""
        elapsed = self._truth.now
        return self._boot + elapsed + elapsed * self._drift // MILLION

    def jump(self, ms: int) -> None:
        """Somebody sets the wall clock."""
        self._off += ms
