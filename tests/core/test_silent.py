"""What nobody reports: leases that run out, messages that are gone, machines that are."""

import pytest

from leasehold.core.alarms import alarm, owed, silence_ends
from leasehold.core.events import (
    DeadLettered,
    Dispatched,
    Draining,
    Due,
    Event,
    Expired,
    Lapsed,
    Recalled,
    Started,
    Submitted,
    Voided,
)
from leasehold.core.model import Task, Token
from tests.core.stories import (
    CANCELLED,
    LAPSED,
    LAPSED_TASK,
    NOW,
    ONE_LOSS,
    OVER,
    RETRIED,
    RUN,
    SECOND,
    VALIDITY,
    VOID_AT,
    VOIDED,
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
    released,
    state,
)

FAILED_TASK = after(a_running_task(), failed(unrecoverable=True))
COMPLETED_TASK = after(a_running_task(), completed())

# --- lapsed


def test_a_run_whose_lease_runs_out_in_silence_costs_one_loss_and_waits_for_redelivery() -> None:
    decision = decided(a_running_task(), LAPSED, at=OVER)
    assert kinds(decision.audit) == ["lapsed"]
    task = decision.task
    assert (state(task), task.losses, task.charged, task.attempts) == ("pending/lapsed", 1, (RUN.run_id,), 0)
    assert (task.token, task.run_id, task.open, task.run_open) == (Token(1, 1), RUN.run_id, True, True)
    assert decision.audit[0].detail == "nothing was heard of run 1 on w1"


def test_a_lapse_does_not_dispatch_again() -> None:
    assert "still open" in ignored(LAPSED_TASK, Dispatched(NOW + VALIDITY), at=OVER)


def test_a_lease_that_is_ahead_has_not_lapsed() -> None:
    assert ignored(a_running_task(), LAPSED, at=OVER - 1) == "no lease of it has run out"


@pytest.mark.parametrize("task", [a_due_task(), a_queued_task(), LAPSED_TASK, FAILED_TASK, COMPLETED_TASK], ids=state)
def test_only_a_running_task_lapses(task: Task) -> None:
    assert ignored(task, LAPSED, at=OVER) == "no lease of it has run out"


def test_the_last_loss_fails_the_task_and_leaves_its_dispatch_open() -> None:
    task = after(a_running_task(policy=ONE_LOSS), LAPSED, at=OVER)
    assert (state(task), task.inferred, task.open) == ("failed", True, True)
    assert task.reason == "lost 1 times: the machine went away each time"
    assert state(after(task, completed())) == "completed"


def test_where_a_claim_guards_every_run_a_lapsed_task_is_due_at_once() -> None:
    task = after(a_running_task(), Lapsed(redispatch=True), at=OVER)
    assert (state(task), task.losses, task.open) == ("pending/due", 1, False)
    spent = after(a_running_task(policy=ONE_LOSS), Lapsed(redispatch=True), at=OVER)
    assert (state(spent), spent.open) == ("failed", False)


# --- recalled


def test_a_machine_that_is_gone_lapses_its_run_at_once() -> None:
    decision = decided(a_running_task(), Recalled(RUN.run_id), at=NOW + 5)
    assert kinds(decision.audit) == ["recalled"]
    assert (state(decision.task), decision.task.losses, decision.task.lease_until) == ("pending/lapsed", 1, NOW + 5)
    assert state(after(a_running_task(policy=ONE_LOSS), Recalled(RUN.run_id))) == "failed"


def test_where_a_claim_guards_every_run_a_recalled_task_is_due_at_once() -> None:
    task = after(a_running_task(), Recalled(RUN.run_id, redispatch=True))
    assert (state(task), task.losses, task.open) == ("pending/due", 1, False)


def test_a_draining_run_is_never_recalled_its_message_may_be_anothers_by_now() -> None:
    task = after(a_running_task(), Draining(RUN))
    assert ignored(task, Recalled(RUN.run_id)) == "its worker gives it back by itself"


def test_a_run_that_told_no_receipt_is_never_recalled() -> None:
    task = a_running_task(RUN._replace(receipt=None))
    assert ignored(task, Recalled(RUN.run_id)) == "its worker gives it back by itself"


def test_a_run_is_recalled_only_while_its_lease_is_ahead_by_the_margin() -> None:
    event = Recalled(RUN.run_id, margin=5_000)
    assert kinds(decided(a_running_task(), event, at=OVER - 5_000).audit) == ["recalled"]
    assert ignored(a_running_task(), event, at=OVER - 4_999) == "its lease is nearly over"
    assert ignored(a_running_task(), Recalled(RUN.run_id), at=OVER + 1) == "its lease is nearly over"


def test_a_run_is_recalled_once_whoever_says_so() -> None:
    task = after(a_running_task(), Recalled(RUN.run_id))
    assert task.receipt is None
    assert ignored(task, Recalled(RUN.run_id)) == "that run does not hold the task"


def test_a_recalled_machine_that_was_alive_gets_its_loss_back() -> None:
    task = after(a_running_task(), Recalled(RUN.run_id), completed())
    assert (state(task), task.losses) == ("completed", 0)


def test_only_the_run_that_holds_the_task_is_recalled() -> None:
    for task in (after(a_running_task(), Started(SECOND)), LAPSED_TASK, after(a_running_task(), released())):
        assert ignored(task, Recalled(RUN.run_id)) == "that run does not hold the task"


# --- expired, dead-lettered


OFF_THE_QUEUE = [(Expired, "expired"), (DeadLettered, "dead-lettered")]
taken_off = pytest.mark.parametrize(("event", "kind"), OFF_THE_QUEUE)


@taken_off
def test_a_message_taken_off_unstarted_makes_its_task_due(event: type[Expired], kind: str) -> None:
    decision = decided(a_queued_task(), event(1, 1))
    assert kinds(decision.audit) == [kind]
    assert (state(decision.task), decision.task.open, decision.task.losses) == ("pending/due", False, 0)


@taken_off
def test_a_lapsed_task_whose_message_is_taken_off_is_due(event: type[Expired], kind: str) -> None:
    task = after(LAPSED_TASK, event(1, 2), at=OVER)
    assert (state(task), task.losses) == ("pending/due", 1)


@taken_off
def test_receives_that_were_never_heard_of_cost_one_loss_together(event: type[Expired], kind: str) -> None:
    assert after(a_queued_task(), event(1, 1)).losses == 0  # the receive that says so is not counted
    assert after(a_queued_task(), event(1, 2)).losses == 1
    assert after(a_queued_task(), event(1, 11)).losses == 1
    assert after(a_queued_task(), released(), event(1, 2)).losses == 0
    assert after(a_queued_task(), released(), event(1, 3)).losses == 1
    assert after(a_queued_task(), released(SECOND), event(1, 3)).losses == 1


def test_receives_are_told_apart_up_to_the_62nd() -> None:
    many = [released(a_run(1, r)) for r in range(1, 71)]
    assert after(a_queued_task(), *many, Expired(1, 71)).losses == 0
    assert after(a_queued_task(), *many[:61], *many[62:], Expired(1, 71)).losses == 1
    assert after(a_queued_task(), *many).seen < 1 << 63


@taken_off
def test_losses_that_nobody_can_explain_fail_the_task_too(event: type[Expired], kind: str) -> None:
    task = after(a_queued_task(policy=ONE_LOSS), event(1, 2))
    assert (state(task), task.inferred, task.open) == ("failed", True, False)


@taken_off
def test_a_run_that_is_still_alive_keeps_the_dispatch_open_until_its_lease_is_over(
    event: type[Expired], kind: str
) -> None:
    decision = decided(a_running_task(), event(1, 2))
    assert kinds(decision.audit) == [kind]
    assert (state(decision.task), decision.task.open, decision.task.void_at) == ("in_progress", True, OVER + 5_000)
    assert ignored(decision.task, event(1, 2)) == "known already; its run may still end"
    assert state(after(decision.task, completed())) == "completed"


@taken_off
def test_a_running_task_whose_lease_is_over_lapses_first(event: type[Expired], kind: str) -> None:
    decision = decided(a_running_task(), event(1, 2), at=OVER)
    assert kinds(decision.audit) == ["lapsed", kind]
    assert (state(decision.task), decision.task.losses) == ("pending/due", 1)
    spent = decided(a_running_task(policy=ONE_LOSS), event(1, 2), at=OVER)
    assert kinds(spent.audit) == ["lapsed", kind]
    assert (state(spent.task), spent.task.losses, spent.task.open) == ("failed", 1, False)


@taken_off
def test_after_the_outcome_it_only_closes_the_dispatch(event: type[Expired], kind: str) -> None:
    for ended in (FAILED_TASK, after(a_queued_task(), CANCELLED)):
        task = after(ended, event(1, 5))
        assert (state(task), task.open, task.losses) == (state(ended), False, 0)
    done = decided(COMPLETED_TASK, event(1, 2))
    assert (state(done.task), done.task.open, done.audit) == ("completed", False, ())


@taken_off
def test_a_cancelled_run_that_is_still_alive_keeps_its_dispatch_open(event: type[Expired], kind: str) -> None:
    decision = decided(after(a_running_task(), CANCELLED), event(1, 2))
    assert kinds(decision.audit) == [kind]
    assert (decision.task.open, decision.task.void_at) == (True, OVER + 5_000)


def test_another_success_leaves_an_overlapping_run_to_its_lease_in_silence() -> None:
    other = a_run(by="w2")
    done = after(a_running_task(), completed(other))
    decision = decided(done, Expired(1, 2))
    assert (decision.audit, decision.task.open, decision.task.void_at) == ((), True, OVER + 5_000)


@taken_off
def test_it_speaks_of_the_open_dispatch_only(event: type[Expired], kind: str) -> None:
    again = after(a_queued_task(), event(1, 1), Dispatched(NOW + VALIDITY))
    assert ignored(again, event(1, 1)) == "its dispatch is closed"
    assert ignored(a_due_task(), event(1, 1)) == "its dispatch is closed"
    assert ignored(after(a_queued_task(), event(1, 1)), event(1, 1)) == "its dispatch is closed"


@taken_off
def test_a_clock_that_was_set_back_breaks_nothing(event: type[Expired], kind: str) -> None:
    decision = decided(LAPSED_TASK, event(1, 2), at=OVER - 3_600_000)
    assert (state(decision.task), kinds(decision.audit)) == ("pending/lapsed", [kind])


def test_a_run_is_charged_once_also_when_the_clock_was_set_back() -> None:
    task = after(LAPSED_TASK, CANCELLED, RETRIED, at=NOW)
    assert state(task) == "in_progress"
    assert after(task, LAPSED, at=OVER).losses == 0


# --- voided


def test_a_message_that_never_arrived_makes_its_task_due_again() -> None:
    decision = decided(a_queued_task(), VOIDED, at=VOID_AT)
    assert kinds(decision.audit) == ["voided"]
    assert (state(decision.task), decision.task.losses, decision.task.open) == ("pending/due", 0, False)


def test_a_message_lost_after_its_run_lapsed_makes_the_task_due_again() -> None:
    assert state(after(LAPSED_TASK, VOIDED, at=VOID_AT)) == "pending/due"


def test_a_dispatch_is_not_void_before_its_time_nor_under_a_lease() -> None:
    assert "may still be run" in ignored(a_queued_task(), VOIDED, at=VOID_AT - 1)
    late = a_run(began=VOID_AT - 10)
    assert "may still be run" in ignored(after(a_queued_task(), Started(late)), VOIDED, at=late.lease_until - 1)
    assert "is closed" in ignored(a_due_task(), VOIDED, at=VOID_AT)


def test_a_void_dispatch_lapses_its_silent_run_first() -> None:
    late = a_run(began=VOID_AT - 10)
    decision = decided(after(a_queued_task(), Started(late)), VOIDED, at=late.lease_until)
    assert kinds(decision.audit) == ["lapsed", "voided"]
    assert (state(decision.task), decision.task.losses) == ("pending/due", 1)


@pytest.mark.parametrize("ended", [FAILED_TASK, after(a_queued_task(), CANCELLED)], ids=state)
def test_a_void_dispatch_of_an_ended_task_is_closed(ended: Task) -> None:
    task = after(ended, VOIDED, at=VOID_AT)
    assert (state(task), task.open) == (state(ended), False)
    assert state(after(task, RETRIED)) == "pending/due"


# --- what the clock owes


@pytest.mark.parametrize(
    ("task", "at", "event"),
    [
        (a_due_task(), None, None),
        (after(a_new_task(), Submitted(parents=1)), None, None),
        (after(a_new_task(due_at=NOW + 7), Submitted()), NOW + 7, Due()),
        (a_queued_task(), VOID_AT, Voided()),
        (a_running_task(), OVER, Lapsed()),
        (LAPSED_TASK, VOID_AT, Voided()),
        (FAILED_TASK, VOID_AT, Voided()),
        (after(a_queued_task(), CANCELLED), VOID_AT, Voided()),
        (after(a_queued_task(), Expired(1, 1), CANCELLED), None, None),
        (COMPLETED_TASK, None, None),
    ],
    ids=lambda value: state(value) if isinstance(value, Task) else "",
)
def test_the_clock_owes_a_task_one_thing(task: Task, at: int | None, event: Event | None) -> None:
    assert alarm(task) == at
    assert type(owed(task, 10**15)) is type(event)  # by type, because events without fields are all equal
    if at is not None:
        assert event is not None
        assert owed(task, at - 1) is None
        assert type(owed(task, at)) is type(event)
        assert decided(task, event, at)


def test_a_run_still_open_holds_a_silent_dispatch_until_its_lease_is_over() -> None:
    late = a_run(began=VOID_AT)
    task = after(a_queued_task(), CANCELLED, Started(late))
    assert silence_ends(task) == late.lease_until
    assert silence_ends(after(task, released(late))) == VOID_AT
