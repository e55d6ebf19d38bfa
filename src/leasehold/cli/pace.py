"""How fast a batch goes, and how long it still takes."""

from __future__ import annotations

from leasehold.core.model import TERMINAL
from leasehold.core.units import MINUTE, SECOND, say_duration
from leasehold.ports.views import BatchView


def average(view: BatchView, now: int) -> float:
    """Tasks per second that ended since the batch began."""
    ended = sum(view.counts.get(status, 0) for status in TERMINAL)
    return ended * SECOND / max(SECOND, now - view.created_at)


def eta(left: int, per_second: float) -> str:
    """``1.5 tasks/s, about 20 min to go``."""
    if per_second <= 0:
        return "none has ended yet"
    return f"{say_rate(per_second)}, about {say_duration(max(1, round(left / per_second)) * SECOND)} to go"


def say_rate(per_second: float) -> str:
    """``1,200 tasks/s``, ``1.5 tasks/s``, ``4 tasks/min``."""
    if per_second >= 1:
        return f"{per_second:,.1f} tasks/s"
    return f"{per_second * MINUTE / SECOND:.1f} tasks/min"
