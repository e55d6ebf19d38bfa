"""The invariants S2 to S5, S7 and S9, for any story of a task and for every order in which its reports may arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from leasehold.core import events
from leasehold.core.alarms import owed
from leasehold.core.machine import decide
from leasehold.core.model import Run, Status, Task
from leasehold.core.transitions import COMPLETED
from tests.core import laws
from tests.core.explorer import hold, line_of
from tests.core.stories import (
    CANCELLED,
    LEASE,
    NOW,
    POLICY,
    RETRIED,
    VALIDITY,
    a_due_task,
    a_queued_task,
    a_run,
    a_running_task,
    after,
    claimed,
    completed,
    failed,
    refused,
    released,
    unbegun,
)

RUNS = [
    a_run(1, 1, by="a"),
    a_run(1, 1, by="b"),
    a_run(1, 2, by="a", began=NOW + 10),
    a_run(1, 3, by="b", began=NOW + 20),
]

SAYINGS: list[Callable[[Run], events.Event]] = [
    events.Started,
    lambda run: events.Progressed(run, 0.5, "half"),
    completed,
    failed,
    lambda run: failed(run, deleted=True),
    lambda run: failed(run, unrecoverable=True),
    released,
    lambda run: released(run, deleted=True),
    unbegun,
    lambda run: unbegun(run, deleted=True),
    claimed,
    events.Draining,
    refused,
    lambda run: refused(run, deleted=True),
    lambda run: events.Expired(run.n, run.r),
    lambda run: events.DeadLettered(run.n, run.r),
]
reports = st.builds(lambda say, run: say(run), st.sampled_from(SAYINGS), st.sampled_from(RUNS))


def judged_by_who_is_alive(event: events.Event) -> bool:
    """What was never begun is judged by who is alive when it is heard; the ledger skips a repeated status_id."""
    unbegun = isinstance(event, events.Released) and not event.begun
    return unbegun or isinstance(event, events.Expired | events.DeadLettered | events.Refused | events.Claimed)


of_runs = reports.filter(lambda event: not judged_by_who_is_alive(event))
sets = st.lists(reports, min_size=1, max_size=5, unique=True)
beginnings = st.sampled_from(
    [
        a_queued_task(POLICY._replace(attempts=2, losses=2)),
        a_running_task(RUNS[0], POLICY._replace(attempts=1, losses=1)),
        after(a_running_task(RUNS[0]), events.Lapsed(), at=RUNS[0].lease_until),
        after(a_running_task(RUNS[0]), failed(RUNS[0], unrecoverable=True)),
    ]
)


def told(task: Task, order: Sequence[events.Event], now: int = NOW + 100) -> Task:
    """The task after these reports, each step held to the laws."""
    for event in order:
        answer = decide(task, event, now)
        hold(laws.of_step(task, event, answer), event)
        hold(laws.of_state(answer.task), event)
        task = answer.task
    return task


def orders(of: Sequence[events.Event]) -> list[tuple[events.Event, ...]]:
    return sorted(set(permutations(of)), key=repr)


@given(beginnings, sets, st.data())
def test_whether_a_task_completes_depends_only_on_the_set_of_reports(
    task: Task, told_of_it: list[events.Event], data: st.DataObject
) -> None:
    twice = data.draw(st.sampled_from(told_of_it))
    succeeds = any(isinstance(event, events.Completed) for event in told_of_it)
    for order in orders([*told_of_it, twice]):
        assert (told(task, order).status is Status.COMPLETED) == succeeds


@given(beginnings, of_runs, st.lists(reports, max_size=3))
def test_what_a_run_reports_twice_changes_nothing_wherever_the_second_falls(
    task: Task, twice: events.Event, told_of_it: list[events.Event]
) -> None:
    for order in orders([twice, *told_of_it]):
        once = told(task, order)
        for place in range(order.index(twice) + 1, len(order) + 1):
            assert laws.same(once, told(task, [*order[:place], twice, *order[place:]]))


@given(st.lists(st.sampled_from([2, 3, 4, 5]), min_size=1, max_size=4, unique=True), st.data())
def test_of_several_failures_the_newest_run_tells_the_story_in_any_order(rs: list[int], data: st.DataObject) -> None:
    tells = [
        failed(a_run(1, r), f"of run {r}", deleted=data.draw(st.booleans()), unrecoverable=data.draw(st.booleans()))
        for r in rs
    ]
    for order in orders(tells):
        assert told(a_queued_task(), order).reason == f"of run {max(rs)}"


# --- stories: anything may happen


class Happening(NamedTuple):
    """Something that happens next, as seen from where the task stands."""

    what: int
    of_an_earlier_dispatch: bool
    receives_on: int
    by: str
    passes: int


SOONER_OR_LATER = [0, 0, 0, 1, 1_000, LEASE, LEASE + 6_000, VALIDITY, VALIDITY + LEASE + 5_000]
OURS: list[events.Event] = [
    CANCELLED,
    RETRIED,
    events.Due(),
    events.Voided(),
    events.Lapsed(),
    events.Lapsed(redispatch=True),
]
happenings = st.builds(
    Happening,
    what=st.integers(0, len(SAYINGS) + len(OURS) + 5),
    of_an_earlier_dispatch=st.sampled_from([False, False, False, True]),
    receives_on=st.sampled_from([-1, 0, 0, 1, 1, 2]),
    by=st.sampled_from("ab"),
    passes=st.sampled_from([*SOONER_OR_LATER, -1_000, -3_600_000]),
)


def next_event(task: Task, happening: Happening, now: int) -> events.Event:
    if happening.what < len(SAYINGS):
        n = max(1, task.n - happening.of_an_earlier_dispatch)
        run = a_run(n, max(1, task.r + happening.receives_on), by=happening.by, began=now)
        return SAYINGS[happening.what](run)
    if happening.what < len(SAYINGS) + len(OURS):
        return OURS[happening.what - len(SAYINGS)]
    if happening.what % 2 and task.run_id is not None:
        return events.Recalled(task.run_id)
    return owed(task, now) or events.Dispatched(now + VALIDITY)


@given(st.lists(happenings, max_size=30), st.integers(1, 3), st.integers(1, 3))
def test_no_story_breaks_a_law_and_every_story_can_come_to_its_end(
    story: list[Happening], attempts: int, losses: int
) -> None:
    task, now = a_due_task(POLICY._replace(attempts=attempts, losses=losses)), NOW
    lines: list[tuple[str, str, str]] = []
    for happening in story:
        now += happening.passes
        event = next_event(task, happening, now)
        answer = decide(task, event, now)
        hold(laws.of_step(task, event, answer), event)
        hold(laws.of_state(answer.task), event)
        lines += map(line_of, answer.audit)
        task = answer.task
    assert task.version == 1 + len(lines)
    assert sum(after == COMPLETED != before for _, before, after in lines) == (task.status is Status.COMPLETED)
    quiet = laws.by_the_clock_alone(task, now)
    assert quiet.terminal or quiet.why == "due"
    assert laws.where_runs_succeed(task, now).status in (Status.COMPLETED, task.status)
    assert laws.where_runs_die(task, now).terminal
    assert laws.where_workers_die_unheard(task, now).terminal
