"""Counts requests as a bill would: by action and queue."""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

STEP = 65_536
"""Bytes of payload that are billed as one request."""


class Tally(NamedTuple):
    """What was counted."""

    requests: int = 0
    billed: int = 0
    """Requests as SQS bills them: one for each 64 KB of payload begun."""
    empty: int = 0
    """Receives that brought nothing."""
    failed: int = 0
    """Requests that were answered with an error, or not at all."""


class Requests:
    """The server's counter. Exact at any time, for requests whose answer has been received. Thread-safe."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._lock = Lock()

    def add(self, action: str, queue: str, *, size: int, empty: bool, failed: bool) -> None:
        """Count one request with ``size`` bytes of payload."""
        with self._lock:
            requests, billed, empties, failures = self._tallies.get((action, queue), (0, 0, 0, 0))
            steps = -(-size // STEP) or 1
            self._tallies[action, queue] = Tally(requests + 1, billed + steps, empties + empty, failures + failed)

    def total(self, action: str | None = None, queue: str | None = None) -> Tally:
        """The sum over all actions and queues, or over one of them."""
        with self._lock:
            rows = [
                tally
                for (its_action, its_queue), tally in self._tallies.items()
                if action in {None, its_action} and queue in {None, its_queue}
            ]
        return Tally(*(sum(column) for column in zip(*rows, strict=True))) if rows else Tally()

    def actions(self, queue: str | None = None) -> dict[str, int]:
        """How many requests of each action."""
        counts: dict[str, int] = {}
        with self._lock:
            for (action, its_queue), tally in self._tallies.items():
                if queue in {None, its_queue}:
                    counts[action] = counts.get(action, 0) + tally.requests
        return counts

    def reset(self) -> None:
        """Begin again at zero."""
        with self._lock:
            self._tallies.clear()

    def listed(self) -> list[dict[str, object]]:
        """Every row, as JSON has it."""
        with self._lock:
            return [
                {"action": action, "queue": queue, **tally._asdict()}
                for (action, queue), tally in self._tallies.items()
            ]
