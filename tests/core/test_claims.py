"""A claim: granted once and again to the same run, refused to every other while one may be alive or has the outcome."""

from __future__ import annotations

import pytest

from leasehold.core.events import Dispatched, Draining, Event, Expired, Lapsed, Started, Unsendable, Voided
from leasehold.core.machine import decide
from leasehold.core.model import Refusal, Run, RunFact, Task, Token
from tests.core.stories import (
    CANCELLED,
    LAPSED,
    LAPSED_TASK,
    LEASE,
    NOW,
    ONE_LOSS,
    OVER,
    RETRIED,
    RUN,
    SECOND,
    UNSENDABLE,
    VALIDITY,
    a_due_task,
    a_queued_task,
    a_run,
    a_running_task,
    after,
    claimed,
    completed,
    decided,
    failed,
    ignored,
    kinds,
    refused,
    released,
    state,
    unbegun,
    unstartable,
)

REDISPATCH = Lapsed(redispatch=True)
TWIN = a_run(by="w2")


def refusal(task: Task, run: Run, at: int = NOW) -> Refusal | None:
    """How the claim is answered; ``None``: it is granted."""
    return decide(task, claimed(run), at).refusal


def granted(task: Task, run: Run = RUN, at: int = NOW) -> Task:
    assert refusal(task, run, at) is None
    return after(task, claimed(run), at=at)


# --- granted


def test_a_grant_starts_the_run_under_a_lease_by_the_ledgers_clock() -> None:
    decision = decided(a_queued_task(), claimed(RUN, remaining=40_000), at=NOW + 7)
    task = decision.task
    assert (state(task), task.token, task.run_id, task.worker) == ("in_progress", Token(1, 1), RUN.run_id, "w1")
    assert (task.lease_until, task.receipt, task.run_open) == (NOW + 40_007, RUN.receipt, True)
    assert kinds(decision.audit) == ["started"]
    assert decision.facts == (RunFact(1, 1, RUN.run_id, "w1", lease_until=NOW + 40_007),)
    assert decision.refusal is None


def test_whoever_asks_again_for_the_same_run_gets_the_same_answer() -> None:
    task = granted(a_queued_task())
    assert ignored(task, claimed(RUN, remaining=LEASE - 900), at=NOW + 900) == "this run is known already"
    assert refusal(task, RUN, NOW + 900) is None


def test_its_started_tells_when_it_began_and_changes_nothing_else() -> None:
    task = granted(a_queued_task())
    answer = decide(task, Started(RUN._replace(started_at=NOW + 50)), NOW + 60)
    assert answer.task == task
    assert answer.facts[0].started_at == NOW + 50


@pytest.mark.parametrize(
    "task",
    [
        after(a_running_task(), released()),
        after(a_running_task(), failed()),
        after(a_queued_task(), refused()),
        after(a_queued_task(), unbegun()),
        after(a_running_task(), failed(unrecoverable=True), RETRIED),
    ],
    ids=["released", "failed", "refused", "turned away", "retried"],
)
def test_the_next_receive_is_granted_where_the_last_run_has_ended(task: Task) -> None:
    assert state(granted(task, SECOND)) == "in_progress"


def test_the_next_receive_is_granted_where_the_last_lease_is_over() -> None:
    assert granted(LAPSED_TASK, SECOND, OVER).losses == 1
    unswept = decided(a_running_task(), claimed(SECOND), at=OVER)
    assert kinds(unswept.audit) == ["lost", "started"]
    assert (unswept.task.losses, unswept.task.charged) == (1, (RUN.run_id,))


# --- busy


def test_while_another_run_may_be_alive_a_claim_waits_for_its_lease() -> None:
    task = granted(a_queued_task())
    assert refusal(task, SECOND, NOW + 20_000) == Refusal("run 1 holds the task", remaining=LEASE - 20_000)
    assert refusal(task, SECOND, OVER - 1) == Refusal("run 1 holds the task", remaining=1)
    assert refusal(task, SECOND, OVER) is None


def test_a_worker_that_drains_still_holds_what_it_runs() -> None:
    assert refusal(after(a_running_task(), Draining(RUN)), SECOND) == Refusal("run 1 holds the task", LEASE)


def test_a_refused_receive_was_heard_of_and_costs_no_loss_when_its_message_is_gone() -> None:
    task = after(granted(a_queued_task()), claimed(SECOND), released())
    assert (task.token, task.run_open) == (Token(1, 1), False)
    assert (state(after(task, Expired(1, 3))), after(task, Expired(1, 3)).losses) == ("pending/due", 0)


# --- stale


@pytest.mark.parametrize(
    ("task", "run", "at", "reason"),
    [
        (a_queued_task(), a_run(2), NOW, "it was received for dispatch 2, the task is at 1"),
        (after(a_queued_task(), Dispatched(0)), a_run(0), NOW, "it was received for dispatch 0, the task is at 1"),
        (after(a_running_task(), failed(deleted=True)), SECOND, NOW, "its dispatch is closed"),
        (after(a_queued_task(), Started(SECOND)), RUN, NOW, "run 2 of this dispatch was granted to another worker"),
        (a_running_task(), TWIN, NOW, "run 1 of this dispatch was granted to another worker"),
        (after(a_running_task(), released()), TWIN, NOW, "run 1 of this dispatch was granted to another worker"),
        (after(a_running_task(), released()), RUN, NOW, "the lease of this run is over, or its end is recorded"),
        (LAPSED_TASK, RUN, OVER, "the lease of this run is over, or its end is recorded"),
        (a_running_task(), RUN, OVER, "the lease of this run is over, or its end is recorded"),
        (after(a_running_task(), completed()), SECOND, NOW, "the task is completed"),
        (after(a_running_task(), failed(unrecoverable=True)), SECOND, NOW, "the task is failed"),
        (after(a_queued_task(), CANCELLED), RUN, NOW, "the task is cancelled"),
    ],
)
def test_a_stale_claim_is_refused_for_good(task: Task, run: Run, at: int, reason: str) -> None:
    assert refusal(task, run, at) == Refusal(reason)
    after_it = after(task, claimed(run), at=at)
    assert (state(after_it), after_it.token, after_it.version) == (state(task), task.token, task.version)


def test_a_claim_whose_own_lease_is_over_is_refused() -> None:
    answer = decide(a_queued_task(), claimed(remaining=0), NOW)
    assert answer.refusal == Refusal("the lease of this run is over, or its end is recorded")
    assert state(answer.task) == "pending/queued"


def test_the_claim_that_finds_the_last_loss_spent_is_not_granted() -> None:
    task = after(a_queued_task(policy=ONE_LOSS), claimed())
    decision = decided(task, claimed(SECOND), at=OVER)
    assert kinds(decision.audit) == ["lost"]
    assert decision.refusal == Refusal("the task is failed")
    assert (state(decision.task), decision.task.inferred, decision.task.run_id) == ("failed", True, RUN.run_id)


# --- the dispatch after an outcome


def test_a_message_refused_after_the_outcome_ends_its_dispatch_so_that_a_retry_goes_out_at_once() -> None:
    task = after(a_queued_task(), CANCELLED, claimed())
    assert not task.open
    assert state(after(task, RETRIED)) == "pending/due"


def test_while_a_run_may_be_alive_the_dispatch_stays_open_for_a_retry_to_find_it() -> None:
    task = after(granted(a_queued_task()), CANCELLED, claimed(SECOND))
    assert task.open
    assert state(after(task, RETRIED)) == "in_progress"


# --- what was never begun


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("run", [SECOND, TWIN], ids=["newer", "same token"])
def test_what_was_never_begun_takes_the_task_from_nobody(run: Run, deleted: bool) -> None:
    held = granted(a_queued_task())
    for report in (unbegun(run, deleted=deleted), refused(run, deleted=deleted), unstartable(run, deleted=deleted)):
        task = after(held, report)
        assert (state(task), task.run_id, task.open, task.losses, task.version) == (
            "in_progress",
            RUN.run_id,
            True,
            0,
            held.version,
        )
        assert (refusal(task, a_run(1, 3)) or Refusal("")).remaining == LEASE


def test_a_message_deleted_unbegun_ends_the_dispatch_with_the_lease_of_the_run_that_holds_it() -> None:
    task = after(granted(a_queued_task()), refused(SECOND, deleted=True))
    assert task.void_at == OVER + 5_000
    assert state(after(task, LAPSED, at=OVER)) == "pending/lapsed"
    assert state(after(after(task, LAPSED, at=OVER), Voided(), at=OVER + 5_000)) == "pending/due"


def test_once_the_lease_is_over_what_was_never_begun_gives_back_as_ever() -> None:
    task = after(granted(a_queued_task()), unbegun(SECOND, deleted=True), at=OVER)
    assert (state(task), task.losses) == ("pending/due", 1)


# --- a redispatch at the end of the lease


def test_where_runs_are_claimed_a_lapse_dispatches_again_and_the_old_message_is_refused() -> None:
    task = after(granted(a_queued_task()), REDISPATCH, at=OVER)
    assert (state(task), task.losses) == ("pending/due", 1)
    again = after(task, Dispatched(OVER + VALIDITY), at=OVER)
    assert refusal(again, SECOND, OVER) == Refusal("it was received for dispatch 1, the task is at 2")
    assert state(granted(again, a_run(2), OVER)) == "in_progress"


# --- what no queue takes


def test_a_message_that_its_queue_will_never_take_costs_an_attempt_and_says_why() -> None:
    decision = decided(a_queued_task(), UNSENDABLE)
    task = decision.task
    assert (state(task), task.attempts, task.due_at, task.open) == ("pending/scheduled", 1, NOW + 2_000, False)
    assert task.reason == decision.audit[0].detail == "queue 'tasks:media' takes no body of 2 MiB"


def test_after_the_last_attempt_it_has_failed_for_that_reason() -> None:
    task = after(a_queued_task()._replace(attempts=2), UNSENDABLE)
    assert (state(task), task.attempts, task.reason, task.inferred) == ("failed", 3, UNSENDABLE.reason, False)


def test_of_a_task_that_was_cancelled_meanwhile_it_is_only_noted() -> None:
    decision = decided(after(a_queued_task(), CANCELLED), UNSENDABLE)
    assert (kinds(decision.audit), decision.task.open) == (["unsendable"], False)
    assert state(decision.task) == "cancelled"


@pytest.mark.parametrize(
    ("task", "event"),
    [
        (a_due_task(), Unsendable(0, "no")),
        (a_running_task(), UNSENDABLE),
        (a_queued_task(), Unsendable(2, "no")),
        (after(a_running_task(), released(deleted=True), Dispatched(NOW), completed()), Unsendable(2, "no")),
    ],
    ids=["not out", "received", "another dispatch", "completed"],
)
def test_what_was_received_or_is_over_cannot_be_unsendable(task: Task, event: Event) -> None:
    assert ignored(task, event) == "its dispatch is closed, was received, or does not matter any more"
