"""One line that says how far a batch is: redrawn on a terminal, now and then elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

import click

from leasehold.core.model import TERMINAL, Status
from leasehold.core.units import MINUTE, SECOND
from leasehold.flow.progress import eta

SELDOM = 10 * SECOND
"""Between two lines that are not redrawn."""
BACK = MINUTE
"""How far back the rate looks."""
BAR = 20

Counts = Mapping[str, int]


class Meter(Protocol):
    """Shows how far it is."""

    def show(self, counts: Counts) -> None:
        """Draw anew."""
        ...


class Speed:
    """How many tasks ended per second of late, by this process's own looks."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, int]] = deque()

    def look(self, now: int, ended: int) -> float:
        """Note a look; tasks per second since the oldest one that counts. 0 where more were retried than ended."""
        self._looks.append((now, ended))
        while self._looks[0][0] < now - BACK and len(self._looks) > 1:
            self._looks.popleft()
        since, before = self._looks[0]
        return max(0, ended - before) * SECOND / (now - since) if now > since else 0.0


def line(counts: Counts, per_second: float) -> str:
    """``412 of 1,200 ended (3 failed), 4 running, 1.5 tasks/s, about 9 min to go``."""
    total, ended = sum(counts.values()), sum(counts.get(status, 0) for status in TERMINAL)
    failed = counts.get(Status.FAILED, 0)
    said = f"{ended:,} of {total:,} ended"
    said += f" ({failed:,} failed)" if failed else ""
    if ended == total:
        return said
    return f"{said}, {counts.get(Status.IN_PROGRESS, 0):,} running, {eta(total - ended, per_second)}"


class Lines:
    """Plain lines on standard error, seldom."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._speed = Speed()
        self._next = now() + SELDOM

    def show(self, counts: Counts) -> None:
        """Print a line, if it is time for one."""
        now = self._now()
        said = line(counts, self._speed.look(now, sum(counts.get(status, 0) for status in TERMINAL)))
        if now >= self._next:
            self._next = now + SELDOM
            click.echo(said, err=True)


@contextmanager
def metered(now: Callable[[], int]) -> Generator[Meter]:
    """A meter for wherever standard error goes."""
    if not sys.stderr.isatty():
        yield Lines(now)
        return
    from leasehold.cli.live import LiveMeter

    with LiveMeter(now) as meter:
        yield meter
