"""How long the runs of each handler take, as measured here: only what is short is handed over several at a time."""

from __future__ import annotations

SHORT = 2_000
"""Microseconds: runs below this are worth handing over together."""
AHEAD = 4_000
"""Microseconds of work that a child may have in hand."""
MOST = 16


class Tempo:
    """Remembers a slow run at once and forgets it slowly, so a surprise makes it careful for a while."""

    def __init__(self) -> None:
        self._took: dict[str, float] = {}

    def learn(self, name: str, microseconds: int) -> None:
        """A run of this handler took so long."""
        before = self._took.get(name, 0.0)
        self._took[name] = microseconds if microseconds > before else before + 0.1 * (microseconds - before)

    def expects(self, name: str) -> float | None:
        """Microseconds that a run of this handler is likely to take; ``None`` before the first has ended."""
        return self._took.get(name)

    def together(self, name: str) -> int:
        """How many runs of this handler a child may be given at a time."""
        took = self._took.get(name)
        if took is None or took > SHORT:
            return 1
        return min(MOST, max(1, int(AHEAD / max(took, 1))))
