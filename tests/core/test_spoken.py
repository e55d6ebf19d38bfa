"""What workers report of runs that begin, go on and succeed."""

import pytest

from leasehold.core.events import Dispatched, Draining, Event, Expired, Progressed, Started, Submitted
from leasehold.core.model import RunFact, Task, Token
from tests.core.stories import (
    CANCELLED,
    INFERRED,
    LAPSED_TASK,
    NOW,
    ONE_LOSS,
    OVER,
    RETRIED,
    RUN,
    SECOND,
    VALIDITY,
    a_due_task,
    a_new_task,
    a_queued_task,
    a_run,
    a_running_task,
    after,
    completed,
    decided,
    failed,
    ignored,
    kinds,
    refused,
    released,
    state,
)

# --- started, progressed


def test_a_start_puts_the_task_in_progress() -> None:
    task = a_running_task()
    assert (state(task), task.token, task.run_id, task.worker) == ("in_progress", Token(1, 1), RUN.run_id, "w1")
    assert (task.receipt, task.lease_until, task.run_open, task.started_at) == (RUN.receipt, OVER, True, NOW)


def test_a_start_is_recorded_once() -> None:
    assert ignored(a_running_task(), Started(RUN)) == "this run is known already"


def test_a_start_that_arrives_after_its_own_end_starts_nothing() -> None:
    for end in (released(), refused(), failed()):
        assert ignored(after(a_queued_task(), end), Started(RUN)) == "this run is known already"


def test_an_earlier_run_is_only_noted() -> None:
    task = after(a_queued_task(), Started(SECOND))
    early = (
        Started(RUN),
        Progressed(RUN),
        Draining(RUN),
        failed(),
        failed(deleted=True),
        released(),
        refused(deleted=True),
    )
    for report in early:
        decision = decided(task, report)
        assert decision.audit == ()
        assert decision.task == task._replace(seen=0b110)
        assert ignored(decision.task, report) == "run 2 has taken over from run 1"


def test_a_start_of_an_earlier_dispatch_starts_nothing() -> None:
    task = after(a_running_task(), released(deleted=True), Dispatched(NOW + VALIDITY))
    assert ignored(task, Started(RUN)) == "it speaks of dispatch 1, the task is at 2"


def test_a_start_on_a_closed_dispatch_starts_nothing() -> None:
    task = after(a_running_task(), released(deleted=True))
    late = after(task, Started(SECOND))
    assert (state(late), late.token, late.open) == ("pending/due", Token(1, 1), False)


def test_a_redelivery_starts_the_task_again() -> None:
    for task in (after(a_running_task(), released()), LAPSED_TASK, after(a_running_task(), failed())):
        again = after(task, Started(SECOND), at=OVER)
        assert (state(again), again.run_id, again.started_at) == ("in_progress", SECOND.run_id, NOW)


def test_a_run_that_is_skipped_over_costs_one_loss() -> None:
    decision = decided(a_running_task(), Started(SECOND))
    assert kinds(decision.audit) == ["lost", "started"]
    assert (decision.task.losses, decision.task.charged) == (1, (RUN.run_id,))


def test_a_run_that_ended_or_was_charged_already_costs_nothing_when_skipped() -> None:
    assert after(a_running_task(), released(), Started(SECOND)).losses == 0
    assert after(LAPSED_TASK, Started(SECOND), at=OVER).losses == LAPSED_TASK.losses == 1
    assert kinds(decided(LAPSED_TASK, Started(SECOND), at=OVER).audit) == ["started"]


def test_the_last_loss_fails_the_task_although_a_new_run_of_it_began() -> None:
    decision = decided(a_running_task(policy=ONE_LOSS), Started(SECOND))
    assert kinds(decision.audit) == ["lost"]
    assert (state(decision.task), decision.task.inferred, decision.task.token) == ("failed", True, Token(1, 2))


@pytest.mark.parametrize("outcome", [CANCELLED, failed(unrecoverable=True)])
def test_a_run_that_begins_after_the_outcome_becomes_current_and_changes_nothing_else(outcome: Event) -> None:
    ended = after(a_running_task(), outcome)
    decision = decided(ended, Started(SECOND))
    assert kinds(decision.audit) == ["late"]
    assert (state(decision.task), decision.task.token, decision.task.losses) == (state(ended), Token(1, 2), 0)


def test_progress_is_a_fact_of_its_run() -> None:
    task = a_running_task()
    assert ignored(task, Progressed(RUN, 0.5, "half")) == "this run is known already"


def test_progress_stands_in_for_a_start_that_was_lost() -> None:
    decision = decided(a_queued_task(), Progressed(RUN, 0.5, "half"))
    assert state(decision.task) == "in_progress"
    assert decision.facts == (
        RunFact(1, 1, RUN.run_id, "w1", started_at=NOW, lease_until=OVER, fraction=0.5, note="half"),
    )


def test_two_runs_with_one_token_are_an_overlap_and_the_first_recorded_counts() -> None:
    other = a_run(by="w2")
    for report in (Started(other), Draining(other), failed(other), released(other, deleted=True)):
        decision = decided(a_running_task(), report)
        assert kinds(decision.audit) == ["overlap"]
        assert decision.audit[0].run_id == other.run_id
        assert decision.task == a_running_task()._replace(version=decision.task.version, updated_at=NOW)


# --- completed


@pytest.mark.parametrize(
    "task",
    [
        after(a_new_task(), Submitted(parents=1)),
        a_due_task(),
        a_queued_task(),
        a_running_task(),
        LAPSED_TASK,
        after(a_running_task(), failed()),
        after(a_running_task(), failed(deleted=True)),
        after(a_running_task(), failed(unrecoverable=True)),
        INFERRED,
        after(a_running_task(), Started(SECOND)),
        after(a_running_task(), released(deleted=True), Dispatched(NOW + VALIDITY), Started(a_run(2, 1))),
    ],
    ids=state,
)
def test_a_success_completes_the_task_from_wherever_it_stands(task: Task) -> None:
    done = after(task, completed(), at=task.updated_at + 9)
    assert (state(done), done.ended_at, done.reason, done.error_group, done.inferred) == (
        "completed",
        task.updated_at + 9,
        None,
        None,
        False,
    )


def test_the_first_success_wins_and_nothing_undoes_it() -> None:
    done = after(a_running_task(), completed())
    for report in (completed(), completed(SECOND), failed(SECOND), released(SECOND), refused(SECOND), Started(SECOND)):
        assert ignored(done, report) == "the task is completed; nothing undoes a success"


def test_a_success_closes_no_dispatch_because_its_delete_comes_after_it() -> None:
    done = after(a_running_task(), completed())
    assert done.open
    assert not done.run_open


def test_a_success_before_its_own_start_says_when_the_task_began() -> None:
    decision = decided(a_queued_task(), completed(SECOND))
    assert kinds(decision.audit) == ["started", "completed"]
    assert decision.task.started_at == SECOND.started_at
    assert after(after(a_running_task(), failed(deleted=True)), completed(SECOND)).started_at == NOW
    assert after(a_due_task(), completed(SECOND)).started_at == SECOND.started_at


def test_a_success_after_the_cancellation_is_kept_with_its_run() -> None:
    decision = decided(after(a_running_task(), CANCELLED), completed())
    assert kinds(decision.audit) == ["late"]
    assert state(decision.task) == "cancelled"
    assert decision.facts[0].outcome == "completed"


def test_a_run_that_succeeded_after_the_cancellation_was_heard_of() -> None:
    task = after(a_queued_task(), CANCELLED, completed(), RETRIED)
    assert (state(task), after(task, Expired(1, 2)).losses) == ("pending/queued", 0)
