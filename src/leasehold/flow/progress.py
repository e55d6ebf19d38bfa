"""How a batch is doing: how far it is, how fast it goes, what takes longer than others do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leasehold.core.model import TERMINAL, Status
from leasehold.core.units import MINUTE, SECOND, say_duration
from leasehold.ports.views import BatchView, TaskView, Views

LOOKED = 1_000
"""Tasks that run, the newest of the batch, among which stragglers are looked for."""
SHOWN = 20
"""Stragglers that are told, the longest first."""
SAMPLE = 1_000
"""Tasks of a handler whose runs say how long it usually takes."""
FEWEST = 5
"""Runs from which on it is said how long they usually take."""
USUAL = 0.95
NEWEST = 1 << 62


class Progress(NamedTuple):
    """A batch as counters tell it. Forgotten tasks have ended too."""

    total: int
    ended: int
    per_second: float
    """Ends since the batch began, on average."""

    @property
    def left(self) -> int:
        """Tasks without an outcome."""
        return self.total - self.ended

    @property
    def share(self) -> float:
        """Which part has ended."""
        return self.ended / self.total if self.total else 0.0


class Running(NamedTuple):
    """A task that runs: since when, and how long all but a twentieth of its handler's runs take, if that is known."""

    view: TaskView
    ms: int
    usual: int | None

    @property
    def late(self) -> bool:
        """Whether it takes longer than those."""
        return self.usual is not None and self.ms > self.usual


def progress(view: BatchView, now: int) -> Progress:
    """How far a batch is."""
    total = sum(view.counts.values()) + view.forgotten
    return Progress(total, ended(view), average(view, now))


def ended(view: BatchView) -> int:
    """How many of its tasks have ended, the forgotten ones too."""
    return view.forgotten + sum(view.counts.get(status, 0) for status in TERMINAL)


def stragglers(views: Views, filter_: str, now: int) -> list[Running]:
    """What runs the longest of the tasks that fit, against what is usual for their handlers."""
    found = views.tasks(f"{filter_} status:{Status.IN_PROGRESS}", limit=LOOKED).rows
    usual: dict[tuple[str, str], int | None] = {}
    running: list[Running] = []
    for view in sorted(found, key=begun)[:SHOWN]:
        lane = (view.task.name, view.task.queue)
        if lane not in usual:
            usual[lane] = usually(views, *lane)
        running.append(Running(view, max(0, now - begun(view)), usual[lane]))
    return running


def begun(view: TaskView) -> int:
    """When the run that holds a task began, as far as its last change tells."""
    return view.task.updated_at


def usually(views: Views, name: str, queue: str) -> int | None:
    """Within how many ms 19 of 20 of the newest runs of a handler completed; ``None``: too few are known."""
    times = views.run_times(name, queue, NEWEST, SAMPLE)
    took: Sequence[int] = sorted(
        each.ended_at - each.started_at
        for each in times
        if each.outcome == Status.COMPLETED and each.ended_at is not None and each.started_at is not None
    )
    return took[int(len(took) * USUAL)] if len(took) >= FEWEST else None


def average(view: BatchView, now: int) -> float:
    """Tasks per second that ended since the batch began."""
    return ended(view) * SECOND / max(SECOND, now - view.created_at)


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
