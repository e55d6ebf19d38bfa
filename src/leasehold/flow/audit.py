"""The proof that nothing is lost: every task ended, or listed with its reason; and all that is said of it agrees.

Only reads. Safe beside running workers: what moves while it is being counted is looked at again before it is called
wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from leasehold.core.alarms import alarm
from leasehold.core.model import Audit, Status, Task, Why
from leasehold.core.transitions import NEW, state_name
from leasehold.core.units import SECOND, say_duration
from leasehold.ports.queue import Depth
from leasehold.ports.views import Count, RunView, Views

PATIENCE = 60 * SECOND
"""How long the clock's dues may stay unpaid before that needs an explanation. Sweepers are held back up to 30 s."""
TRAILS = 10_000
"""Tasks whose whole trail is read, unless told otherwise."""
LOOKS = 3
"""How often a difference between counters and tasks must be seen before it counts."""
KINDS = 200
"""Groups of unfinished tasks told apart; the rest is added up."""
QUARANTINED = 1_000


class Standing(NamedTuple):
    """Tasks that are not completed, and the one reason that they share."""

    state: str
    handler: str
    reason: str
    tasks: int
    example: str


class Problem(NamedTuple):
    """Something that has no explanation. ``check`` is a stable word for programs."""

    check: str
    tasks: int
    example: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an audit found."""

    tasks: int
    states: Mapping[str, int]
    standings: Sequence[Standing]
    problems: Sequence[Problem]
    notes: Sequence[str]
    trails: int
    """Tasks whose audit trail was read line by line."""
    overlaps: int
    quarantined: int
    queues_asked: bool = True
    """Whether every task queue said how full it is."""

    @property
    def ok(self) -> bool:
        """Whether everything is explained."""
        return not self.problems

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.problems:
            checks = ", ".join(dict.fromkeys(problem.check for problem in self.problems))
            return f"Not everything is explained: {checks}."
        done = self.states.get(Status.COMPLETED, 0)
        left = self.tasks - done
        listed = f"{done:,} completed, {left:,} listed with {'its' if left == 1 else 'their'} reason"
        rest = listed if left else ("all completed" if done > 1 else "completed") if done else "nothing to do"
        agree = "counters, trails, leases and queues" if self.queues_asked else "counters, trails and leases"
        return f"Nothing is lost: {_tasks(self.tasks)}, {rest}; {agree} agree."


def audit(
    views: Views,
    now: int,
    *,
    depths: Mapping[str, Depth] | None = None,
    mute: Mapping[str, str] | None = None,
    trails: int | None = TRAILS,
) -> Verdict:
    """Look at every task once and hold all that is said of it against each other.

    ``depths``: the task queues by name, where they are asked; ``mute``: why those that do not answer do not.
    ``trails``: how many tasks have their trail and runs read line by line, spread evenly over all; ``None``: all.
    """
    total = sum(cell.tasks for cell in views.counts())
    step = 1 if trails is None or total <= trails else -(-total // trails)
    census, story = Census(now), Story()
    for position, task in enumerate(_every(views)):
        census.take(task)
        if position % step == 0:
            story.read(task, views.audit(task.id), views.runs(task.id))
    quarantined = len(views.quarantine(QUARANTINED))
    return Verdict(
        tasks=sum(census.states.values()),
        states=dict(sorted(census.states.items())),
        standings=census.listed(),
        problems=[*census.problems(), *story.problems(), *_counters(views)],
        notes=[*_mute_notes(mute or {}), *_queue_notes(census, depths or {}), *_other_notes(story, quarantined)],
        trails=story.tasks,
        overlaps=story.overlaps,
        quarantined=quarantined,
        queues_asked=depths is not None and not mute,
    )


def _every(views: Views) -> Iterator[Task]:
    for chunk in views.scan():
        yield from chunk


# ---------------------------------------------------------------- the rows


class Found(NamedTuple):
    """How many tasks have one thing wrong with them, and the first of them."""

    tasks: int
    example: str


@dataclass
class Tally:
    """Counts what is wrong, one entry per kind."""

    found: dict[str, Found] = field(default_factory=dict[str, Found])

    def add(self, kind: str, task_id: str) -> None:
        """One more of this kind."""
        before = self.found.get(kind, Found(0, task_id))
        self.found[kind] = before._replace(tasks=before.tasks + 1)


class Census:
    """What one pass over the hot rows shows. Memory does not grow with the number of tasks."""

    def __init__(self, now: int) -> None:
        self.states: Counter[str] = Counter()
        self.out: Counter[str] = Counter()
        """Tasks with an open dispatch and no outcome, by queue."""
        self._now = now
        self._standings: dict[tuple[str, str, str], Found] = {}
        self._tally = Tally()

    def take(self, task: Task) -> None:
        """Look at one task."""
        state = state_name(task.status, task.why)
        self.states[state] += 1
        if task.open and not task.terminal:
            self.out[task.queue] += 1
        for kind in flaws(task, self._now):
            self._tally.add(kind, task.id)
        if task.status is not Status.COMPLETED:
            self._stand(state, task)

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

    def problems(self) -> Iterator[Problem]:
        """What the rows alone cannot explain."""
        for kind, found in self._tally.found.items():
            yield Problem(kind, found.tasks, found.example, SENTENCES[kind].format(tasks=_tasks(found.tasks)))


SENTENCES = {
    "state": "{tasks} stand in a state that no rule leads to",
    "overdue lease": f"{{tasks}} hold a lease that ended over {say_duration(PATIENCE)} ago and was not lapsed: "
    "is an orchestrator running?",
    "overdue start": f"{{tasks}} have been due for over {say_duration(PATIENCE)} without being made so: "
    "is an orchestrator running?",
    "overdue message": f"{{tasks}} wait for a message that was void over {say_duration(PATIENCE)} ago: "
    "is an orchestrator running?",
    "budget": "{tasks} go on although their attempts or losses are spent",
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


# ---------------------------------------------------------------- the trails


class Story:
    """What the trails and runs of the tasks read so far show."""

    def __init__(self) -> None:
        self.tasks = 0
        self.overlaps = 0
        self._gaps = Tally()

    def read(self, task: Task, trail: Sequence[Audit], runs: Sequence[RunView]) -> None:
        """Hold one task against its trail, which may have grown since the row was read."""
        self.tasks += 1
        self.overlaps += any(line.kind == "overlap" for line in trail) or overlapping(runs)
        if not leads_to(task, trail):
            self._gaps.add("trail", task.id)

    def problems(self) -> Iterator[Problem]:
        """Trails that do not lead to where their task stands."""
        for kind, found in self._gaps.found.items():
            told = f"the audit trails of {_tasks(found.tasks)} have gaps, or do not end where the task stands"
            yield Problem(kind, found.tasks, found.example, told)


def leads_to(task: Task, trail: Sequence[Audit]) -> bool:
    """Whether the trail has no gap and, at the row's version, says what the row says."""
    if [line.seq for line in trail] != list(range(1, len(trail) + 1)) or len(trail) < task.version:
        return False
    return task.version > 0 and trail[task.version - 1].after == state_name(task.status, task.why)


def overlapping(runs: Sequence[RunView]) -> bool:
    """Whether a run began before an earlier one had reported its end."""
    spans = sorted((run.started_at, run.ended_at) for run in runs if run.started_at and run.ended_at)
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


# ---------------------------------------------------------------- counters and queues


def _counters(views: Views) -> Iterator[Problem]:
    wrong = _differences(views)
    for _ in range(LOOKS - 1):
        wrong = {cell: gap for cell, gap in _differences(views).items() if wrong.get(cell) == gap} if wrong else wrong
    if wrong:
        cell, gap = next(iter(wrong.items()))
        where = ", ".join(str(part) for part in cell if part)
        differ = "1 counter differs from the tasks it counts" if len(wrong) == 1 else f"{len(wrong):,} counters differ"
        told = f"{differ}; the first, of {where}, by {gap:+,}"
        yield Problem("counters", sum(abs(gap) for gap in wrong.values()), "", told)


def _differences(views: Views) -> dict[tuple[str | None, ...], int]:
    shown, real = _cells(views.counts()), _cells(views.true_counts())
    return {cell: shown[cell] - real[cell] for cell in shown.keys() | real.keys() if shown[cell] != real[cell]}


def _cells(counts: Sequence[Count]) -> Counter[tuple[str | None, ...]]:
    cells: Counter[tuple[str | None, ...]] = Counter()
    for count in counts:
        cells[count[:-1]] += count.tasks
    return cells


def _mute_notes(mute: Mapping[str, str]) -> Iterator[str]:
    for queue, why in sorted(mute.items()):
        yield f"what is on queue {queue!r} is not known: {why.rstrip('.')}"


def _queue_notes(census: Census, depths: Mapping[str, Depth]) -> Iterator[str]:
    """A message too few is a lost one, and sent again by the clock; one too many belongs to a closed dispatch."""
    for queue, depth in sorted(depths.items()):
        out, messages = census.out[queue], depth.visible + depth.in_flight
        if messages < out:
            yield (
                f"queue {queue!r} holds {_messages(messages)} for {_tasks(out)}: reports are still on their way, or "
                "messages were lost, which are sent again when they are void"
            )
        elif messages > out:
            yield (
                f"queue {queue!r} holds {_messages(messages - out)} that no task waits for any more (it has ended, or "
                "another message was sent for it): the next worker drops them"
            )


def _other_notes(story: Story, quarantined: int) -> Iterator[str]:
    if story.overlaps:
        yield f"{_tasks(story.overlaps)} had two runs at once; the first success counts"
    if quarantined:
        more = "+" if quarantined >= QUARANTINED else ""
        these = "message is" if quarantined == 1 else "messages are"
        yield f"{quarantined:,}{more} damaged {these} in quarantine; to see what: leasehold queue quarantine"


def _messages(count: int) -> str:
    return f"{count:,} {'message' if count == 1 else 'messages'}"


def _tasks(count: int) -> str:
    return f"{count:,} {'task' if count == 1 else 'tasks'}"
