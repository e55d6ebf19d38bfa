"""The redrawn line."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from leasehold.cli.meter import BAR, Counts, Speed, line
from leasehold.cli.output import console
from leasehold.core.model import TERMINAL

REDRAWS = 4
"""A second, at most."""


class LiveMeter:
    """A bar and a line on standard error; gone when it is over."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._speed = Speed()
        self._live = Live(console=console(stderr=True), refresh_per_second=REDRAWS, transient=True)

    def show(self, counts: Counts) -> None:
        """Draw anew."""
        total, ended = sum(counts.values()), sum(counts.get(status, 0) for status in TERMINAL)
        said = line(counts, self._speed.look(self._now(), ended))
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total or 1, ended, width=BAR), Text(said, no_wrap=True, overflow="ellipsis"))
        self._live.update(grid)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
