"""How due tasks come to be messages: committed before they are sent (R10), no more than the window allows (R9)."""

from __future__ import annotations

from typing import cast

import pytest

from leasehold.core.errors import QueueUnavailable
from leasehold.core.references import arguments_reference
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import verify
from leasehold.flow.dispatcher import FAILING, FIFO_MEMORY, REST
from leasehold.flow.explain import Case, explain
from leasehold.flow.window import SMALLEST
from leasehold.ports.ledger import Ledger
from leasehold.ports.queue import QueueTraits
from tests.flow.orchestra import VALIDITY, Orchestra
from tests.flow.scripted import MINUTE, Breaking, JournalQueue


def sent(orchestra: Orchestra, name: str = "default") -> list[str]:
    return [message.tasks[0].id for message in orchestra.messages(name)]


def numbers(orchestra: Orchestra) -> list[int]:
    return [message.tasks[0].n for message in orchestra.messages()]


# ------------------------------------------------------------ messages


def test_a_due_task_becomes_a_message_that_says_all_a_worker_needs(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(arguments='{"source":"a.wav"}', trace="00-ab-cd-01")
    assert orchestra.dispatcher.step() == 1
    (message,) = orchestra.messages()
    task = message.tasks[0]
    assert (message.name, message.queue, message.lease, message.most_receives) == ("work", "default", MINUTE, 10)
    assert message.not_after == orchestra.clock.now() + VALIDITY
    assert (task.id, task.n, task.arguments, task.trace) == (id, 1, '{"source":"a.wav"}', "00-ab-cd-01")
    assert verify(orchestra.key, id, 1, task.capability)
    assert orchestra.state(id) == "pending/queued"


def test_large_arguments_go_by_reference(orchestra: Orchestra) -> None:
    large = '{"x":"' + "y" * 60_000 + '"}'
    (id,) = orchestra.submit(arguments=large)
    orchestra.dispatcher.step()
    task = orchestra.messages()[0].tasks[0]
    assert (task.arguments, task.arguments_ref) == (None, arguments_reference(id, large.encode()))


def test_what_is_not_due_is_not_sent(orchestra: Orchestra) -> None:
    orchestra.submit(delay=1_000)
    assert orchestra.dispatcher.step() == 0
    assert sent(orchestra) == []


def test_tenants_are_told_apart_and_each_dispatch_has_its_own_name(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(tenant="ann")
    orchestra.dispatcher.step()
    (message,) = orchestra.queue().sends
    assert (message.group, message.dedup) == ("ann", f"{id}.1")


def test_higher_priorities_go_first_then_older_tasks(orchestra: Orchestra) -> None:
    low = orchestra.submit(2, priority=-5)
    first = orchestra.submit(2)
    orchestra.clock.advance(1)
    second = orchestra.submit(2)
    high = orchestra.submit(1, priority=5)
    orchestra.dispatcher.step()
    assert sent(orchestra) == [*high, *first, *second, *low]


def test_each_queue_gets_its_own(orchestra: Orchestra) -> None:
    a, b = orchestra.submit(queue="a"), orchestra.submit(2, queue="b")
    assert orchestra.dispatcher.step() == 3
    assert (sent(orchestra, "a"), sent(orchestra, "b")) == (a, b)


# ------------------------------------------------------------ the window


def test_no_more_is_sent_than_the_window_has_room_for(orchestra: Orchestra) -> None:
    orchestra.submit(50)
    assert orchestra.dispatcher.step() == SMALLEST
    assert orchestra.dispatcher.step() == 0
    for message in orchestra.messages()[:4]:
        orchestra.report(UpdateKind.STARTED, message)
    orchestra.recorder.step()
    assert orchestra.dispatcher.step() == 4


def test_one_full_queue_leaves_the_others_their_room(orchestra: Orchestra) -> None:
    orchestra.submit(50, queue="full")
    orchestra.dispatcher.step()
    orchestra.submit(3, queue="other")
    assert orchestra.dispatcher.step() == 3


def test_a_paused_queue_gets_nothing_until_it_is_resumed(orchestra: Orchestra) -> None:
    orchestra.submit(2, queue="a")
    orchestra.client.pause("a", paused=True, by="ann")
    assert orchestra.dispatcher.step() == 0
    orchestra.client.pause("a", paused=False, by="ann")
    assert orchestra.dispatcher.step() == 2


def test_one_queue_is_filled_alone_even_while_it_is_paused(orchestra: Orchestra) -> None:
    orchestra.submit(2, queue="a")
    orchestra.submit(3, queue="b")
    orchestra.client.pause("a", paused=True, by="ann")
    assert orchestra.dispatcher.fill("a") == 2
    assert orchestra.dispatcher.fill("a") == 0
    assert orchestra.dispatcher.fill("nowhere") == 0
    assert orchestra.dispatcher.step() == 3


def test_a_paused_queue_costs_no_transaction(orchestra: Orchestra) -> None:
    orchestra.submit()
    orchestra.client.pause("default", paused=True, by="ann")
    ledger = Breaking(orchestra.ledger)
    orchestra.another_dispatcher(cast("Ledger", ledger)).step()
    assert "dispatch" not in ledger.calls


# ------------------------------------------------------------ sends that fail (R10)


def test_an_entry_known_to_have_failed_is_sent_again_under_its_own_number(orchestra: Orchestra) -> None:
    ids = orchestra.submit(8)
    queue = orchestra.queue()
    queue.misbehave(fail_entry=0.5)
    assert 0 < orchestra.dispatcher.step() < 8
    queue.misbehave()
    orchestra.dispatcher.step()
    assert numbers(orchestra) == [1] * 8
    assert sorted(sent(orchestra)) == sorted(ids)


def test_a_call_that_failed_as_a_whole_has_sent_nothing_and_is_repeated(orchestra: Orchestra) -> None:
    orchestra.submit(3)
    queue = orchestra.queue()
    queue.misbehave(unavailable=1)
    with pytest.raises(QueueUnavailable):
        orchestra.dispatcher.step()
    with pytest.raises(QueueUnavailable):
        orchestra.dispatcher.step()
    queue.misbehave()
    assert orchestra.dispatcher.step() == 3
    assert numbers(orchestra) == [1, 1, 1]


def test_while_a_queue_fails_nothing_more_is_dispatched_to_it(orchestra: Orchestra) -> None:
    ids = orchestra.submit(SMALLEST)
    queue = orchestra.queue()
    queue.misbehave(fail_entry=1)
    orchestra.dispatcher.step()
    later = orchestra.submit()
    orchestra.clock.advance(MINUTE)
    orchestra.dispatcher.step()
    assert len(ids) == FAILING
    assert orchestra.states(later) == ["pending/due"]


def test_a_few_bad_entries_keep_no_queue_waiting(orchestra: Orchestra) -> None:
    bad = orchestra.submit()
    queue = orchestra.queue()
    queue.misbehave(fail_entry=1)
    orchestra.dispatcher.step()
    good = orchestra.submit()
    orchestra.dispatcher.step()
    assert orchestra.states(good) == ["pending/queued"]
    queue.misbehave()
    orchestra.dispatcher.step()
    assert sent(orchestra) == [*bad, *good]


@pytest.mark.parametrize("fault", ["lose_send", "lose_reply_send"])
def test_one_whose_fate_is_unknown_is_never_sent_again_under_its_number(orchestra: Orchestra, fault: str) -> None:
    """A retried send would make two messages with one token: two runs that nothing tells apart."""
    (id,) = orchestra.submit()
    queue = orchestra.queue()
    queue.misbehave(**{fault: 1})
    orchestra.dispatcher.step()
    there = len(queue.peek())
    queue.misbehave()
    for _ in range(5):
        orchestra.clock.advance(MINUTE)
        orchestra.dispatcher.step()
    assert len(queue.peek()) == there
    assert orchestra.task(id).n == 1


def test_its_dispatch_is_closed_by_the_clock_and_then_it_goes_out_anew(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    queue = orchestra.queue()
    queue.misbehave(lose_send=1)
    orchestra.dispatcher.step()
    queue.misbehave()
    orchestra.clock.advance(VALIDITY + MINUTE + 5_000)
    orchestra.sweeper.step()
    orchestra.dispatcher.step()
    assert numbers(orchestra) == [2]
    assert orchestra.trail(id) == ["submitted", "dispatched", "voided", "dispatched"]


def test_what_could_not_be_sent_while_it_was_valid_is_left_to_the_clock(orchestra: Orchestra) -> None:
    orchestra.submit()
    queue = orchestra.queue()
    queue.misbehave(fail_entry=1)
    orchestra.dispatcher.step()
    queue.misbehave()
    orchestra.clock.advance(VALIDITY)
    orchestra.dispatcher.step()
    assert sent(orchestra) == []


def test_a_queue_that_is_down_keeps_no_other_waiting(orchestra: Orchestra) -> None:
    orchestra.submit(2, queue="a-down")
    other = orchestra.submit(2, queue="b")
    orchestra.queue("a-down").misbehave(unavailable=1)
    assert orchestra.dispatcher.step() == 2
    assert sent(orchestra, "b") == other
    more = orchestra.submit(queue="b")
    assert orchestra.dispatcher.step() == 1  # also while it repeats what was not sent
    assert sent(orchestra, "b") == [*other, *more]
    orchestra.clock.advance(REST)
    with pytest.raises(QueueUnavailable):
        orchestra.dispatcher.step()


def test_a_queue_that_is_down_is_not_asked_as_often_as_a_busy_one(orchestra: Orchestra) -> None:
    """Every answer costs, also the bad ones."""
    (waiting,) = orchestra.submit(queue="a-down")
    down = orchestra.queue("a-down")
    down.misbehave(unavailable=1)
    for _ in range(3):
        orchestra.submit(queue="b")
        assert orchestra.dispatcher.step() == 1
    assert len(down.sends) == 1
    down.misbehave()
    orchestra.clock.advance(REST)
    assert orchestra.dispatcher.step() == 1
    assert sent(orchestra, "a-down") == [waiting]


# ------------------------------------------------------------ two orchestrators, one ledger


def test_two_dispatchers_send_each_task_once(orchestra: Orchestra) -> None:
    ids = orchestra.submit(8)
    orchestra.another_dispatcher().step()
    orchestra.dispatcher.step()
    assert sorted(sent(orchestra)) == sorted(ids)
    assert numbers(orchestra) == [1] * 8


def test_a_dispatcher_paused_between_commit_and_send_does_no_harm(orchestra: Orchestra) -> None:
    """Its message comes after its dispatch was closed: nobody may start it, and nobody believes what it says."""
    (id,) = orchestra.submit()
    queue = orchestra.queue()
    queue.kept_back = kept = []
    orchestra.dispatcher.step()
    queue.kept_back = None
    orchestra.clock.advance(VALIDITY + MINUTE + 5_000)
    orchestra.sweeper.step()
    orchestra.dispatcher.step()
    queue.send(kept)
    late = orchestra.messages()[-1]
    assert late.not_after < orchestra.clock.now()
    orchestra.report(UpdateKind.STARTED, late)
    orchestra.recorder.step()
    assert (orchestra.state(id), orchestra.task(id).n) == ("pending/queued", 2)


# ------------------------------------------------------------ where a second message can do no harm (R10)


@pytest.mark.parametrize("fault", ["lose_send", "lose_reply_send"])
def test_where_runs_are_claimed_one_of_unknown_fate_is_sent_again_under_its_number(
    orchestra: Orchestra, fault: str
) -> None:
    orchestra.claims_before_run = True
    dispatcher = orchestra.another_dispatcher()
    orchestra.submit()
    queue = orchestra.queue()
    queue.misbehave(**{fault: 1})
    dispatcher.step()
    queue.misbehave()
    dispatcher.step()
    assert set(numbers(orchestra)) == {1}
    dispatcher.step()
    assert len(queue.sends) == 2


def test_a_fifo_queue_that_remembers_the_first_send_is_sent_it_again(orchestra: Orchestra) -> None:
    orchestra.submit()
    queue = orchestra.queues["default"] = JournalQueue("tasks:default", orchestra.clock, traits=QueueTraits(fifo=True))
    queue.misbehave(lose_reply_send=1)
    orchestra.dispatcher.step()
    queue.misbehave()
    orchestra.clock.advance(FIFO_MEMORY - 1)
    orchestra.dispatcher.step()
    assert len(queue.sends) == 2
    assert numbers(orchestra) == [1]


def test_once_a_fifo_queue_may_have_forgotten_it_is_not(orchestra: Orchestra) -> None:
    orchestra.submit()
    queue = orchestra.queues["default"] = JournalQueue("tasks:default", orchestra.clock, traits=QueueTraits(fifo=True))
    queue.misbehave(lose_reply_send=1)
    orchestra.dispatcher.step()
    queue.misbehave()
    orchestra.clock.advance(FIFO_MEMORY)
    orchestra.dispatcher.step()
    assert len(queue.sends) == 1


# ------------------------------------------------------------ what a queue will never take


def test_a_body_that_the_queue_will_never_take_costs_attempts_and_then_fails_with_the_reason(
    orchestra: Orchestra,
) -> None:
    (id,) = orchestra.submit()
    orchestra.queue().traits = QueueTraits(body_limit=10)
    for tried in (1, 2, 3):
        orchestra.dispatcher.step()
        assert orchestra.task(id).attempts == tried
        orchestra.clock.advance(MINUTE)
        orchestra.scheduler.step()
    task = orchestra.task(id)
    assert (task.status, task.n) == ("failed", 3)
    assert task.reason is not None
    assert task.reason.startswith("queue 'tasks:default' does not take its message: ")
    assert orchestra.trail(id).count("unsendable") == 3


def test_while_attempts_are_left_why_says_which_queue_refused_and_it_goes_out_once_the_cause_is_gone(
    orchestra: Orchestra,
) -> None:
    (id,) = orchestra.submit()
    queue = orchestra.queue()
    queue.traits = QueueTraits(body_limit=10)
    orchestra.dispatcher.step()
    view = orchestra.views.task(id)
    assert view is not None
    said = explain(Case(view, (), orchestra.views.audit(id), None, orchestra.clock.now())).paragraph
    assert "Queue 'tasks:default' does not take its message" in said
    assert "attempt 2 of 3" in said
    queue.traits = QueueTraits()
    orchestra.clock.advance(MINUTE)
    orchestra.scheduler.step()
    orchestra.dispatcher.step()
    assert sent(orchestra) == [id]


def test_one_of_unknown_fate_that_is_then_refused_is_left_to_the_clock(orchestra: Orchestra) -> None:
    orchestra.claims_before_run = True
    dispatcher = orchestra.another_dispatcher()
    (id,) = orchestra.submit()
    queue = orchestra.queue()
    queue.misbehave(lose_reply_send=1)
    dispatcher.step()
    queue.misbehave()
    queue.traits = QueueTraits(body_limit=10)
    dispatcher.step()
    dispatcher.step()
    assert (orchestra.state(id), len(queue.sends)) == ("pending/queued", 2)
