"""What workers report of runs that end without success; and what that refunds."""

import pytest

from leasehold.core.events import Dispatched, Draining, Due, Event, Expired, Recalled, Started
from leasehold.core.model import Policy, Task, Token
from tests.core.stories import (
    CANCELLED,
    FAILURE,
    INFERRED,
    LAPSED,
    LAPSED_TASK,
    LEASE,
    NOW,
    ONE_LOSS,
    OVER,
    RETRIED,
    RUN,
    SECOND,
    VALIDITY,
    VOID_AT,
    VOIDED,
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

# --- failed


def test_a_failure_is_retried_after_its_backoff() -> None:
    task = after(a_running_task(), failed(deleted=True, jitter=0.5))
    assert (state(task), task.due_at, task.attempts, task.open) == ("pending/scheduled", NOW + 1_000, 1, False)
    assert (task.reason, task.error_group is not None) == ("no such file", True)


def test_the_backoff_doubles_with_each_attempt() -> None:
    again = a_run(2, 1)
    task = after(a_running_task(), failed(deleted=True, jitter=0.0), Due(), Dispatched(NOW + VALIDITY), Started(again))
    assert after(task, failed(again, deleted=True, jitter=0.5)).due_at == NOW + 2_000


def test_the_handler_may_say_when_to_try_again() -> None:
    assert after(a_running_task(), failed(deleted=True, after=7)).due_at == NOW + 7


def test_a_failure_whose_message_is_still_out_waits_for_its_redelivery() -> None:
    task = after(a_running_task(), failed(deleted=False))
    assert (state(task), task.attempts, task.open, task.run_open) == ("pending/lapsed", 1, True, False)
    assert state(after(task, Started(SECOND))) == "in_progress"


@pytest.mark.parametrize("deleted", [True, False])
def test_an_unrecoverable_failure_skips_the_budget(deleted: bool) -> None:
    task = after(a_running_task(), failed(unrecoverable=True, deleted=deleted))
    assert (state(task), task.attempts, task.inferred, task.open) == ("failed", 1, False, not deleted)


def test_the_last_attempt_fails_the_task() -> None:
    task = a_running_task()
    for n in (2, 3):
        task = after(task, failed(a_run(n - 1), deleted=True, after=0), Due(), Dispatched(NOW), Started(a_run(n)))
    assert state(task) == "in_progress"
    assert state(after(task, failed(a_run(3), deleted=True))) == "failed"
    assert state(after(task, failed(a_run(3), deleted=False))) == "failed"


def test_a_failure_before_its_own_start_counts() -> None:
    decision = decided(a_queued_task(), failed())
    assert kinds(decision.audit) == ["started", "failed"]
    assert (state(decision.task), decision.task.attempts) == ("pending/lapsed", 1)


def test_a_run_fails_once() -> None:
    for end in (failed(), released()):
        assert ignored(after(a_running_task(), end), failed()) == "an end of this run is recorded already"


def test_a_failure_of_an_earlier_dispatch_says_nothing_of_this_one() -> None:
    task = after(a_running_task(), released(deleted=True), Dispatched(NOW + VALIDITY))
    assert ignored(task, failed(unrecoverable=True)) == "it speaks of dispatch 1, the task is at 2"


def test_a_failure_on_a_closed_dispatch_spends_its_attempt_and_changes_nothing_else() -> None:
    due = after(a_queued_task(), Expired(1, 1))
    scheduled = after(a_running_task(), failed(deleted=True))
    for closed, report in ((due, failed()), (scheduled, failed(SECOND, deleted=True))):
        task = after(closed, report)
        assert (state(task), task.attempts, task.due_at) == (state(closed), closed.attempts + 1, closed.due_at)
        assert not task.open


def test_a_failure_on_a_closed_dispatch_charges_no_run_before_it() -> None:
    adopted = after(after(a_running_task(), CANCELLED), RETRIED, Expired(1, 2), at=OVER)
    assert (state(adopted), adopted.losses) == ("pending/due", 0)
    assert after(adopted, failed(SECOND), at=OVER).losses == 0


def test_a_failure_on_a_closed_dispatch_may_fail_the_task() -> None:
    closed = after(a_running_task(policy=Policy(LEASE, attempts=2)), failed(deleted=True))
    assert state(after(closed, failed(SECOND))) == "failed"
    assert state(after(after(a_queued_task(), Expired(1, 1)), failed(unrecoverable=True))) == "failed"


def test_a_failure_of_a_run_thought_lost_refunds_the_loss_and_spends_an_attempt() -> None:
    decision = decided(LAPSED_TASK, failed(), at=OVER)
    assert kinds(decision.audit) == ["refunded", "failed"]
    assert (decision.task.losses, decision.task.charged, decision.task.attempts) == (0, (), 1)
    assert state(decision.task) == "pending/lapsed"


def test_a_reported_failure_replaces_an_inferred_one() -> None:
    task = after(INFERRED, failed(SECOND, "disk full"), at=OVER)
    assert (state(task), task.inferred, task.attempts, task.reason) == ("failed", False, 1, "disk full")


def test_of_two_failures_the_newest_run_tells_the_story() -> None:
    first, second = failed(message="first", unrecoverable=True), failed(SECOND, "second", unrecoverable=True)
    for reports in ((first, second), (second, first)):
        task = after(a_queued_task(), *reports)
        assert (state(task), task.reason, task.attempts) == ("failed", "second", 1)


def test_a_failure_after_the_cancellation_is_audited() -> None:
    task = after(a_running_task(), CANCELLED)
    decision = decided(task, failed(deleted=True))
    assert kinds(decision.audit) == ["late"]
    assert (state(decision.task), decision.task.attempts, decision.task.open) == ("cancelled", 0, False)


def test_a_failure_without_a_message_is_called_by_its_type() -> None:
    assert after(a_running_task(), failed(message="")).reason == FAILURE.type


@pytest.mark.parametrize("outcome", [CANCELLED, failed(unrecoverable=True)])
def test_an_end_with_its_delete_closes_the_dispatch_also_after_the_outcome(outcome: Event) -> None:
    ended = after(a_running_task(), outcome)
    for report in (failed(SECOND, deleted=True), released(SECOND, deleted=True)):
        task = after(ended, report)
        assert (state(task), task.open, task.token) == (state(ended), False, Token(1, 2))
        assert kinds(decided(ended, report).audit)[-1] in {"late", "failed"}


# --- released


@pytest.mark.parametrize(("deleted", "stands"), [(False, "pending/queued"), (True, "pending/due")])
def test_a_run_given_back_costs_nothing(deleted: bool, stands: str) -> None:
    for task in (a_running_task(), a_queued_task(), LAPSED_TASK):
        back = after(task, released(deleted=deleted), at=OVER)
        assert (state(back), back.attempts, back.losses, back.charged) == (stands, 0, 0, ())
        assert (back.open, back.run_open, back.receipt) == (not deleted, False, None)


def test_why_a_run_was_given_back_is_told() -> None:
    decision = decided(a_running_task(), released())
    assert (decision.audit[0].detail, decision.facts[0].note) == ("notice", "notice")
    silent = decided(a_running_task(), released()._replace(cause=""))
    assert (silent.audit[0].detail, silent.facts[0].note) == (None, None)


def test_a_run_is_given_back_once() -> None:
    assert (
        ignored(after(a_running_task(), released()), released(deleted=True)) == "an end of this run is recorded already"
    )


def test_a_release_on_a_closed_dispatch_changes_nothing() -> None:
    task = after(a_queued_task(), Expired(1, 1))
    assert state(after(task, released(SECOND))) == "pending/due"
    assert after(task, released(SECOND)).token == Token(1, 0)


def test_a_release_that_skips_a_silent_run_charges_that_one() -> None:
    task = after(a_running_task(), released(SECOND))
    assert (state(task), task.losses, task.charged) == ("pending/queued", 1, (RUN.run_id,))


# --- draining


def test_a_draining_run_keeps_its_lease_and_loses_its_receipt() -> None:
    decision = decided(a_running_task(), Draining(RUN))
    assert kinds(decision.audit) == ["draining"]
    assert (state(decision.task), decision.task.receipt, decision.task.lease_until) == ("in_progress", None, OVER)
    assert ignored(decision.task, Draining(RUN)) == "this run is known already"


def test_a_run_that_drains_after_its_lease_is_over_loses_its_receipt_too() -> None:
    assert state(after(LAPSED_TASK, Draining(RUN), at=OVER)) == "pending/lapsed"
    assert after(LAPSED_TASK, Draining(RUN), at=OVER).receipt is None


def test_draining_stands_in_for_a_start_that_was_lost() -> None:
    decision = decided(a_queued_task(), Draining(RUN))
    assert kinds(decision.audit) == ["started", "draining"]
    assert (state(decision.task), decision.task.receipt) == ("in_progress", None)
    assert kinds(decided(a_queued_task(), Draining(RUN._replace(receipt=None))).audit) == ["started"]


def test_a_draining_run_of_an_ended_task_loses_its_receipt_in_silence() -> None:
    decision = decided(after(a_running_task(), CANCELLED), Draining(RUN))
    assert (decision.audit, decision.task.receipt, state(decision.task)) == ((), None, "cancelled")


def test_only_the_run_that_holds_an_open_dispatch_drains() -> None:
    assert ignored(after(a_running_task(), released()), Draining(RUN)) == "this run is known already"
    assert (
        ignored(after(a_running_task(), completed()), Draining(RUN))
        == "the task is completed; nothing undoes a success"
    )
    another = after(a_running_task(), released(deleted=True), Dispatched(NOW + VALIDITY))
    assert ignored(another, Draining(RUN)) == "it speaks of dispatch 1, the task is at 2"


def test_draining_of_a_dispatch_that_was_closed_meanwhile_changes_nothing() -> None:
    closed = after(a_running_task(), Recalled(RUN.run_id), Expired(1, 2))
    assert state(closed) == "pending/due"
    assert ignored(closed, Draining(RUN)) == "its dispatch is closed"


# --- refused


def test_a_refused_task_whose_message_is_gone_tries_again_later() -> None:
    task = after(a_queued_task(), refused(deleted=True, jitter=0.5))
    assert (state(task), task.due_at, task.attempts, task.losses) == ("pending/scheduled", NOW + 1_000, 0, 0)
    assert task.reason == "no worker knows transcribe"


def test_each_refused_dispatch_waits_longer() -> None:
    task = after(a_queued_task(), refused(deleted=True, jitter=0.0), Due(), Dispatched(NOW + VALIDITY))
    assert after(task, refused(a_run(2), deleted=True, jitter=0.5)).due_at == NOW + 2_000


def test_a_refused_task_whose_message_is_still_out_waits_for_another_worker() -> None:
    task = after(a_queued_task(), refused())
    assert (state(task), task.open, task.reason) == ("pending/queued", True, "no worker knows transcribe")
    assert ignored(task, refused()) == "an end of this run is recorded already"


# --- refunds


def test_a_late_end_of_a_lost_run_refunds_its_loss() -> None:
    lost = after(a_running_task(), Started(SECOND))
    for end in (completed(), failed(), released(), refused()):
        decision = decided(lost, end)
        assert kinds(decision.audit)[0] == "refunded"
        assert (decision.task.losses, decision.task.charged) == (0, ())
        assert after(decision.task, end).losses == 0


def test_a_refund_reaches_over_dispatches() -> None:
    task = after(a_running_task(), Started(SECOND), released(SECOND, deleted=True), Dispatched(NOW + VALIDITY))
    refunded = after(task, released())
    assert (state(refunded), refunded.losses, refunded.token) == ("pending/queued", 0, Token(2, 0))


def test_a_refund_after_the_cancellation_is_audited() -> None:
    task = after(a_running_task(), Started(SECOND), CANCELLED)
    for end in (completed(), failed(), released(), refused()):
        decision = decided(task, end)
        assert kinds(decision.audit)[0] == "refunded"
        assert (state(decision.task), decision.task.losses) == ("cancelled", 0)


def test_a_refund_lifts_the_failure_that_was_inferred_from_the_loss() -> None:
    assert state(INFERRED) == "failed"
    decision = decided(INFERRED, released(deleted=True), at=OVER)
    assert kinds(decision.audit) == ["refunded", "released"]
    assert (state(decision.task), decision.task.inferred, decision.task.ended_at) == ("pending/due", False, None)


@pytest.mark.parametrize(
    ("task", "stands"),
    [
        (after(a_running_task(policy=ONE_LOSS), Started(SECOND)), "in_progress"),
        (after(a_running_task(policy=ONE_LOSS), Started(SECOND), released(SECOND)), "pending/queued"),
        (after(a_running_task(policy=ONE_LOSS), Started(SECOND), released(SECOND, deleted=True)), "pending/due"),
    ],
)
def test_a_lifted_failure_goes_on_where_the_dispatch_stands(task: Task, stands: str) -> None:
    assert state(task) == "failed"
    assert state(after(task, released())) == stands


def test_a_lifted_failure_waits_for_redelivery_where_the_newer_lease_is_over_too() -> None:
    task = after(a_running_task(policy=ONE_LOSS), Started(SECOND))
    assert state(after(task, released(), at=SECOND.lease_until)) == "pending/lapsed"


def test_a_success_needs_no_lifting() -> None:
    lines = decided(INFERRED, completed(), at=OVER).audit
    assert [(line.kind, line.after) for line in lines] == [("refunded", "failed"), ("completed", "completed")]


def test_a_refund_lifts_nothing_that_was_reported() -> None:
    task = after(INFERRED, failed(SECOND, unrecoverable=True), at=OVER)
    decision = decided(task, released(), at=OVER)
    assert kinds(decision.audit) == ["refunded"]
    assert (state(decision.task), decision.task.losses) == ("failed", 0)


def test_a_refund_that_leaves_the_budget_spent_lifts_nothing() -> None:
    third = a_run(1, 3)
    task = after(a_running_task(policy=Policy(LEASE, losses=2)), Started(SECOND), Started(third))
    assert (state(task), task.losses) == ("failed", 2)
    task = task._replace(policy=Policy(LEASE, losses=1))  # lowered by hand
    assert (state(after(task, released())), after(task, released()).losses) == ("failed", 1)


def test_voided_silence_is_broken_by_a_success() -> None:
    task = after(a_running_task(), LAPSED, VOIDED, at=VOID_AT)
    assert state(task) == "pending/due"
    assert state(after(task, completed())) == "completed"
