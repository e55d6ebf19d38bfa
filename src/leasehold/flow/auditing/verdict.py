"""What an audit says, as values and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from leasehold.core.model import Status
from leasehold.ports.inspection import Quarantined


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


class Found(NamedTuple):
    """How many tasks have one thing wrong with them, and the first of them."""

    tasks: int
    example: str


class Span(NamedTuple):
    """One of two runs at once. Instants in ms; ``until``: its end, or the end of its lease where it reported none."""

    dispatch: int
    receive: int
    run_id: str
    worker: str | None
    started_at: int
    until: int
    ended: bool


class Overlap(NamedTuple):
    """Two runs of one task at once. ``promised``: one of the cases that the guarantees name."""

    task: str
    earlier: Span
    later: Span
    overlap_ms: int
    promised: bool
    because: str


class QueueLevel(NamedTuple):
    """One task queue, as it says itself and as the ledger says."""

    queue: str
    visible: int
    in_flight: int
    queued: int
    in_progress: int
    lapsed: int
    unstarted: int
    """Queued tasks of whose message nobody has said anything yet: what the window limits."""
    ended_open: int
    """Tasks with an outcome whose message may still be there."""
    missing: int
    """Messages too few for the tasks that are out, however often it was looked; at most ``0`` while reports come in."""
    surplus: int
    """Messages that no task waits for, however often it was looked."""


class StatusLevel(NamedTuple):
    """The status queue, and how far behind its recorders are."""

    visible: int
    in_flight: int
    last_report_at: int | None
    stuck: bool
    """Reports wait, and none was recorded for as long as it was looked at."""


class DeadLevel(NamedTuple):
    """The dead-letter queue."""

    visible: int
    in_flight: int


class Refusals(NamedTuple):
    """What came and changed nothing, since the ledger was made; ``story``: lines of the trails, by their kind."""

    repeated: int = 0
    """Reports that were recorded before."""
    ignored: Mapping[str, int] = {}
    """Other reports that changed nothing, by reason: stale, late, or known by another report."""
    claims: Mapping[str, int] = {}
    """Runs that were not granted, by reason (``single-queue``)."""
    story: Mapping[str, int] = {}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an audit found."""

    tasks: int
    states: Mapping[str, int]
    standings: Sequence[Standing]
    problems: Sequence[Problem]
    notes: Sequence[str]
    trails: int
    """Tasks whose audit trail was read."""
    overlaps: int
    """Tasks that had two runs at once."""
    quarantined: int
    overlapping: Sequence[Overlap] = ()
    """The first of them, with both runs."""
    forged: int = 0
    """Of those in quarantine: reports whose capability did not fit."""
    refusals: Refusals = Refusals()  # noqa: RUF009 - it never changes
    queues: Sequence[QueueLevel] = ()
    status: StatusLevel | None = None
    """``None``: there is none, or it was not asked."""
    dead_letters: DeadLevel | None = None
    queues_asked: bool = True
    """Whether every queue said how full it is."""

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
        return f"Nothing is lost: {tasks(self.tasks)}, {rest}; {agree} agree."


def said_of(quarantined: Quarantined) -> Iterator[str]:
    """What there is to say of messages in quarantine."""
    damaged, forged = quarantined
    where = "in quarantine; to see what: leasehold queue quarantine"
    if damaged:
        yield f"{damaged:,} damaged {'message is' if damaged == 1 else 'messages are'} {where}"
    if forged:
        what = "status message holds reports" if forged == 1 else "status messages hold reports"
        yield f"{forged:,} {what} of tasks that the sender was not given: they were refused, and are {where}"


def said_of_forgotten(count: int) -> Iterator[str]:
    """What there is to say of tasks that are gone."""
    if count:
        yield f"{tasks(count)} that ended long ago {'is' if count == 1 else 'are'} not kept any more"


def tasks(count: int) -> str:
    """``1 task``, ``2,000 tasks``."""
    return f"{count:,} {'task' if count == 1 else 'tasks'}"


def messages(count: int) -> str:
    """``1 message``, ``2,000 messages``."""
    return f"{count:,} {'message' if count == 1 else 'messages'}"
