"""What workers report of one task in every order in which it may arrive, and a storm of give-backs."""

from __future__ import annotations

from itertools import permutations

import pytest

from leasehold.core.events import DeadLettered, Event, Progressed, Started
from leasehold.core.model import Status, Task
from tests.core.stories import RUN, SECOND, a_queued_task, a_run, after, completed, failed, ignored, released, state

THIRD = a_run(1, 3, by="w3", began=SECOND.started_at + 20_000)
REPORTS: tuple[Event, ...] = (Started(RUN), released(), Started(SECOND), Progressed(SECOND, 0.5), completed(SECOND))
"""A run that was given back, and one that succeeded."""
FAILURES: tuple[Event, ...] = (Started(RUN), failed(), Started(SECOND), failed(SECOND, "still no file"), Started(THIRD))
"""Two runs failed, their message still out, and a third one goes on."""


def test_in_every_order_of_its_reports_a_task_completes_once_and_nothing_is_charged() -> None:
    orders = list(permutations(REPORTS))
    assert len(orders) == 120
    for order in orders:
        task = after(a_queued_task(), *order)
        assert (task.status, task.attempts) == (Status.COMPLETED, 0), order
        assert task.losses <= 1, order  # a run that was skipped over looks lost until its end is heard of
        assert after(task, *order)._replace(seen=0) == task._replace(seen=0), order


def test_in_every_order_no_run_is_charged_twice_and_a_late_success_still_counts() -> None:
    for order in permutations(FAILURES):
        task = after(a_queued_task(), *order)
        assert task.attempts + task.losses <= 2, order
        assert (task.token.r, task.terminal) == (3, False), order
        assert after(task, completed(RUN)).status is Status.COMPLETED, order


@pytest.mark.parametrize("deleted", [False, True])
def test_a_run_that_was_released_before_its_own_start_is_heard_of_does_not_begin_again(deleted: bool) -> None:
    task = after(a_queued_task(), released(deleted=deleted))
    assert (state(task), task.run_open, task.losses) == ("pending/due" if deleted else "pending/queued", False, 0)
    reason = ignored(task, Started(RUN))
    assert reason == ("its dispatch is closed" if deleted else "this run is known already")
    assert after(task, Started(RUN)) == task


def a_storm(receives: int) -> Task:
    """One machine after the other is taken away, each with a word."""
    task = a_queued_task()
    for r in range(1, receives + 1):
        run = a_run(1, r, by=f"spot-{r}")
        task = after(task, Started(run), released(run))
    return task


def test_a_storm_of_notices_that_uses_up_the_receives_of_a_message_costs_nothing() -> None:
    """It is taken off the queue as if something killed every worker; but each receive was heard of."""
    task = a_storm(10)
    assert (state(task), task.losses, task.attempts) == ("pending/queued", 0, 0)
    task = after(task, DeadLettered(1, 11))
    assert (state(task), task.open, task.losses, task.attempts) == ("pending/due", False, 0, 0)


def test_of_the_receives_of_a_storm_only_those_never_heard_of_cost_a_loss() -> None:
    task = after(a_storm(8), DeadLettered(1, 11))
    assert (state(task), task.losses) == ("pending/due", 1)
