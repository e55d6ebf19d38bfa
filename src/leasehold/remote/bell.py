"""A bell that nobody rings: over HTTP, whoever waits looks now and then."""

from __future__ import annotations

from threading import Event


class StillBell:
    """Only waits."""

    def __init__(self) -> None:
        self._closed = Event()

    def ring(self, topic: str) -> None:
        """Nobody here would hear it; the server rings those who are near it."""
        del topic

    def wait(self, topic: str, timeout: int) -> bool:
        """Wait for ``timeout`` ms, or until it is closed; it never rang."""
        del topic
        self._closed.wait(max(0, timeout) / 1_000)
        return False

    def close(self) -> None:
        """A wait under way returns at once."""
        self._closed.set()
