"""What we do to a task: submit, free, dispatch, cancel, retry."""

import pytest

from leasehold.core.events import DeadLettered, Dispatched, Due, Expired, ParentEnded, Started, Submitted
from leasehold.core.model import Status, Task, Token
from tests.core.stories import (
    CANCELLED,
    LAPSED,
    LEASE,
    NOW,
    RETRIED,
    RUN,
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

# --- submitted, due


def test_a_submitted_task_is_due() -> None:
    decision = decided(a_new_task(), Submitted())
    assert state(decision.task) == "pending/due"
    assert [(line.seq, line.kind, line.before, line.after) for line in decision.audit] == [
        (1, "submitted", "new", "pending/due")
    ]


def test_a_task_with_parents_is_blocked_also_when_it_is_not_yet_time() -> None:
    assert state(after(a_new_task(due_at=NOW + 1), Submitted(parents=2))) == "pending/blocked"


def test_a_task_that_must_not_start_yet_is_scheduled_until_its_time() -> None:
    task = after(a_new_task(due_at=NOW + 1), Submitted())
    assert state(task) == "pending/scheduled"
    assert "its time has not come" in ignored(task, Due(), at=NOW)
    assert state(after(task, Due(), at=NOW + 1)) == "pending/due"


def test_a_task_is_submitted_once() -> None:
    assert ignored(a_due_task(), Submitted()) == "it is in the ledger already"


def test_a_task_that_does_not_wait_for_its_time_cannot_become_due() -> None:
    assert "does not wait for its time" in ignored(a_due_task(), Due(), at=NOW + 10**9)
    assert "does not wait for its time" in ignored(a_running_task(), Due(), at=NOW + 10**9)


# --- parents


def test_the_last_parent_frees_the_task() -> None:
    task = after(a_new_task(), Submitted(parents=2))
    assert "still waits for others" in ignored(task, ParentEnded("p1", Status.COMPLETED, waiting=1))
    assert state(after(task, ParentEnded("p2", Status.COMPLETED, waiting=0))) == "pending/due"


def test_a_freed_task_still_waits_for_its_time() -> None:
    task = after(a_new_task(due_at=NOW + 1), Submitted(parents=1))
    assert state(after(task, ParentEnded("p", Status.COMPLETED, waiting=0))) == "pending/scheduled"


@pytest.mark.parametrize("outcome", [Status.FAILED, Status.CANCELLED])
def test_a_parent_without_success_cancels_its_children(outcome: Status) -> None:
    task = after(a_new_task(), Submitted(parents=2), ParentEnded("p", outcome, waiting=1))
    assert (state(task), task.cancelled_by, task.reason) == ("cancelled", "p", f"its parent p is {outcome}")


def test_a_policy_may_count_a_failed_parent_as_an_end_like_any_other() -> None:
    task = after(a_new_task(), Submitted(parents=1))
    assert state(after(task, ParentEnded("p", Status.FAILED, waiting=0, cancels=False))) == "pending/due"


@pytest.mark.parametrize(("waiting", "stands"), [(0, "pending/due"), (1, "pending/blocked")])
def test_a_repaired_parent_takes_its_cancellation_back(waiting: int, stands: str) -> None:
    child = after(a_new_task(), Submitted(parents=2), ParentEnded("p", Status.FAILED, waiting=1))
    child = after(child, ParentEnded("p", Status.COMPLETED, waiting=waiting))
    assert (state(child), child.cancelled_by, child.reason, child.ended_at) == (stands, None, None, None)


def test_another_broken_parent_keeps_the_child_cancelled() -> None:
    child = after(a_new_task(), Submitted(parents=2), ParentEnded("p", Status.FAILED, waiting=1))
    child = after(child, ParentEnded("p", Status.COMPLETED, waiting=1, broken_by="q"))
    assert (state(child), child.cancelled_by, child.reason) == ("cancelled", "q", "its parent q has failed too")


def test_a_parent_repairs_only_what_it_broke() -> None:
    child = after(a_new_task(), Submitted(parents=2), ParentEnded("p", Status.FAILED, waiting=1))
    assert ignored(child, ParentEnded("q", Status.COMPLETED, waiting=0))
    assert ignored(child, ParentEnded("p", Status.FAILED, waiting=0))
    by_a_person = after(a_new_task(), Submitted(parents=1), CANCELLED)
    assert ignored(by_a_person, ParentEnded("p", Status.COMPLETED, waiting=0))


# --- dispatched


def test_a_dispatch_takes_the_next_number_and_fixes_its_validity() -> None:
    task = a_queued_task()
    assert (state(task), task.token, task.open) == ("pending/queued", Token(1, 0), True)
    assert (task.not_after, task.void_at) == (NOW + VALIDITY, VOID_AT)


def test_a_dispatch_forgets_the_run_before_it() -> None:
    ran = after(a_running_task(), released(deleted=True))
    task = after(ran, Dispatched(NOW + VALIDITY))
    assert (task.token, task.run_id, task.worker, task.lease_until, task.seen) == (Token(2, 0), None, None, 0, 0)
    assert not task.run_open


@pytest.mark.parametrize(
    "task",
    [
        a_new_task(),
        after(a_new_task(due_at=NOW + 1), Submitted()),
        after(a_new_task(), Submitted(parents=1)),
        a_queued_task(),
        a_running_task(),
        after(a_running_task(), LAPSED, at=RUN.lease_until),
        after(a_running_task(), completed()),
        after(a_running_task(), failed(unrecoverable=True, deleted=True)),
        after(a_due_task(), CANCELLED),
    ],
    ids=state,
)
def test_only_a_due_task_is_dispatched(task: Task) -> None:
    assert "not due" in ignored(task, Dispatched(NOW + VALIDITY))


# --- cancelled


@pytest.mark.parametrize(
    "task",
    [
        after(a_new_task(due_at=NOW + 1), Submitted()),
        after(a_new_task(), Submitted(parents=1)),
        a_due_task(),
        a_queued_task(),
        a_running_task(),
        after(a_running_task(), LAPSED, at=RUN.lease_until),
    ],
    ids=state,
)
def test_a_task_without_outcome_is_cancelled_at_once(task: Task) -> None:
    cancelled = after(task, CANCELLED, at=task.updated_at + 7)
    assert (state(cancelled), cancelled.reason, cancelled.ended_at) == (
        "cancelled",
        "cancelled by ann: wrong folder",
        task.updated_at + 7,
    )
    assert ignored(cancelled, CANCELLED) == "it is cancelled already"


def test_what_has_ended_cannot_be_cancelled() -> None:
    assert ignored(after(a_running_task(), completed()), CANCELLED) == "it is completed already"
    assert ignored(after(a_running_task(), failed(unrecoverable=True)), CANCELLED) == "it is failed already"


def test_a_cancelled_dispatch_stays_open_until_its_message_is_gone() -> None:
    task = after(a_queued_task(), CANCELLED)
    assert task.open
    assert not after(task, Expired(1, 1)).open
    assert not after(task, DeadLettered(1, 11)).open
    assert not after(task, VOIDED, at=VOID_AT).open
    assert not after(task, released(deleted=True)).open
    assert after(task, released(deleted=False)).open


# --- retried


def test_a_retry_gives_fresh_budgets() -> None:
    task = after(a_running_task(), LAPSED, at=RUN.lease_until)
    task = after(task, failed(a_run(1, 2), unrecoverable=True, deleted=True), at=RUN.lease_until)
    assert (state(task), task.attempts, task.losses) == ("failed", 1, 1)
    task = after(task, RETRIED)
    assert (state(task), task.attempts, task.losses, task.charged) == ("pending/due", 0, 0, ())
    assert (task.reason, task.error_group, task.ended_at, task.inferred) == (None, None, None, False)


def test_a_retry_adopts_a_run_that_is_still_alive() -> None:
    task = after(a_running_task(), CANCELLED, RETRIED)
    assert (state(task), task.token, task.run_id) == ("in_progress", Token(1, 1), RUN.run_id)
    assert state(after(task, completed())) == "completed"


def test_a_retry_adopts_a_run_whose_lease_is_over() -> None:
    task = after(a_running_task(), CANCELLED)
    assert state(after(task, RETRIED, at=RUN.lease_until)) == "pending/lapsed"


def test_a_retry_adopts_a_message_that_is_still_out() -> None:
    task = after(a_queued_task(), CANCELLED, RETRIED)
    assert (state(task), task.n) == ("pending/queued", 1)
    assert state(after(task, Started(RUN))) == "in_progress"
    ended = after(a_running_task(), failed(unrecoverable=True, deleted=False), RETRIED)
    assert (state(ended), ended.n) == ("pending/queued", 1)


@pytest.mark.parametrize("task", [a_due_task(), a_running_task(), after(a_running_task(), completed())], ids=state)
def test_only_what_failed_or_was_cancelled_is_retried(task: Task) -> None:
    assert "only a failed or cancelled task" in ignored(task, RETRIED)


def test_who_did_it_is_in_the_trail() -> None:
    decision = decided(after(a_due_task(), CANCELLED), RETRIED._replace(reason="fixed the folder"))
    assert kinds(decision.audit) == ["retried"]
    assert decision.audit[0].detail == "retried by ann: fixed the folder"


def test_a_lease_is_part_of_how_long_a_dispatch_may_be_silent() -> None:
    assert VOID_AT == NOW + VALIDITY + LEASE + 5_000
