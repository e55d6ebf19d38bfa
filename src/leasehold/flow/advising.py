"""How long each handler's runs take, from the newest on record, and what its lease should be."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from leasehold.core.advice import Advice, Measured, advise
from leasehold.core.model import FailureKind
from leasehold.flow.costing import SAMPLE, handlers, newest_runs
from leasehold.flow.registry import useful_minimum
from leasehold.ports.views import RunTime, Views


class Advised(NamedTuple):
    """One handler: what was measured, and what follows from it."""

    handler: str
    looked_at: int
    """Tasks whose runs were looked at."""
    tasks: int
    """All its tasks on record."""
    measured: Measured
    advice: Advice


class Watched:
    """Runs of one handler, added up in little memory."""

    def __init__(self) -> None:
        self.durations = array("q")
        self.bundle = 1
        self.newest = self.lease = self.stopped = self.lost = self.time_lost = self.looked_at = self.tasks = 0

    def watch(self, runs: Iterable[RunTime]) -> None:
        """The runs of one queue, those of one task together."""
        last = 0
        for each in runs:
            self.looked_at += each.number != last
            last = each.number
            if each.number > self.newest:
                self.newest, self.lease, self.bundle = each.number, each.lease, each.bundle
            self._one(each)

    def _one(self, each: RunTime) -> None:
        took = length(each)
        if each.outcome == "completed":
            if took is not None:
                self.durations.append(took)
        elif each.failure is not None and each.failure.kind is FailureKind.LEASE:
            self.stopped += 1
            self.time_lost += took or 0
        elif each.outcome is None and each.lost_at is not None:
            self.lost += 1
            self.time_lost += took or 0

    def measured(self) -> Measured:
        """All of it."""
        return Measured(self.durations, self.lease, self.stopped, self.lost, self.time_lost, self.bundle)


def length(run: RunTime) -> int | None:
    """How long it ran (ms), as far as that is known."""
    over = run.lost_at if run.ended_at is None else run.ended_at
    return None if run.started_at is None or over is None else max(0, over - run.started_at)


def advice(views: Views, margin: int, *, sample: int = SAMPLE) -> list[Advised]:
    """Every handler with runs, by name."""
    watched: dict[str, Watched] = {}
    for name, queue, tasks in handlers(views):
        one = watched.setdefault(name, Watched())
        one.tasks += tasks
        one.watch(newest_runs(views, name, queue, sample))
    least = margin + useful_minimum(margin)
    least = margin + useful_minimum(margin)
    return [
        Advised(name, one.looked_at, one.tasks, one.measured(), advise(one.measured(), margin, least))
        for name, one in watched.items()
        if one.looked_at
    ]
