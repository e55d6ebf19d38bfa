"""Where the time comes from, and who wakes whom."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Where the time comes from. Nothing else in the road reads a clock."""

    def now(self) -> int:
        """Wall clock, ms since the epoch. May jump."""
        ...

    def boot(self) -> int:
        """Milliseconds on a clock that never jumps and counts suspension."""
        ...


class Bell(Protocol):
    """Wakes whoever waits for a topic, across processes. A hint only: rings may be lost, waiters also poll.

    Topics are short words: ``due`` (work for the dispatcher), ``tasks:QUEUE``, ``reports``, ``ended`` (outcomes).
    """

    def ring(self, topic: str) -> None:
        """Wake all who wait for ``topic`` now, and one later waiter of each listener that was not waiting."""
        ...

    def wait(self, topic: str, timeout: int) -> bool:
        """Wait at most ``timeout`` ms; whether it rang since the last wait of this object for the topic."""
        ...

    def close(self) -> None:
        """Stop listening; a wait under way returns at once."""
        ...
