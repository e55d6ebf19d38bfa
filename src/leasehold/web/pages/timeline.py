"""The runs of a task, drawn to scale: where each bar begins and ends, in percent of the width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from leasehold.core.units import DAY, HOUR, MINUTE, SECOND, say_duration
from leasehold.ports.views import RunView

DRAWN = 100
"""Runs of one task, the last ones: the API has all."""
TICKS = 5
"""Marks on the axis, at most."""
STEPS = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(each * SECOND for each in (1, 2, 5, 10, 15, 30)),
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 7, 14, 30, 90, 365)),
)
"""ms between marks: what people count by."""
THINNEST = 0.4
"""Percent: a run of no length is seen all the same."""


Place = Callable[[int], float]


class Bar(NamedTuple):
    """One run. Places are percent of the width; ``lease`` is how far its lease reaches, ``None`` where not known."""

    number: int
    run: RunView
    ending: str
    left: float
    width: float
    lease: float | None
    took: int | None
    """ms; ``None`` where nobody knows."""


class Timeline(NamedTuple):
    """All runs on one scale. ``marks`` are places with words."""

    bars: Sequence[Bar]
    marks: Sequence[tuple[float, str]]
    begins: int
    ends: int


def timeline(runs: Sequence[RunView], now: int) -> Timeline | None:
    """Draw the last ones from the first start to the last end, or to now; ``None`` where none has begun."""
    begun = [(number, run) for number, run in enumerate(runs, 1) if run.started_at is not None][-DRAWN:]
    if not begun:
        return None
    begins = min(run.started_at or 0 for _, run in begun)
    span = max(1, max(end_of(run, now) for _, run in begun) - begins)

    def place(at: int) -> float:
        return round(min(100.0, max(0.0, (at - begins) / span * 100)), 2)

    bars = [bar(number, run, place, now) for number, run in begun]
    return Timeline(bars, marks(span), begins, begins + span)


def bar(number: int, run: RunView, place: Place, now: int) -> Bar:
    """Draw one run."""
    started = run.started_at or 0
    left = place(started)
    width = min(max(THINNEST, place(end_of(run, now)) - left), 100 - min(left, 100 - THINNEST))
    lease = None if run.lease_until is None else place(run.lease_until)
    took = max(0, run.ended_at - started) if run.ended_at is not None else None
    return Bar(number, run, ending(run), min(left, 100 - THINNEST), width, lease, took)


def end_of(run: RunView, now: int) -> int:
    """When a run was over, as far as is known: one that was lost, when that was noticed; one going on, now."""
    end = run.ended_at if run.ended_at is not None else run.lost_at
    return max(run.started_at or 0, now if end is None else end)


def ending(run: RunView) -> str:
    """How a run ended, also when nobody told."""
    if run.outcome is not None:
        return run.outcome
    return "lost" if run.lost_at is not None else "going on"


def marks(span: int) -> list[tuple[float, str]]:
    """The marks of an axis of so many ms."""
    step = next((each for each in STEPS if span / each <= TICKS), STEPS[-1])
    return [(round(at / span * 100, 2), f"+{say_duration(at)}" if at else "start") for at in range(0, span + 1, step)]


def how(run: RunView) -> str:
    """How a run ended, in a sentence; empty where its outcome says it all."""
    failure = run.failure
    if failure is not None:
        died = {"lease": "it ran into the end of its lease", "memory": "it was killed for its memory"}.get(failure.kind)
        if failure.signal is not None:
            died = f"its process was killed by signal {failure.signal}"
        elif failure.exit_code is not None:
            died = f"its process ended with exit code {failure.exit_code}"
        said = f"{failure.type}: {failure.message}" if failure.type else failure.message
        return f"{said} ({died})" if died else said
    if run.outcome is None and run.lost_at is not None:
        return "Nothing more was heard of it: its machine went away, or its process died with its supervisor."
    return run.note or ""
