"""Makes ids: the one place where the road draws randomness for names."""

from __future__ import annotations

from random import Random
from threading import Lock

from leasehold.core.ids import RANDOMNESS, Tick, following, ordered_id
from leasehold.ports.clock import Clock


class IdMaker:
    """Ids that sort by the order in which this object made them. Thread-safe."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._last = Tick(0)
        self._lock = Lock()

    def __call__(self) -> str:
        """The next id (UUIDv7)."""
        with self._lock:
            self._last = following(self._last, self._clock.now())
            return ordered_id(self._last, self._random.randbytes(RANDOMNESS))
