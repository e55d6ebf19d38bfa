"""How long handlers take on this worker: what may be fetched ahead and handed over together (R2)."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.flow.lease import Ahead, prefetch

DECAY = 0.9
"""A longer run raises the estimate at once; shorter ones lower it by a tenth of the difference each."""

SHORT = 20.0
"""ms: runs up to this long are handed over several at a time."""

REMEMBERED = 32

LATELY = 200
"""Runs after which a handler that was not among them says nothing about the next message any more."""

IN_LINE = 32
"""Short runs handed over per slot, so that a child never waits for its supervisor."""


class Measured(NamedTuple):
    """What is known of a handler."""

    estimate: float
    """ms that a run takes: a high guess."""
    lease: int
    """The shortest lease (ms) that it was given."""
    seen: int
    """How many runs of any handler had ended when it was seen last."""


class Pace:
    """A high estimate of each handler's duration, and the shortest lease that it was given."""

    def __init__(self, limit: Ahead) -> None:
        """``limit``: what may be fetched ahead at most."""
        self._limit = limit
        self._known: dict[str, Measured] = {}
        self._runs = 0

    def ran(self, name: str, duration: int, lease: int) -> None:
        """A run of ``name`` took ``duration`` ms under a lease of ``lease`` ms."""
        self._runs += 1
        known = self._known.pop(name, None) or Measured(float(duration), lease, self._runs)
        estimate = max(duration, DECAY * known.estimate + (1 - DECAY) * duration)
        self._known[name] = Measured(estimate, min(known.lease, lease), self._runs)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def short(self, name: str) -> bool:
        """Whether runs of ``name`` are so short that several may wait in line for one slot."""
        known = self._known.get(name)
        return known is not None and known.estimate <= SHORT

    def ahead(self, slots: int) -> int:
        """How many messages to fetch beyond the free slots: what any mix of the handlers seen lately can start soon.

        ``slots``: those that can be counted on, because nothing that lasts has been in them for long.
        """
        lately = [known for known in self._known.values() if known.seen > self._runs - LATELY]
        return min((prefetch(slots, int(known.estimate), known.lease, self._limit) for known in lately), default=0)
