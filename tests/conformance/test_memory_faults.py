"""The memory queue misbehaves as it is told, and only so: each fault can be seen, and the same seed repeats it."""

from __future__ import annotations

from random import Random
from typing import Unpack

import pytest

from leasehold.adapters.memory import FAULTS, Faults, MemoryQueue, MemoryTerms, Rates
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.queue import Delivery, Message, NotSent, QueueTraits, Sent
from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import LONG, bodies, given, is_empty, take, take_one

HORIZON = 60_000
SOON = 2_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def faulty(clock: ManualClock, seed: int = 1, **rates: Unpack[Rates]) -> MemoryQueue:
    return MemoryQueue("q", clock, faults=Faults(Random(seed), horizon=HORIZON, **rates))


def now_there(queue: MemoryQueue, limit: int = 10) -> list[Delivery]:
    return list(queue.receive(limit, wait=0, visibility=SOON).deliveries)


def test_without_rates_nothing_strikes(clock: ManualClock) -> None:
    queue = faulty(clock)
    given(queue, "a")
    queue.delete([take_one(queue).receipt])
    assert queue.faults.fired == {}


def test_a_fault_that_is_not_known_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown faults: dupliacte\. There are: duplicate, "):
        Faults(dupliacte=1.0)  # type: ignore[typeddict-unknown-key, arg-type] - the mistake under test


def test_a_duplicate_is_delivered_besides_its_original(clock: ManualClock) -> None:
    queue = faulty(clock, duplicate=1.0)
    ids = given(queue, "a")
    original = take_one(queue)
    clock.advance(HORIZON)
    (duplicate, *_) = now_there(queue)
    assert (duplicate.message_id, duplicate.body, duplicate.sent_at) == (ids[0], "a", original.sent_at)
    assert duplicate.receipt != original.receipt


def test_a_duplicate_comes_at_once_or_later_with_the_same_count_or_the_next(clock: ManualClock) -> None:
    queue = faulty(clock, duplicate=1.0)
    seen: set[tuple[bool, int]] = set()
    for _ in range(100):
        queue.purge()
        given(queue, "a")
        take_one(queue)
        at_once = bool(now_there(queue))
        copies = queue.peek()
        seen.add((at_once, copies[1].receive_count - at_once))
    assert seen == {(True, 0), (True, 1), (False, 0), (False, 1)}


def test_a_duplicate_outlives_its_original(clock: ManualClock) -> None:
    queue = faulty(clock, duplicate=1.0)
    given(queue, "a")
    queue.delete([take_one(queue).receipt])
    queue.faults.stop()
    clock.advance(HORIZON)
    (late,) = now_there(queue)
    queue.delete([late.receipt])
    clock.advance(HORIZON)
    assert is_empty(queue)


def test_reordering_lets_later_messages_overtake(clock: ManualClock) -> None:
    queue = faulty(clock, reorder=1.0)
    given(queue, *"abcdefghij")
    received = [delivery.body for delivery in take(queue, 10)]
    assert received != [*"abcdefghij"]
    assert sorted(received) == [*"abcdefghij"]


def test_a_reordered_receive_leaves_the_others_in_the_line(clock: ManualClock) -> None:
    queue = faulty(clock, reorder=1.0)
    given(queue, *"abcdefghij")
    first = queue.receive(3, wait=0, visibility=LONG).deliveries
    assert bodies([*first, *take(queue, 7)]) == [*"abcdefghij"]
    assert is_empty(queue)


def test_a_short_receive_brings_less_than_there_is_and_loses_nothing(clock: ManualClock) -> None:
    queue = faulty(clock, short=1.0)
    given(queue, *"abcdef")
    sizes = set[int]()
    for _ in range(100):
        deliveries = now_there(queue)
        sizes.add(len(deliveries))
        queue.change_visibility([(delivery.receipt, 0) for delivery in deliveries])
    assert sizes == {0, 1, 2, 3, 4, 5}
    queue.faults.stop()
    assert bodies(take(queue, 6)) == [*"abcdef"]


def test_a_receive_whose_reply_is_lost_hides_the_messages_all_the_same(clock: ManualClock) -> None:
    queue = faulty(clock, lose_reply_receive=1.0)
    given(queue, "a")
    with pytest.raises(QueueUnavailable, match="Receive again"):
        now_there(queue)
    queue.faults.stop()
    assert is_empty(queue)
    clock.advance(SOON)
    assert take_one(queue).receive_count == 2


def test_a_delayed_message_comes_later(clock: ManualClock) -> None:
    queue = faulty(clock, delay=1.0)
    given(queue, "a")
    assert is_empty(queue)
    clock.advance(HORIZON)
    assert take_one(queue).receive_count == 1


def test_a_vanished_message_was_confirmed(clock: ManualClock) -> None:
    queue = faulty(clock, vanish=1.0)
    assert len(given(queue, "a")) == 1
    assert queue.peek() == []


def test_a_lost_send_is_unknown_and_not_there(clock: ManualClock) -> None:
    queue = faulty(clock, lose_send=1.0)
    assert queue.send([Message("a")]) == [NotSent("the request was lost", unknown=True)]
    assert queue.peek() == []


def test_a_lost_reply_to_a_send_is_unknown_and_there(clock: ManualClock) -> None:
    queue = faulty(clock, lose_reply_send=1.0)
    assert queue.send([Message("a")]) == [NotSent("the reply was lost", unknown=True)]
    assert take_one(queue).body == "a"


def test_a_lost_reply_concerns_one_call_of_the_transport(clock: ManualClock) -> None:
    queue = faulty(clock, lose_reply_send=0.5)
    answers = queue.send([Message(str(number)) for number in range(100)])
    calls = [{type(answer) for answer in answers[start : start + 10]} for start in range(0, 100, 10)]
    assert {NotSent} in calls
    assert {Sent} in calls
    assert {NotSent, Sent} not in calls
    assert len(queue.peek()) == 100


def test_a_failed_entry_does_nothing_and_says_so(clock: ManualClock) -> None:
    queue = faulty(clock, fail_entry=0.5)
    answers = queue.send([Message(str(number)) for number in range(100)])
    failed = [answer for answer in answers if isinstance(answer, NotSent)]
    assert 0 < len(failed) < 100
    assert not any(answer.unknown or answer.refused for answer in failed)
    assert len(queue.peek()) == 100 - len(failed)
    taken = take(queue, len(queue.peek()))
    hidden = queue.change_visibility([(delivery.receipt, 0) for delivery in taken]).count(False)
    assert 0 < hidden < len(taken)
    assert queue.depth().in_flight == hidden
    undeleted = queue.delete([delivery.receipt for delivery in taken]).count(False)
    assert 0 < undeleted < len(taken)
    assert len(queue.peek()) == undeleted


def test_a_delete_that_does_not_stick_is_confirmed(clock: ManualClock) -> None:
    queue = faulty(clock, undeleted=1.0)
    given(queue, "a")
    assert queue.delete([take_one(queue, visibility=SOON).receipt]) == [True]
    assert is_empty(queue)
    clock.advance(SOON)
    assert take_one(queue).receive_count == 2


def test_a_stale_delete_may_hit(clock: ManualClock) -> None:
    queue = faulty(clock, stale_delete=1.0)
    given(queue, "a")
    stale = take_one(queue, visibility=0)
    take_one(queue)
    assert queue.delete([stale.receipt]) == [True]
    assert queue.peek() == []


def test_a_delete_whose_reply_is_lost_is_done(clock: ManualClock) -> None:
    queue = faulty(clock, lose_reply_delete=1.0)
    given(queue, "a")
    assert queue.delete([take_one(queue).receipt]) == [False]
    assert queue.peek() == []


def test_a_change_whose_reply_is_lost_is_made(clock: ManualClock) -> None:
    queue = faulty(clock, lose_reply_change=1.0)
    given(queue, "a")
    assert queue.change_visibility([(take_one(queue).receipt, 0)]) == [False]
    assert take_one(queue).receive_count == 2


def test_an_unavailable_queue_does_nothing(clock: ManualClock) -> None:
    queue = faulty(clock)
    given(queue, "a")
    held = take_one(queue)
    queue.faults = Faults(unavailable=1.0)
    for call in (
        lambda: queue.send([Message("b")]),
        lambda: queue.receive(1, wait=0, visibility=LONG),
        lambda: queue.delete([held.receipt]),
        lambda: queue.change_visibility([(held.receipt, 0)]),
    ):
        with pytest.raises(QueueUnavailable, match="queue 'q' cannot be reached"):
            call()
    assert [(copy.body, copy.receive_count) for copy in queue.peek()] == [("a", 1)]
    assert queue.depth().in_flight == 1


def story(seed: int) -> list[object]:
    """A busy hour of a queue with every fault."""
    clock = ManualClock()
    rates = Rates(**dict.fromkeys(FAULTS, 0.1))  # type: ignore[typeddict-item] - the names come from Rates itself
    queue = faulty(clock, seed, **rates)
    seen: list[object] = []
    for minute in range(60):
        for call in (
            lambda minute=minute: queue.send([Message(f"{minute}-{number}") for number in range(15)]),
            lambda: queue.receive(10, wait=0, visibility=30_000),
        ):
            try:
                seen.append(call())
            except QueueUnavailable as error:
                seen.append(str(error))
        clock.advance(60_000)
    return [*seen, sorted(queue.faults.fired.items())]


def test_the_same_seed_gives_the_same_story() -> None:
    assert story(7) == story(7)
    assert story(7) != story(8)


def test_stopping_ends_every_fault(clock: ManualClock) -> None:
    queue = faulty(clock, unavailable=1.0)
    queue.faults.stop()
    assert len(given(queue, "a")) == 1


def test_with_too_many_in_flight_receives_come_back_empty(clock: ManualClock) -> None:
    queue = MemoryQueue("q", clock, MemoryTerms(in_flight_limit=3))
    given(queue, *"abcde")
    assert len(now_there(queue)) == 3
    assert now_there(queue) == []
    clock.advance(SOON)
    assert len(now_there(queue)) == 3


def test_the_server_time_of_a_reply_may_be_as_coarse_as_a_date_header(clock: ManualClock) -> None:
    queue = MemoryQueue("q", clock, MemoryTerms(tick=1_000))
    clock.advance(1_999)
    assert queue.receive(1, wait=0, visibility=0).server_time == clock.now() - 999


def test_hiding_ends_twelve_hours_after_the_receive_however_often_it_is_changed(clock: ManualClock) -> None:
    queue = faulty(clock)
    given(queue, "a")
    receipt = take_one(queue).receipt
    clock.advance(LONG - 1)
    longest = queue.traits.max_visibility
    assert queue.change_visibility([(receipt, longest), (receipt, 12 * 3_600_000 - LONG)]) == [False, True]


def test_a_fifo_queue_forgets_a_deduplication_key_after_five_minutes(clock: ManualClock) -> None:
    queue = MemoryQueue("q", clock, MemoryTerms(traits=QueueTraits(fifo=True)))
    first = queue.send([Message("a", dedup="k")])
    clock.advance(299_999)
    assert queue.send([Message("a", dedup="k")]) == first
    clock.advance(1)
    assert queue.send([Message("a", dedup="k")]) != first


def test_a_simulator_sees_when_to_look_again(clock: ManualClock) -> None:
    queue = faulty(clock)
    assert queue.next_visible() is None
    given(queue, "a")
    take_one(queue, visibility=SOON)
    assert queue.next_visible() == clock.now() + SOON
