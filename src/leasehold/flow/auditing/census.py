"""The hot rows: where every task stands, and what is wrong with a row by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from leasehold.core.alarms import alarm
from leasehold.core.model import Status, Task, Why
from leasehold.core.transitions import NEW, state_name
from leasehold.core.units import SECOND, say_duration
from leasehold.flow.auditing.verdict import Found, Problem, Standing, tasks

PATIENCE = 60 * SECOND
"""How long the clock's dues may stay unpaid before that needs an explanation. Sweepers are held back up to 30 s."""
KINDS = 200
"""Groups of unfinished tasks told apart; the rest is added up."""
SUSPECTS = 100
"""Tasks of each kind of flaw that are read once more before it is told."""


@dataclass
class Tally:
    """Counts what is wrong, one entry per kind, and remembers the first of each."""

    found: dict[str, Found] = field(default_factory=dict[str, Found])
    suspects: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, kind: str, task_id: str) -> None:
        """One more of this kind."""
        before = self.found.get(kind, Found(0, task_id))
        self.found[kind] = before._replace(tasks=before.tasks + 1)
        if before.tasks < SUSPECTS:
            self.suspects.setdefault(kind, []).append(task_id)


class Census:
    """What one pass over the hot rows shows. Memory does not grow with the number of tasks."""

    def __init__(self, now: int) -> None:
        self.states: Counter[str] = Counter()
        self.out: Counter[str] = Counter()
        """Tasks with an open dispatch and no outcome, by queue."""
        self.at: Counter[tuple[str, str]] = Counter()
        """Tasks without an outcome, by queue and state."""
        self.unstarted: Counter[str] = Counter()
        """Queued tasks of whose message nobody has said anything yet, by queue."""
        self.ended_open: Counter[str] = Counter()
        """Tasks with an outcome whose message may still be on the queue."""
        self._now = now
        self._standings: dict[tuple[str, str, str], Found] = {}
        self._tally = Tally()

    def take(self, task: Task) -> None:
        """Look at one task."""
        state = state_name(task.status, task.why)
        self.states[state] += 1
        self._count(task, state)
        for kind in flaws(task, self._now):
            self._tally.add(kind, task.id)
        if task.status is not Status.COMPLETED:
            self._stand(state, task)

    def _count(self, task: Task, state: str) -> None:
        if task.terminal:
            self.ended_open[task.queue] += task.open and task.void_at > self._now
            return
        self.at[task.queue, state] += 1
        self.out[task.queue] += task.open
        self.unstarted[task.queue] += task.why is Why.QUEUED and not task.seen

    def _stand(self, state: str, task: Task) -> None:
        key = (state, task.name, reason_of(task))
        if key not in self._standings and len(self._standings) >= KINDS:
            key = (state, "(others)", "for various reasons")
        before = self._standings.get(key, Found(0, task.id))
        self._standings[key] = before._replace(tasks=before.tasks + 1)

    def listed(self) -> list[Standing]:
        """What is not completed, largest group first."""
        groups = [Standing(*key, found.tasks, found.example) for key, found in self._standings.items()]
        return sorted(groups, key=lambda group: -group.tasks)

    def problems(self) -> Iterator[tuple[Problem, Sequence[str]]]:
        """What the rows alone cannot explain, each with the first tasks that show it."""
        for kind, found in self._tally.found.items():
            yield problem(kind, found), self._tally.suspects[kind]


def problem(kind: str, found: Found) -> Problem:
    """One kind of flaw in words."""
    return Problem(kind, found.tasks, found.example, SENTENCES[kind].format(tasks=tasks(found.tasks)))


HELD_BACK = frozenset({"overdue lease", "overdue message"})
"""What the sweeper does not settle while reports are being caught up on."""
SENTENCES = {
    "state": "{tasks} stand in a state that no rule leads to",
    "overdue lease": f"{{tasks}} hold a lease that ended over {say_duration(PATIENCE)} ago and was not lapsed: "
    "is an orchestrator running?",
    "overdue start": f"{{tasks}} have been due for over {say_duration(PATIENCE)} without being made so: "
    "is an orchestrator running?",
    "overdue message": f"{{tasks}} wait for a message that was void over {say_duration(PATIENCE)} ago: "
    "is an orchestrator running?",
    "budget": "{tasks} go on although their attempts or losses are spent",
    "negative": "{tasks} hold a count below zero",
    "end": "{tasks} have an outcome but no instant of it, or an instant without an outcome",
}


def flaws(task: Task, now: int) -> Iterator[str]:
    """What is wrong with one row: keys of ``SENTENCES``."""
    if state_name(task.status, task.why) == NEW or (task.status is not Status.PENDING and task.why is not None):
        yield "state"
    if task.terminal != (task.ended_at is not None):
        yield "end"
    if not task.terminal and (task.attempts >= task.policy.attempts or task.losses >= task.policy.losses):
        yield "budget"
    if min(task.version, task.n, task.r, task.seen, task.attempts, task.losses) < 0:
        yield "negative"
    at = alarm(task)
    if at is not None and at < now - PATIENCE and not task.terminal:
        yield _overdue(task)


def _overdue(task: Task) -> str:
    if task.status is Status.IN_PROGRESS:
        return "overdue lease"
    return "overdue start" if task.why is Why.SCHEDULED else "overdue message"


_REASONS = {
    Why.BLOCKED: "waits for other tasks",
    Why.SCHEDULED: "not before its time",
    Why.DUE: "waits for its turn",
    Why.QUEUED: "is on the queue, waits for a worker",
    Why.LAPSED: "its run fell silent, waits for redelivery",
}


def reason_of(task: Task) -> str:
    """Why a task is not completed, in a few words that many tasks can share."""
    said = (task.reason or "").strip().split("\n", 1)[0]
    if task.terminal:
        return said or "no reason is recorded"
    if task.status is Status.IN_PROGRESS:
        return "is being run"
    waits = _REASONS[task.why] if task.why else "no reason is recorded"
    return f"{waits}, after: {said}" if said else waits
