"""The meter: where whoever talks to a queue says so."""

from __future__ import annotations

from typing import Protocol

from leasehold.core.metering import Action


class Meter(Protocol):
    """Counts requests in memory. Thread-safe, and never fails."""

    def count(self, queue: str, action: Action, *, size: int = 0, messages: int = 0, failed: bool = False) -> None:
        """One request about ``messages`` messages with ``size`` bytes of payload to a queue, by its role's name."""
        ...

    def sent_along(self, queue: str, messages: int) -> None:
        """Messages were sent without a request of their own: in a transaction that was made for something else."""
        ...


class NoMeter:
    """Counts nothing."""

    def count(self, queue: str, action: Action, *, size: int = 0, messages: int = 0, failed: bool = False) -> None:
        """Forget it."""

    def sent_along(self, queue: str, messages: int) -> None:
        """Forget them."""
