"""Which runs are alive in a simulated world, what they did, and what may not be: overlaps, tokens that fall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from leasehold.core.model import Token
from leasehold.ports.slots import Job


class Violation(AssertionError):
    """A law does not hold: its label (S1 to S14, L1) and what happened."""

    def __init__(self, law: str, story: str) -> None:
        super().__init__(f"{law}: {story}")
        self.law = law
        self.story = story


class Living(NamedTuple):
    """A run whose process is there."""

    job: Job
    worker: str
    boot: Callable[[], int]
    stands_still: Callable[[], bool]

    @property
    def overdue(self) -> bool:
        """Whether its deadline is past; on a machine that goes, its guard is about to kill it."""
        return self.boot() > self.job.deadline_boot


class Life:
    """All runs of a world."""

    def __init__(self, counted: Counter[str]) -> None:
        self.alive: dict[str, Living] = {}
        """By run_id."""
        self.returned: dict[str, str] = {}
        """The results of runs that returned, by run_id."""
        self.begun: dict[str, Token] = {}
        """The highest token that began, by task."""
        self.begun_runs: set[str] = set()
        self.accepted: dict[str, int] = {}
        """The highest token that a resource which checks tokens accepted, by task."""
        self.excused: set[str] = set()
        """Tasks that a standard queue gave to two."""
        self.all_excused = False
        self.runs = 0
        self._counted = counted

    def begin(self, living: Living) -> None:
        """A run begins."""
        self.runs += 1
        job = living.job
        self.begun_runs.add(job.run_id)
        if job.bundle is not None:
            self._counted["run in a bundle"] += 1
            if job.r > 1:
                raise Violation("B1", f"run {job.n}.{job.r} of task {job.task_id} began in a bundle received before")
        for other in self.alive.values():
            if other.job.task_id == job.task_id:
                self._meets(living, other)
        token = Token(job.n, job.r)
        before = self.begun.get(job.task_id)
        if before is not None and token <= before and not self._explained(job.task_id):
            raise Violation("S12", f"run {job.n}.{job.r} of task {job.task_id} began after run {before.n}.{before.r}")
        self.begun[job.task_id] = token if before is None else max(before, token)
        self.alive[job.run_id] = living

    def end(self, run_id: str) -> None:
        """Its last process is gone."""
        self.alive.pop(run_id, None)

    def write(self, job: Job) -> bool:
        """It writes to a resource that checks tokens (S12); whether that accepts."""
        fence = Token(job.n, job.r).fence
        accepted = fence >= self.accepted.get(job.task_id, 0)
        if accepted:
            self.accepted[job.task_id] = fence
        else:
            self._counted["write refused by its token"] += 1
        return accepted

    def beat(self, living: Living) -> None:
        """A machine that stood still goes on: its run does something before its guard kills it."""
        others = [o for o in self.alive.values() if o.job.task_id == living.job.task_id and o is not living]
        if any(not other.stands_still() for other in others):
            self._counted["overlap explained by a pause"] += 1
        self.write(living.job)

    def _meets(self, living: Living, other: Living) -> None:
        task_id = living.job.task_id
        if other.stands_still() and other.overdue:
            self._counted["began beside a run that stands still"] += 1
        elif self._explained(task_id):
            self._counted["overlap explained by the queue"] += 1
        else:
            one, two = (f"{run.job.n}.{run.job.r} on {run.worker}" for run in (other, living))
            raise Violation("S11", f"runs {one} and {two} of task {task_id} are alive at once")

    def _explained(self, task_id: str) -> bool:
        return self.all_excused or task_id in self.excused
