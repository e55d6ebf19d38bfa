"""How long handlers take on this worker: what may be fetched ahead and handed over together (R2)."""

from __future__ import annotations

from leasehold.flow.lease import prefetch

DECAY = 0.9
"""A longer run raises the estimate at once; shorter ones lower it by a tenth of the difference each."""

SHORT = 20.0
"""ms: runs up to this long are handed over several at a time."""

REMEMBERED = 32


class Pace:
    """A high estimate of each handler's duration, and the shortest lease that it was given."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, int]] = {}

    def ran(self, name: str, duration: int, lease: int) -> None:
        """A run of ``name`` took ``duration`` ms under a lease of ``lease`` ms."""
        estimate, shortest = self._known.pop(name, (float(duration), lease))
        estimate = max(duration, DECAY * estimate + (1 - DECAY) * duration)
        self._known[name] = (estimate, min(shortest, lease))
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def short(self, name: str) -> bool:
        """Whether runs of ``name`` are so short that several may wait in line for one slot."""
        known = self._known.get(name)
        return known is not None and known[0] <= SHORT

    def ahead(self, slots: int, ceiling: int) -> int:
        """How many messages to fetch beyond the free slots: what any mix of the known handlers can start soon."""
        if not self._known:
            return 0
        return min(prefetch(slots, int(estimate), lease, ceiling) for estimate, lease in self._known.values())
