"""Several tasks in one message: who goes with whom, and the rules B1 and B3 as the ledger keeps them."""

from __future__ import annotations

import pytest

from leasehold.core import bundles
from leasehold.core.bundles import BYTES, Due, bundled, messages_of, size_of
from leasehold.core.events import (
    Claimed,
    DeadLettered,
    Dispatched,
    Draining,
    Event,
    Expired,
    Lapsed,
    Recalled,
    Started,
    Unsendable,
)
from leasehold.core.machine import decide
from leasehold.core.model import Decision, FailureKind, Ignored, Policy, Status, Task, Why
from leasehold.ports.ledger import Outgoing
from tests.core.stories import (
    CANCELLED,
    FAILURE,
    LEASE,
    NOW,
    POLICY,
    RETRIED,
    RUN,
    SECOND,
    VALIDITY,
    VOID_AT,
    VOIDED,
    a_due_task,
    after,
    claimed,
    completed,
    failed,
    released,
    unbegun,
)

PAIRS = POLICY._replace(bundle=2)
LATER = NOW + LEASE + 10_000
"""The lease of the first run is over."""


def a_member(*, members: int = 2) -> Task:
    """A task on the queue, in a message of so many."""
    return after(a_due_task(PAIRS), Dispatched(NOW + VALIDITY, members))


def at(now: int, task: Task, *told: Event) -> Task:
    for event in told:
        task = decide(task, event, now).task
    return task


# ------------------------------------------------------------ who goes with whom


def due(number: int, *, name: str = "resize", tenant: str | None = None, size: int = 100, **policy: int) -> Due:
    task = Task(f"t{number}", name, "default", Policy(LEASE, bundle=3)._replace(**policy), NOW, NOW)
    return Due(task, tenant, size)


def test_tasks_of_one_handler_share_messages_of_the_size_that_it_allows() -> None:
    assert bundled([due(number) for number in range(7)]) == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_handler_that_asks_for_no_bundles_gets_none() -> None:
    assert bundled([due(0, bundle=1), due(1, bundle=1)]) == [[0], [1]]


def test_handlers_leases_and_tenants_do_not_mix() -> None:
    mixed = [due(0), due(1, name="crop"), due(2, lease=2 * LEASE), due(3, tenant="ann"), due(4), due(5, tenant="ann")]
    assert bundled(mixed) == [[0, 4], [1], [2], [3, 5]]


def test_a_message_stays_small_enough_for_every_queue() -> None:
    assert bundled([due(0, size=BYTES - 1), due(1, size=2), due(2, size=1)]) == [[0], [1, 2]]
    assert bundled([due(0, size=2 * BYTES), due(1)]) == [[0], [1]]


def test_a_task_that_came_to_grief_in_a_bundle_goes_by_itself() -> None:
    alone = due(1)._replace(task=due(1).task._replace(members=0))
    assert bundled([due(0), alone, due(2)]) == [[0, 2], [1]]


@pytest.mark.parametrize(("text", "size"), [(None, 0), ("abc", 3), ("ü", bundles.ESCAPED)])
def test_what_a_text_takes_in_a_message_is_never_underrated(text: str | None, size: int) -> None:
    assert size_of(text) == bundles.OVERHEAD + size


def test_what_goes_out_is_taken_apart_message_by_message() -> None:
    members = [2, 2, 1, 0, 1]
    going = [
        Outgoing(due(place)[0]._replace(members=each), "{}", None, None, None) for place, each in enumerate(members)
    ]
    found = [[each.task.id for each in message] for message in messages_of(going)]
    assert found == [["t0", "t1"], ["t2"], ["t3"], ["t4"]]


def test_a_dispatch_tells_how_many_share_its_message_unless_it_goes_by_itself() -> None:
    assert a_member().members == 2
    alone = a_due_task(PAIRS)._replace(members=0)
    assert after(alone, Dispatched(NOW + VALIDITY)).members == 0


# ------------------------------------------------------------ B1


def test_a_member_whose_bundle_was_received_twice_is_due_again_by_itself() -> None:
    task = after(a_member(), Expired(1, 2))
    assert (task.why, task.members, task.losses) == (Why.DUE, 0, 0)
    again = after(task, Dispatched(NOW + VALIDITY))
    assert again.members == 0


def test_a_bundle_that_expired_at_its_first_receive_is_bundled_again() -> None:
    task = after(a_member(), Expired(1, 1))
    assert (task.why, task.members) == (Why.DUE, 2)


def test_the_trail_says_why_it_goes_by_itself() -> None:
    (line,) = decide(a_member(), Expired(1, 2), NOW).audit
    assert (line.kind, line.before, line.after) == ("unbundled", "pending/queued", "pending/due")
    (line,) = decide(a_member(), DeadLettered(1, 3), NOW).audit
    assert line.kind == "unbundled"


def test_a_bundle_received_twice_ends_no_dispatch_while_its_first_run_may_be_alive() -> None:
    running = after(a_member(), Started(RUN))
    answer = decide(running, Expired(1, 2), NOW)
    assert isinstance(answer, Decision)
    assert answer.task.open
    task = at(answer.task.void_at, answer.task, VOIDED)
    assert (task.why, task.members, task.losses) == (Why.DUE, 0, 1)


def test_a_message_that_its_queue_does_not_take_is_tried_task_by_task_and_charged_to_none() -> None:
    refusal = Unsendable(1, "queue 'media' takes no body of 2 MiB")
    task = after(a_member(), refusal)
    assert (task.why, task.attempts, task.members) == (Why.DUE, 0, 0)
    cancelled = after(a_member(), CANCELLED, refusal)
    assert (cancelled.status, cancelled.open) == (Status.CANCELLED, False)


def test_a_failure_of_the_code_leaves_a_task_in_company_and_a_death_of_its_process_does_not() -> None:
    running = after(a_member(), Started(RUN))
    assert after(running, failed(deleted=True)).members == 2
    for kind in (FailureKind.SIGNAL, FailureKind.MEMORY, FailureKind.EXIT, FailureKind.LEASE):
        died = failed(deleted=True, failure=FAILURE._replace(kind=kind))
        assert after(running, died).members == 0


def test_one_whose_handler_knows_no_bundles_is_never_marked() -> None:
    single = after(a_due_task(), Dispatched(NOW + VALIDITY), Started(RUN))
    assert at(LATER, single, Lapsed(redispatch=True)).members == 1


# ------------------------------------------------------------ B3


def test_a_member_that_never_began_is_not_charged_for_its_machine() -> None:
    task = at(LATER, a_member(), Expired(1, 3))
    assert (task.why, task.losses) == (Why.DUE, 0)


def test_a_member_that_began_is_charged_one_loss() -> None:
    running = after(a_member(), Started(RUN))
    task = at(LATER, running, Expired(1, 2))
    assert (task.why, task.losses, task.members) == (Why.DUE, 1, 0)
    assert at(LATER, running, Lapsed(), Expired(1, 2)).losses == 1


def test_a_member_that_completed_is_not_run_again() -> None:
    done = after(a_member(), Started(RUN), completed())
    task = at(LATER, done, Expired(1, 2))
    assert (task.status, task.open, task.losses) == (Status.COMPLETED, False, 0)


def test_a_message_of_a_bundle_that_vanished_marks_only_those_that_were_seen() -> None:
    assert at(VOID_AT, a_member(), VOIDED).members == 2
    seen = after(a_member(), claimed())
    gone = at(VOID_AT, seen, VOIDED)
    assert (gone.why, gone.members, gone.losses) == (Why.DUE, 0, 0)


# ------------------------------------------------------------ claims of a bundle


def test_a_claim_of_a_bundle_promises_a_member_its_turn_and_starts_nothing() -> None:
    answer = decide(a_member(), claimed(), NOW)
    assert isinstance(answer, Decision)
    assert answer.refusal is None
    assert not answer.audit
    task = answer.task
    assert (task.why, task.run_id, task.run_open) == (Why.QUEUED, RUN.run_id, True)
    assert task.lease_until == NOW + LEASE


def test_a_claim_of_a_bundle_asked_again_is_granted_again_to_the_same_run_only() -> None:
    task = after(a_member(), claimed())
    again = decide(task, claimed(), NOW)
    assert isinstance(again, Ignored)
    assert again.refusal is None
    other = claimed(RUN._replace(run_id="another", worker="w2"))
    assert decide(task, other, NOW).refusal is not None
    assert decide(task, claimed(), LATER).refusal is not None


def test_nobody_is_granted_a_member_while_it_waits_for_its_turn_with_another() -> None:
    task = after(a_member(), claimed())
    refusal = decide(task, Claimed(1, 2, SECOND.run_id, "w2", LEASE), NOW).refusal
    assert refusal is not None
    assert refusal.remaining == LEASE


def test_its_turn_starts_it() -> None:
    task = after(a_member(), claimed(), Started(RUN))
    assert (task.status, task.losses) == (Status.IN_PROGRESS, 0)
    assert at(LATER, task, Lapsed(redispatch=True)).losses == 1
    assert at(LATER, task, Lapsed(redispatch=True)).members == 0


def test_an_end_of_it_stands_in_for_a_beginning_that_was_not_heard() -> None:
    waiting = after(a_member(), claimed())
    assert after(waiting, completed()).status is Status.COMPLETED
    assert after(waiting, failed(deleted=True)).attempts == 1


def test_one_that_waits_for_its_turn_is_given_back_without_a_charge() -> None:
    waiting = after(a_member(), claimed())
    task = after(waiting, unbegun(deleted=True))
    assert (task.why, task.members, task.losses) == (Why.DUE, 2, 0)
    assert after(waiting, unbegun()).why is Why.QUEUED


def test_a_worker_that_leaves_speaks_of_those_that_began_only_so_its_word_may_stand_in_for_a_beginning() -> None:
    waiting = after(a_member(), claimed())
    task = after(waiting, Draining(RUN))
    assert (task.status, task.receipt) == (Status.IN_PROGRESS, None)


def test_one_that_waits_for_its_turn_is_not_recalled_and_not_charged_when_a_newer_run_speaks() -> None:
    waiting = after(a_member(), claimed())
    assert isinstance(decide(waiting, Recalled(RUN.run_id), NOW), Ignored)
    newer = at(LATER, waiting, Started(SECOND))
    assert (newer.status, newer.losses) == (Status.IN_PROGRESS, 0)


def test_a_bundle_received_twice_waits_for_those_that_were_promised_their_turn() -> None:
    waiting = after(a_member(), claimed())
    (line,) = decide(waiting, Expired(1, 2), NOW).audit
    assert (line.kind, line.after) == ("unbundled", "pending/queued")
    task = after(waiting, Expired(1, 2))
    assert task.open
    late = at(task.void_at, task, VOIDED)
    assert (late.why, late.members, late.losses) == (Why.DUE, 0, 0)


def test_a_recalled_member_goes_by_itself() -> None:
    running = after(a_member(), claimed(), Started(RUN))
    task = after(running, Recalled(RUN.run_id, redispatch=True))
    assert (task.why, task.losses, task.members) == (Why.DUE, 1, 0)


def test_a_cancelled_member_is_adopted_when_it_is_retried() -> None:
    task = after(a_member(), claimed(), CANCELLED, RETRIED)
    assert (task.open, task.why) == (True, Why.QUEUED)
    assert after(task, Started(RUN)).status is Status.IN_PROGRESS
    begun = after(a_member(), claimed(), Started(RUN), CANCELLED, RETRIED)
    assert begun.status is Status.IN_PROGRESS


def test_given_back_near_the_end_of_its_lease_it_may_be_bundled_again() -> None:
    task = after(a_member(), unbegun(deleted=True))
    assert (task.why, task.members) == (Why.DUE, 2)


@pytest.mark.parametrize("told", [(Started(RUN),), (claimed(), Started(RUN)), ()])
def test_given_back_after_it_began_it_goes_by_itself(told: tuple[Event, ...]) -> None:
    """Async members run together: where their process dies, none of them is charged, and it might happen for ever."""
    task = after(a_member(), *told, released(deleted=True))
    assert (task.why, task.members, task.losses, task.attempts) == (Why.DUE, 0, 0, 0)
    alone = after(task, Dispatched(NOW + VALIDITY))
    assert alone.members == 0
