"""How full the queues are, for pages: asked behind their back, and not often, for every look costs requests."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock, Thread
from typing import NamedTuple

from leasehold.core.units import SECOND
from leasehold.flow.auditing.queues import Look

log = logging.getLogger("leasehold.looking")
EVERY = 30 * SECOND
"""ms for which a look is good: SQS itself says that its counts may be a minute old (GetQueueAttributes)."""


class Seen(NamedTuple):
    """The newest look, and when it was (ms)."""

    at: int
    look: Look


class Looking:
    """Looks at the queues while somebody wants to know. Thread-safe; nobody waits for a queue."""

    def __init__(self, look: Callable[[], Look], now: Callable[[], int]) -> None:
        self._look = look
        self._now = now
        self._lock = Lock()
        self._seen: Seen | None = None
        self._tried: int | None = None
        self._under_way: Thread | None = None

    def newest(self) -> Seen | None:
        """What was seen last, if anything was; a look is begun where that is too long ago."""
        with self._lock:
            now = self._now()
            if self._under_way is None and (self._tried is None or now - self._tried >= EVERY):
                self._tried = now
                self._under_way = Thread(target=self._go, name="leasehold-looking", daemon=True)
                self._under_way.start()
            return self._seen

    def wait(self) -> None:
        """Until no look is under way."""
        under_way = self._under_way
        if under_way is not None:
            under_way.join()

    def _go(self) -> None:
        try:
            seen = Seen(self._now(), self._look())
        except Exception:
            log.exception("the queues could not be looked at")
            seen = None
        with self._lock:
            self._seen, self._under_way = seen, None
