"""Trails: whether what was written down leads to where each task stands."""

from __future__ import annotations

from collections.abc import Iterator

from leasehold.core.model import Status
from leasehold.core.transitions import state_name
from leasehold.flow.auditing.census import Tally
from leasehold.flow.auditing.verdict import Problem, tasks
from leasehold.ports.inspection import Inspected

SENTENCES = {
    "trail": "the audit trails of {tasks} have gaps, or do not end where the task stands",
    "dispatch": "{tasks} were sent out more or less often than their trails say",
    "success": "{tasks} have other than one success on record for a completed task, or one for a task that is not",
}


class Trails:
    """Holds each task against its trail and its runs, all of one snapshot."""

    def __init__(self) -> None:
        self.tasks = 0
        self._tally = Tally()

    def take(self, one: Inspected) -> None:
        """Look at one task."""
        self.tasks += 1
        for kind in gaps(one):
            self._tally.add(kind, one.task.id)

    def problems(self) -> Iterator[Problem]:
        """What the trails do not explain."""
        for kind, found in self._tally.found.items():
            yield Problem(kind, found.tasks, found.example, SENTENCES[kind].format(tasks=tasks(found.tasks)))


def gaps(one: Inspected) -> Iterator[str]:
    """What is wrong between one task and its trail: keys of ``SENTENCES``."""
    task, trail = one.task, one.trail
    whole = trail.lines == trail.last == task.version > 0 and not trail.jumps
    if not whole or trail.after != state_name(task.status, task.why):
        yield "trail"
    if trail.dispatches != task.n:
        yield "dispatch"
    completed = task.status is Status.COMPLETED
    if trail.completions != completed or (completed and not one.successes):
        yield "success"
