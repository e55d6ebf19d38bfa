"""Until when everything that workers reported is recorded, as far as one recorder can know (R13)."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import NamedTuple

from leasehold.ports.clock import Clock
from leasehold.ports.queue import Received

UNKNOWN = -(1 << 62)
"""Nothing is known."""

ROUNDING = 1_000
"""ms by which a queue's clock may be behind: the Date header of HTTP tells whole seconds."""


class Look(NamedTuple):
    """One look at the status queue whose messages are recorded. Instants are ``boot`` milliseconds."""

    ended: int
    oldest: int
    """Nothing that was sent before was on the queue."""


class Horizon:
    """Watches a recorder's looks at the status queue. Thread-safe.

    A queue does not tell its oldest message, and hides what another recorder has received: for ``span`` ms at most,
    then it is seen here, if that other one died. So what was sent before an instant counts as recorded when every look
    of the last ``span`` ms was answered and brought nothing as old. ``patience``: ms that one look may wait.
    """

    def __init__(self, clock: Clock, *, span: int, patience: int) -> None:
        self._clock = clock
        self._span = span
        self._patience = patience
        self._looks: deque[Look] = deque()
        self._began = clock.boot()
        self._since: int | None = None
        """Since when every look has been answered and recorded."""
        self._lock = Lock()

    def looking(self, wait: int) -> int:
        """A look begins that may wait ``wait`` ms; how long it should wait."""
        self._began = self._clock.boot()
        return min(wait, self._patience)

    def looked(self, received: Received) -> None:
        """The look that began last is recorded."""
        began = self._began
        age = max((received.server_time - d.sent_at + ROUNDING for d in received.deliveries), default=0)
        with self._lock:
            self._since = began if self._since is None else self._since
            self._looks.append(Look(self._clock.boot(), began - age))

    def failed(self) -> None:
        """A look was not answered, or could not be recorded."""
        with self._lock:
            self._since = None
            self._looks.clear()

    def heard(self) -> int:
        """Whatever was sent before this instant (``boot`` ms) is recorded; ``UNKNOWN`` where that cannot be told."""
        start = self._clock.boot() - self._span
        with self._lock:
            while self._looks and self._looks[0].ended < start:
                self._looks.popleft()
            if self._since is None or self._since > start:
                return UNKNOWN
            return min((look.oldest for look in self._looks), default=UNKNOWN)
