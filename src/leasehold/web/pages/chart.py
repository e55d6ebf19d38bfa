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
    """Bars to scale. ``most`` is what the highest of them stands for; the full height may stand for more."""

    bars: Sequence[Bar]
    most: int
    marks: Sequence[tuple[float, int]]
    line: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    foot: int = FOOT


class Charts(NamedTuple):
    """What is drawn of one queue."""

    ended: int
    sent: int
    most_sent: int
    """In one hour."""
    passed: Chart
    """Bars are tasks that ended, the line is messages sent."""
    waited: Chart | None
    """Bars are tasks that waited; ``None``: nobody looked in all these hours."""


def charts(hours: Sequence[Hour]) -> Charts:
    """Draw the hours of one queue."""
    top = max(1, *(max(hour.ended, hour.sent) for hour in hours))
    step = WIDTH / len(hours)
    line = " ".join(
        f"{place * step + (step - GAP) / 2:.1f},{HEIGHT - hour.sent / top * HEIGHT:.1f}"
        for place, hour in enumerate(hours)
    )
    waits = [hour.waited for hour in hours]
    looked = [waited for waited in waits if waited is not None]
    return Charts(
        sum(hour.ended for hour in hours),
        sum(hour.sent for hour in hours),
        max(hour.sent for hour in hours),
        bars(hours, [hour.ended for hour in hours], top)._replace(line=line),
        bars(hours, waits, max(1, *looked)) if looked else None,
    )


def bars(hours: Sequence[Hour], amounts: Sequence[int | None], top: int) -> Chart:
    """A bar for each hour of which an amount is known; ``top`` is what the full height stands for."""
    step = WIDTH / len(hours)
    drawn: list[Bar] = []
    for place, (hour, amount) in enumerate(zip(hours, amounts, strict=True)):
        if amount is not None:
            height = round(amount / top * HEIGHT, 1)
            drawn.append(Bar(round(place * step, 1), HEIGHT - height, round(step - GAP, 1), height, hour))
    marks = [(round(place * step, 1), hour.at) for place, hour in enumerate(hours) if place % EVERY == 0]
    return Chart(drawn, max((amount for amount in amounts if amount is not None), default=0), marks)
