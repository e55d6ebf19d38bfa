"""Charts that the server draws: bars and a line to scale, as numbers for attributes of SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leasehold.flow.hourly import Hour

WIDTH, HEIGHT, FOOT = 480, 90, 16
"""Units of the drawing; ``FOOT`` is the room for the hours below."""
GAP = 3
EVERY = 6
"""Hours between two that are named."""


class Bar(NamedTuple):
    """One hour: its rectangle, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    hour: Hour


class Chart(NamedTuple):
    """Bars are tasks that ended, the line is messages sent. ``top`` is what the full height stands for."""

    bars: Sequence[Bar]
    line: str
    top: int
    ended: int
    sent: int
    marks: Sequence[tuple[float, int]]
    width: int = WIDTH
    height: int = HEIGHT
    foot: int = FOOT


def chart(hours: Sequence[Hour]) -> Chart:
    """Draw the hours of one queue."""
    top = max(1, *(max(hour.ended, hour.sent) for hour in hours))
    step = WIDTH / len(hours)
    bars: list[Bar] = []
    points: list[str] = []
    for place, hour in enumerate(hours):
        height = round(hour.ended / top * HEIGHT, 1)
        bars.append(Bar(round(place * step, 1), HEIGHT - height, round(step - GAP, 1), height, hour))
        points.append(f"{place * step + (step - GAP) / 2:.1f},{HEIGHT - hour.sent / top * HEIGHT:.1f}")
    marks = [(bar.x, bar.hour.at) for place, bar in enumerate(bars) if place % EVERY == 0]
    return Chart(
        bars, " ".join(points), top, sum(hour.ended for hour in hours), sum(hour.sent for hour in hours), marks
    )
