"""No order of events breaks a law or leads where a task cannot come to its end (S2 to S5, S7, S9, L1)."""

import pytest

from leasehold.core.events import Submitted
from leasehold.core.model import Policy, Status, Task, Why
from leasehold.core.transitions import ALLOWED
from tests.core import laws
from tests.core.explorer import Explorer, World
from tests.core.stories import LEASE, NOW, POLICY, VALIDITY, VOID_AT, a_new_task, a_run, after

FIRST = a_run(1, 1, by="a")
TWIN = a_run(1, 1, by="b", began=NOW + 500)
SECOND = a_run(1, 2, by="b", began=NOW + LEASE + 500)
NEXT = a_run(2, 1, by="a", began=NOW + VALIDITY)
BETWEEN = NOW + LEASE + 1_000
"""The lease of the first run is over, that of the second is ahead."""
TIGHT = POLICY._replace(attempts=1, losses=1)
LOOSE = POLICY._replace(attempts=2, losses=2)
PAIRS = POLICY._replace(attempts=1, losses=2, bundle=2)


def every_way(policy: Policy) -> list[Task]:
    """A task before anything happened to it, in each way in which it may enter the ledger."""
    later, free = a_new_task(due_at=BETWEEN), a_new_task()
    entered = [after(free, Submitted()), after(later, Submitted()), after(later, Submitted(parents=1))]
    return [task._replace(policy=policy) for task in entered]


def comes_to_its_end(task: Task, now: int) -> None:
    """L1, from this state on, in four worlds."""
    quiet = laws.by_the_clock_alone(task, now)
    assert quiet.terminal or quiet.why in (Why.DUE, Why.BLOCKED)
    done = laws.where_runs_succeed(task, now)
    assert done.status is (Status.CANCELLED if task.status is Status.CANCELLED else Status.COMPLETED)
    assert laws.where_runs_die(task, now).terminal
    assert laws.where_workers_die_unheard(task, now).terminal


@pytest.mark.timeout(600)  # under coverage on a busy machine
def test_small_worlds_and_that_they_write_every_line_of_the_table() -> None:
    written = {line for line in ALLOWED if line[0] == "submitted"}
    for world, starts in (
        (World([FIRST, TWIN], [NOW, BETWEEN]), every_way(TIGHT)[:1]),
        (World([FIRST, TWIN], [NOW, BETWEEN, VOID_AT]), every_way(LOOSE)[:1]),
        (World([FIRST, SECOND], [NOW, BETWEEN]), every_way(LOOSE)[:1]),
        (World([FIRST, SECOND], [NOW, BETWEEN], clock_set_back=True), every_way(TIGHT)),
        (World([FIRST, SECOND], [NOW, BETWEEN], members=2), every_way(PAIRS)[:1]),
    ):
        explorer = Explorer(world)
        explorer.explore(starts, comes_to_its_end)
        assert len(explorer.visited) > 1_000
        written |= explorer.lines
    assert written == ALLOWED


TWO_DISPATCHES = World([FIRST, SECOND, NEXT], [NOW, BETWEEN, VOID_AT, VOID_AT + VALIDITY], dispatches=2)
SET_BACK = World([FIRST, TWIN, SECOND], [NOW, BETWEEN, VOID_AT], clock_set_back=True)
BUNDLED = World([FIRST, SECOND, NEXT], [NOW, BETWEEN, VOID_AT, VOID_AT + VALIDITY], dispatches=2, members=2)


@pytest.mark.prove
@pytest.mark.parametrize(
    ("world", "policy"),
    [
        *((world, policy) for world in (TWO_DISPATCHES, BUNDLED) for policy in (TIGHT, LOOSE, PAIRS)),
        (SET_BACK, TIGHT),  # with LOOSE alone it takes eight minutes
        pytest.param(SET_BACK, PAIRS, marks=pytest.mark.more),
    ],
)
@pytest.mark.timeout(1_800)
def test_larger_worlds(world: World, policy: Policy) -> None:
    explorer = Explorer(world)
    explorer.explore(every_way(policy), comes_to_its_end)
    assert len(explorer.visited) > 10_000
