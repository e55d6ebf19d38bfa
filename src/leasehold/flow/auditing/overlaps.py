"""Two runs of one task at once: found in what is on record of them, and told apart by whether that may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leasehold.core.model import Audit, Task
from leasehold.flow.auditing.verdict import Found, Overlap, Problem, Span, tasks
from leasehold.ports.views import RunView, Views

LISTED = 100
"""Overlaps that are told one by one."""
BLUR = 10_000
"""ms by which the recorded times of a run may be late: they are reckoned from the report's own age when it was handed
over, so each is late by as long as the handing over took, repeats included."""
RAN = frozenset({"completed", "failed"})
"""Outcomes that only a run has that began."""
ENDS = frozenset({"completed", "failed", "released", "refused", "lapsed", "recalled", "lost"})
"""Lines after which a run holds its task no more."""

MAY = "a standard queue may hand one message out twice at once"
PAUSED = "the earlier run outlived its lease: its machine stood still, and the fencing token stops what it still does"
GIVEN_BACK = "only the earlier run's own worker could hand the message on, and was gone before it told of its end"
BLURRED = "shorter than a late report can make it look"
CLAIMED = "the ledger granted the later run when no other was known to be alive"
DEFECT = "no rule lets two runs live at once here"


class Overlaps:
    """Collects them. ``claimed``: every run is granted by the ledger; ``duplicates``: queues may deliver twice."""

    def __init__(self, *, claimed: bool, duplicates: bool) -> None:
        self.tasks = 0
        self.listed: list[Overlap] = []
        self._claimed = claimed
        self._may = duplicates and not claimed
        self._defects: Found | None = None

    def take(self, task: Task, runs: Sequence[RunView], views: Views) -> None:
        """Look at the runs of one task. Its trail is read only where two of them overlap."""
        found, trail = list(pairs(runs)), ()
        if found and self._claimed:
            trail = views.audit(task.id)
            found = list(pairs([run for run in runs if may_have_begun(run, trail)]))
        if not found:
            return
        self.tasks += 1
        for earlier, later in found:
            overlap = self._told(task, earlier, later, trail)
            if len(self.listed) < LISTED:
                self.listed.append(overlap)
            if not overlap.promised:
                before = self._defects or Found(0, task.id)
                again = before.tasks > 0 and before.example == task.id
                self._defects = before if again else before._replace(tasks=before.tasks + 1)

    def _told(self, task: Task, earlier: RunView, later: RunView, trail: Sequence[Audit]) -> Overlap:
        first, second = span(earlier), span(later)
        length = min(first.until, second.until) - second.started_at
        promised, because = self._judged(earlier, later, length, trail)
        return Overlap(task.id, first, second, length, promised, because)

    def _judged(self, earlier: RunView, later: RunView, length: int, trail: Sequence[Audit]) -> tuple[bool, str]:
        if self._may:
            return True, MAY
        if self._claimed and granted_twice(trail, earlier, later):
            return False, DEFECT
        if outlived(earlier):
            return True, PAUSED
        if self._claimed:
            return True, CLAIMED
        if earlier.ended_at is None and earlier.n == later.n and earlier.r < later.r:
            return True, GIVEN_BACK
        return (True, BLURRED) if length <= BLUR else (False, DEFECT)

    def problems(self) -> Iterator[Problem]:
        """Overlaps that nobody allowed."""
        if self._defects is not None:
            count, example = self._defects
            yield Problem("overlap", count, example, f"{tasks(count)} had two runs at once where {DEFECT}")

    def notes(self) -> Iterator[str]:
        """How many there were."""
        if self.tasks:
            because = sorted({each.because for each in self.listed if each.promised})
            why = f" ({'; '.join(because)})" if because else ""
            yield f"{tasks(self.tasks)} had two runs at once{why}; the first success counts"


def pairs(runs: Sequence[RunView]) -> Iterator[tuple[RunView, RunView]]:
    """Runs that were alive at once, each with the one before it that was alive longest."""
    begun = sorted((run for run in runs if run.started_at is not None), key=lambda run: (run.started_at, run.n, run.r))
    longest: RunView | None = None
    for run in begun:
        if longest is not None and until(longest) > (run.started_at or 0) and until(run) > (run.started_at or 0):
            yield longest, run
        if longest is None or until(run) > until(longest):
            longest = run


def until(run: RunView) -> int:
    """Until when a run was alive at most: its end, or its machine's, or the end of its lease."""
    if run.ended_at is not None:
        return run.ended_at
    known = [at for at in (run.lease_until, run.lost_at) if at is not None]
    return min(known, default=run.started_at or 0)


def span(run: RunView) -> Span:
    """What is told of one of the two."""
    return Span(run.n, run.r, run.run_id, run.worker, run.started_at or 0, until(run), run.ended_at is not None)


def outlived(run: RunView) -> bool:
    """Whether a run reported an end after its lease."""
    return run.ended_at is not None and run.lease_until is not None and run.ended_at > run.lease_until


def may_have_begun(run: RunView, trail: Sequence[Audit]) -> bool:
    """Whether a run was granted, or says that it ran: others were held by a worker that heard no answer."""
    return run.outcome in RAN or any(line.kind == "started" and line.run_id == run.run_id for line in trail)


def granted_twice(trail: Sequence[Audit], earlier: RunView, later: RunView) -> bool:
    """Whether the later run began, by the ledger's own clock, while the earlier one held the task and had not ended.

    Lines are in the order of their transactions, and those of claims carry the ledger's clock: nothing is blurred here.
    """
    began = next((line for line in trail if line.kind == "started" and line.run_id == later.run_id), None)
    if began is None:
        return any(line.kind == "overlap" and line.run_id == later.run_id for line in trail)
    before = [line for line in trail if line.seq < began.seq and line.run_id == earlier.run_id]
    over = any(line.kind in ENDS for line in before)
    return bool(before) and not over and earlier.lease_until is not None and began.at < earlier.lease_until
