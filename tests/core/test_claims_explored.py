"""Where runs are claimed, two never live at once, whatever the queue hands out twice and whatever its deletes leave.

The whole of some small worlds: the queue hands out any message at any time, deleted or not; workers ask, begin, end,
fall silent and speak late, in every order; leases end, people cancel and retry, tasks go out again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from leasehold.core import events
from leasehold.core.machine import decide
from leasehold.core.model import Run, Status, Task, Why
from tests.core import laws
from tests.core.explorer import describe, hold
from tests.core.stories import (
    CANCELLED,
    LEASE,
    NOW,
    POLICY,
    RETRIED,
    VALIDITY,
    VOID_AT,
    a_queued_task,
    a_run,
    claimed,
    completed,
    failed,
    refused,
    released,
    unbegun,
    unstartable,
)

FIRST, TWIN, SECOND = a_run(1, 1, by="a"), a_run(1, 1, by="b"), a_run(1, 2, by="c")
THIRD, NEXT = a_run(1, 3, by="d"), a_run(2, 1, by="e")


class Moment(NamedTuple):
    """The ledger's view, and what is true beside it: which runs were granted until when, and which of them ended."""

    task: Task
    at: int
    granted: frozenset[tuple[str, int]]
    ended: frozenset[str]


class Happening(NamedTuple):
    event: events.Event
    ends: str | None = None
    """This run is over for good with this event."""
    asks: Run | None = None


CameBy = tuple[Moment, events.Event | str]


@dataclass
class ClaimedWorld:
    runs: Sequence[Run]
    instants: Sequence[int]
    dispatches: int = 2
    visited: dict[Moment, CameBy | None] = field(default_factory=dict[Moment, "CameBy | None"])
    answers: set[str] = field(default_factory=set[str])

    def explore(self, start: Task) -> None:
        waiting = deque[Moment]()
        self.meet(Moment(start, 0, frozenset(), frozenset()), None, waiting)
        while waiting:
            moment = waiting.popleft()
            now = self.instants[moment.at]
            for happening in self.happenings(moment, now):
                after = self.take(moment, happening, now)
                if after is not moment:
                    self.meet(after, (moment, happening.event), waiting)
            for run_id in self.alive(moment, now):  # it ends, and nothing of that is recorded yet
                self.meet(moment._replace(ended=moment.ended | {run_id}), (moment, f"{run_id} ends"), waiting)
            if moment.at + 1 < len(self.instants):
                self.meet(moment._replace(at=moment.at + 1), (moment, "time passes"), waiting)

    def alive(self, moment: Moment, now: int) -> list[str]:
        return sorted(run_id for run_id, until in moment.granted if run_id not in moment.ended and now < until)

    def happenings(self, moment: Moment, now: int) -> Iterator[Happening]:
        task, alive = moment.task, self.alive(moment, now)
        granted = {run_id for run_id, _ in moment.granted}
        for run in self.runs:
            if run.n > task.n:
                continue
            if run.run_id not in granted or run.run_id in alive:
                yield Happening(claimed(run), asks=run)
            yield from map(Happening, spoken(run, granted=run.run_id in granted, alive=run.run_id in alive))
        yield from map(Happening, (CANCELLED, RETRIED))
        if task.why is Why.DUE and task.n < self.dispatches:
            yield Happening(events.Dispatched(now + VALIDITY))
        if task.run_id is not None:
            yield Happening(events.Recalled(task.run_id), ends=task.run_id)  # its machine is gone, and it with it
        if task.why is Why.SCHEDULED:
            yield Happening(events.Due())
        # A sweeper that looked a while ago says these at any time.
        yield from map(Happening, (events.Lapsed(), events.Lapsed(redispatch=True), events.Voided()))

    def take(self, moment: Moment, happening: Happening, now: int) -> Moment:
        answer = decide(moment.task, happening.event, now)
        hold(laws.of_step(moment.task, happening.event, answer), happening.event)
        after = moment
        if answer.task is not moment.task:
            after = moment._replace(task=laws.without_history(answer.task))
        if happening.ends is not None:
            after = after._replace(ended=moment.ended | {happening.ends})
        if happening.asks is None:
            return after
        refusal = answer.refusal
        self.answers.add("granted" if refusal is None else "stale" if refusal.remaining is None else "busy")
        if refusal is not None:
            return after
        run = happening.asks
        others = [run_id for run_id in self.alive(moment, now) if run_id != run.run_id]
        assert not others, f"{run.run_id} is granted while {others} live: {self.way_to(moment)}"
        assert not moment.task.terminal, f"{run.run_id} is granted after the outcome: {self.way_to(moment)}"
        assert (answer.task.status, answer.task.run_id) == (Status.IN_PROGRESS, run.run_id)
        again = decide(answer.task, happening.event, now)
        assert (again.task, again.refusal) == (answer.task, None)
        known = dict(moment.granted)
        known.setdefault(run.run_id, now + LEASE)
        return after._replace(granted=frozenset(known.items()))

    def meet(self, moment: Moment, came_by: CameBy | None, waiting: deque[Moment]) -> None:
        if moment not in self.visited:
            self.visited[moment] = came_by
            waiting.append(moment)

    def way_to(self, moment: Moment) -> str:
        way: list[str] = []
        while (came_by := self.visited[moment]) is not None:
            moment, event = came_by
            way.append(event if isinstance(event, str) else describe(event))
        return " -> ".join(way[::-1])


def spoken(run: Run, *, granted: bool, alive: bool) -> Iterator[events.Event]:
    """What a worker may say of a run at any time, more than once."""
    if granted:
        yield from (events.Started(run), events.Draining(run))
    if granted and not alive:  # which of these it said does not matter here: let it have said each
        yield from (completed(run), failed(run, unrecoverable=True))
        for deleted in (False, True):
            yield from (failed(run, deleted=deleted), released(run, deleted=deleted), unbegun(run, deleted=deleted))
    if not granted:
        yield from (events.Expired(run.n, run.r), events.DeadLettered(run.n, run.r))
        for deleted in (False, True):
            yield from (unbegun(run, deleted=deleted), refused(run, deleted=deleted))
            yield unstartable(run, deleted=deleted)


def explored(world: ClaimedWorld, attempts: int = 1, losses: int = 1) -> ClaimedWorld:
    world.explore(laws.without_history(a_queued_task(POLICY._replace(attempts=attempts, losses=losses))))
    assert world.answers >= {"granted", "stale"}
    return world


def test_no_two_runs_live_at_once_where_the_queue_repeats_a_message() -> None:
    world = explored(ClaimedWorld([FIRST, TWIN, SECOND], [NOW, NOW + LEASE]))
    assert "busy" in world.answers
    assert len(world.visited) > 1_000


def test_what_is_given_back_unbegun_frees_the_task_for_no_other_while_a_run_of_it_lives() -> None:
    world = explored(ClaimedWorld([FIRST, SECOND, THIRD], [NOW]))
    assert "busy" in world.answers


def test_no_two_runs_live_at_once_over_two_dispatches() -> None:
    world = explored(ClaimedWorld([SECOND, NEXT], [NOW, VOID_AT - 1_000, VOID_AT]), losses=2)
    assert len(world.visited) > 1_000


@pytest.mark.prove
@pytest.mark.parametrize("attempts", [1, 2])
def test_no_two_runs_live_at_once_in_larger_worlds(attempts: int) -> None:
    world = explored(ClaimedWorld([FIRST, TWIN, SECOND], [NOW, NOW + LEASE, VOID_AT, VOID_AT + LEASE]), attempts, 2)
    assert len(world.visited) > 40_000
