"""What a queue on this machine owes beyond ``QueueSuite``: exact edges, on a clock that the test turns."""

from __future__ import annotations

from concurrent.futures import TimeoutError as StillRunning

import pytest

from leasehold.testing.queue_bench import BOUND, LONG, QueueBench, bodies, given, in_thread, is_empty, take, take_one
from leasehold.testing.queue_suite import QueueSuite

FOURTEEN_DAYS = 14 * 86_400_000


class LocalQueueSuite(QueueSuite):
    """``bench.let_pass`` turns a manual clock by exactly what is asked."""

    def test_the_visibility_ends_to_the_millisecond(self, bench: QueueBench) -> None:
        """Hidden until then, visible from then on."""
        queue = bench.queue()
        given(queue, "a")
        take_one(queue, visibility=30_000)
        bench.let_pass(29_999)
        assert is_empty(queue)
        bench.let_pass(1)
        assert take_one(queue).receive_count == 2

    def test_what_waited_longest_comes_first(self, bench: QueueBench) -> None:
        """Roughly first in, first out; what came back stands behind what was there."""
        queue = bench.queue()
        given(queue, "a")
        bench.let_pass(1)
        given(queue, "b", "c")
        take_one(queue, visibility=10)
        bench.let_pass(20)
        given(queue, "d")
        assert [d.body for d in take(queue, 4)] == ["b", "c", "a", "d"]

    def test_nothing_is_received_twice_in_one_reply(self, bench: QueueBench) -> None:
        """Not even when it is not hidden at all."""
        queue = bench.queue()
        given(queue, "a", "b")
        assert bodies(queue.receive(10, wait=0, visibility=0).deliveries) == ["a", "b"]
        assert bodies(queue.receive(10, wait=0, visibility=0).deliveries) == ["a", "b"]

    def test_a_receive_brings_no_more_than_the_transport_takes(self, bench: QueueBench) -> None:
        """However much is asked for."""
        queue = bench.queue()
        batch = queue.traits.batch
        given(queue, *["x"] * (batch + 5))
        assert len(queue.receive(batch + 5, wait=0, visibility=LONG).deliveries) == batch
        assert len(queue.receive(batch + 5, wait=0, visibility=LONG).deliveries) == 5

    def test_a_late_delete_deletes(self, bench: QueueBench) -> None:
        """As on a standard queue, when the visibility is over and nobody else has received the message."""
        queue = bench.queue()
        given(queue, "a")
        late = take_one(queue, visibility=2_000)
        bench.let_pass(2_000)
        assert queue.delete([late.receipt]) == [True]
        assert is_empty(queue)

    def test_a_delete_is_confirmed_again_when_it_is_repeated(self, bench: QueueBench) -> None:
        """As on SQS: a delete whose reply was lost is simply repeated."""
        queue = bench.queue()
        given(queue, "a")
        receipt = take_one(queue).receipt
        assert queue.delete([receipt]) == queue.delete([receipt]) == [True]

    def test_a_stale_delete_is_confirmed(self, bench: QueueBench) -> None:
        """It is what makes a careless caller fail here and not only in production."""
        queue = bench.queue()
        given(queue, "a")
        stale = take_one(queue, visibility=0)
        take_one(queue, visibility=2_000)
        assert queue.delete([stale.receipt]) == [True]
        bench.let_pass(2_000)
        assert take_one(queue).body == "a"

    def test_a_change_after_the_visibility_is_over_is_not_confirmed(self, bench: QueueBench) -> None:
        """The message is not in flight any more."""
        queue = bench.queue()
        given(queue, "a")
        late = take_one(queue, visibility=2_000)
        bench.let_pass(2_000)
        assert queue.change_visibility([(late.receipt, LONG)]) == [False]
        assert take_one(queue).receive_count == 2

    def test_a_stale_change_is_not_confirmed(self, bench: QueueBench) -> None:
        """Recall (R13) learns that it came too late."""
        queue = bench.queue()
        given(queue, "a")
        stale = take_one(queue, visibility=0)
        take_one(queue)
        assert queue.change_visibility([(stale.receipt, 0)]) == [False]
        assert is_empty(queue)

    def test_no_change_hides_longer_than_the_longest_visibility(self, bench: QueueBench) -> None:
        """To the millisecond."""
        queue = bench.queue()
        given(queue, "a")
        receipt = take_one(queue).receipt
        longest = queue.traits.max_visibility
        assert queue.change_visibility([(receipt, longest + 1), (receipt, -1), (receipt, longest)]) == [
            False,
            False,
            True,
        ]

    def test_a_message_is_forgotten_after_its_retention(self, bench: QueueBench) -> None:
        """Counted from its first send; later messages are still there."""
        queue = bench.queue()
        given(queue, "old")
        bench.let_pass(FOURTEEN_DAYS - 1)
        given(queue, "new")
        assert bodies(take(queue, 2, visibility=0)) == ["new", "old"]
        bench.let_pass(1)
        assert take_one(queue).body == "new"
        assert is_empty(queue)

    def test_dead_letters_keep_id_count_and_first_send(self, bench: QueueBench) -> None:
        """The count goes on where it stood: it is how often the message was received anywhere."""
        queue = bench.queue(max_receives=3)
        given(queue, "poison")
        delivery = [take_one(queue, visibility=0) for _ in range(3)][-1]
        bench.let_pass(5_000)
        assert is_empty(queue)
        dead = take_one(bench.dead_letters(queue))
        assert dead == delivery._replace(receipt=dead.receipt, receive_count=4)

    def test_a_receipt_from_before_the_dead_letters_is_stale(self, bench: QueueBench) -> None:
        """A worker that finishes late does not delete the dead letter."""
        queue = bench.queue(max_receives=1)
        given(queue, "poison")
        before = take_one(queue, visibility=0)
        assert is_empty(queue)
        assert queue.change_visibility([(before.receipt, LONG)]) == [False]
        queue.delete([before.receipt])
        assert take_one(bench.dead_letters(queue)).body == "poison"

    def test_a_receipt_is_never_taken_for_that_of_a_later_message(self, bench: QueueBench) -> None:
        """Ids are not used again: a delete repeated late must not hit a stranger."""
        queue = bench.queue()
        given(queue, "a")
        receipt = take_one(queue).receipt
        queue.delete([receipt])
        given(queue, "b")
        later = take_one(queue, visibility=2_000)
        assert later.receipt != receipt
        queue.delete([receipt])
        bench.let_pass(2_000)
        assert take_one(queue).body == "b"

    def test_a_long_poll_sees_a_visibility_end(self, bench: QueueBench) -> None:
        """Nobody sends anything: the clock alone brings the message back."""
        queue = bench.queue()
        given(queue, "a")
        take_one(queue, visibility=30_000)
        poll = in_thread(lambda: queue.receive(1, wait=600_000, visibility=LONG))
        with pytest.raises(StillRunning):
            poll.result(timeout=0.3)
        bench.let_pass(30_000)
        assert bodies(poll.result(timeout=BOUND).deliveries) == ["a"]

    def test_a_long_poll_ends_by_the_clock(self, bench: QueueBench) -> None:
        """Its patience is measured on the clock that was injected."""
        queue = bench.queue()
        poll = in_thread(lambda: queue.receive(1, wait=600_000, visibility=LONG))
        with pytest.raises(StillRunning):
            poll.result(timeout=0.3)
        bench.let_pass(600_000)
        assert list(poll.result(timeout=BOUND).deliveries) == []

    def test_closing_ends_a_long_poll(self, bench: QueueBench) -> None:
        """A drain does not wait out the poll."""
        queue = bench.queue()
        poll = in_thread(lambda: queue.receive(1, wait=600_000, visibility=LONG))
        with pytest.raises(StillRunning):
            poll.result(timeout=0.3)
        queue.close()
        assert list(poll.result(timeout=BOUND).deliveries) == []
