"""What every queue owes, as tests: subclass ``QueueSuite`` and give it a ``bench`` fixture.

::

    class TestMyQueue(QueueSuite):
        @pytest.fixture
        def bench(self) -> QueueBench: ...
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as StillRunning
from itertools import chain

import pytest

from leasehold.ports.queue import Message, NotSent, Sent
from leasehold.testing.queue_bench import (
    BOUND,
    LONG,
    TRIES,
    QueueBench,
    bodies,
    given,
    in_thread,
    is_empty,
    take,
    take_one,
)

THREADS = 4


class QueueSuite:
    """SQS's semantics, without its faults. Holds in real time and on any clock."""

    @pytest.fixture
    def bench(self) -> QueueBench:
        """The adapter under test."""
        raise NotImplementedError

    # -- send and receive ----------------------------------------------------------------------------------------------

    def test_a_sent_message_is_received(self, bench: QueueBench) -> None:
        """Body and id are those of the send; it is the first receive."""
        queue = bench.queue()
        ids = given(queue, '{"a": 1}')
        delivery = take_one(queue)
        assert [delivery.message_id] == ids
        assert (delivery.body, delivery.receive_count) == ('{"a": 1}', 1)

    def test_bodies_come_through_unchanged(self, bench: QueueBench) -> None:
        """Every character that a queue takes, quotes and line ends included."""
        queue = bench.queue()
        sent = ["grüße, мир, 世界 🎉", "tab\tnewline\nreturn\r", """'"\\ <&> %s {0} \\u0000""", " ", "\ud7ff\ue000�"]
        given(queue, *sent)
        assert bodies(take(queue, len(sent))) == sorted(sent)

    def test_a_batch_has_an_answer_per_entry(self, bench: QueueBench) -> None:
        """More entries than the transport takes at once: each is sent under an id of its own."""
        queue = bench.queue()
        answers = queue.send([Message(f"m{i}") for i in range(25)])
        assert all(isinstance(answer, Sent) for answer in answers)
        assert len({answer.message_id for answer in answers if isinstance(answer, Sent)}) == 25
        taken = take(queue, 25)
        assert [answer.message_id for answer in answers if isinstance(answer, Sent)] == [
            next(d.message_id for d in taken if d.body == f"m{i}") for i in range(25)
        ]
        assert queue.delete([d.receipt for d in taken]) == [True] * 25

    def test_a_body_over_the_limit_is_refused_and_its_neighbours_are_sent(self, bench: QueueBench) -> None:
        """The limit is in bytes; refused for good, and not unknown."""
        queue = bench.queue()
        limit = queue.traits.body_limit
        answers = queue.send([Message("a"), Message("x" * (limit + 1)), Message("ü" * (limit // 2 + 1)), Message("b")])
        assert [type(answer) for answer in answers] == [Sent, NotSent, NotSent, Sent]
        assert all(answer.refused and not answer.unknown for answer in answers if isinstance(answer, NotSent))
        assert bodies(take(queue, 2)) == ["a", "b"]
        assert is_empty(queue)

    def test_a_body_at_the_limit_is_sent(self, bench: QueueBench) -> None:
        """And so are several that together are over it."""
        queue = bench.queue()
        limit = queue.traits.body_limit
        sent = ["x" * limit, "y" * (limit // 2 + 1), "z" * (limit // 2 + 1)]
        given(queue, *sent)
        assert bodies(take(queue, 3)) == sorted(sent)

    @pytest.mark.parametrize("body", ["", "a\x00b", "a\x1bb", "\ufffe"])
    def test_a_body_that_sqs_would_not_take_is_refused(self, bench: QueueBench, body: str) -> None:
        """A laptop refuses what production would refuse."""
        queue = bench.queue()
        answers = queue.send([Message(body), Message("fine")])
        assert isinstance(answers[0], NotSent)
        assert answers[0].refused
        assert isinstance(answers[1], Sent)
        assert take_one(queue).body == "fine"

    def test_empty_lists_do_nothing(self, bench: QueueBench) -> None:
        """Each call takes an empty list, and a limit of zero."""
        queue = bench.queue()
        given(queue, "a")
        assert queue.send([]) == []
        assert queue.delete([]) == []
        assert queue.change_visibility([]) == []
        assert list(queue.receive(0, wait=0, visibility=LONG).deliveries) == []
        assert take_one(queue).receive_count == 1

    def test_a_receive_takes_no_more_than_asked(self, bench: QueueBench) -> None:
        """The others stay visible."""
        queue = bench.queue()
        given(queue, *"abcde")
        first = queue.receive(2, wait=5_000, visibility=LONG).deliveries
        assert 1 <= len(first) <= 2
        assert bodies([*first, *take(queue, 5 - len(first))]) == [*"abcde"]

    def test_queues_are_apart(self, bench: QueueBench) -> None:
        """What is in one is not in the other, and a receipt of one means nothing in the other."""
        one, other = bench.queue(), bench.queue()
        given(one, "a")
        assert is_empty(other)
        given(other, "b")
        in_one, in_other = take_one(one), take_one(other)
        one.delete([in_other.receipt])
        other.delete([in_one.receipt])
        one.change_visibility([(in_one.receipt, 0)])
        other.change_visibility([(in_other.receipt, 0)])
        assert take_one(one).body == "a"
        assert take_one(other).body == "b"

    def test_the_server_time_is_the_clock_that_stamps_messages(self, bench: QueueBench) -> None:
        """Second-exact or better, rounded down; it comes with empty replies too."""
        queue = bench.queue()
        before = queue.receive(1, wait=0, visibility=LONG).server_time
        given(queue, "a")
        received = queue.receive(1, wait=5_000, visibility=LONG)
        sent_at = received.deliveries[0].sent_at
        assert before <= sent_at < received.server_time + 1_000

    def test_a_deduplication_key_counts_where_the_queue_is_fifo(self, bench: QueueBench) -> None:
        """Elsewhere it means nothing."""
        queue = bench.queue()
        first, second = queue.send([Message("a", dedup="k")]) + queue.send([Message("a", dedup="k")])
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert (first.message_id == second.message_id) == queue.traits.fifo
        assert len(take(queue, 1 if queue.traits.fifo else 2)) == 1 + (not queue.traits.fifo)
        assert is_empty(queue)

    def test_messages_of_several_groups_are_all_received(self, bench: QueueBench) -> None:
        """Groups separate tenants; none is left behind."""
        queue = bench.queue()
        queue.send([Message(f"{group}{i}", group=group, dedup=f"{group}{i}") for group in "abc" for i in range(2)])
        taken = take(queue, 3)
        queue.delete([d.receipt for d in taken])  # a FIFO queue holds back a group while one of it is in flight
        assert bodies([*taken, *take(queue, 3)]) == ["a0", "a1", "b0", "b1", "c0", "c1"]

    # -- visibility ----------------------------------------------------------------------------------------------------

    def test_a_received_message_is_hidden(self, bench: QueueBench) -> None:
        """Nobody else gets it meanwhile."""
        queue = bench.queue()
        given(queue, "a")
        take_one(queue, visibility=LONG)
        assert is_empty(queue)

    def test_it_comes_back_when_its_visibility_is_over(self, bench: QueueBench) -> None:
        """With the same id and first send, a higher count and a new receipt."""
        queue = bench.queue()
        given(queue, "a")
        first = take_one(queue, visibility=2_000)
        bench.let_pass(2_000)
        again = take_one(queue, visibility=2_000)
        assert again == first._replace(receipt=again.receipt, receive_count=2)
        assert again.receipt != first.receipt
        bench.let_pass(2_000)
        assert take_one(queue).receive_count == 3

    def test_each_receive_has_a_visibility_of_its_own(self, bench: QueueBench) -> None:
        """The shorter comes back, the longer stays away."""
        queue = bench.queue()
        given(queue, "a", "b")
        short = take_one(queue, visibility=2_000)
        take_one(queue, visibility=LONG)
        bench.let_pass(2_000)
        assert take_one(queue).message_id == short.message_id
        assert is_empty(queue)

    def test_giving_back_makes_it_visible_at_once(self, bench: QueueBench) -> None:
        """A give-back costs a receive: the count goes on."""
        queue = bench.queue()
        given(queue, "a")
        assert queue.change_visibility([(take_one(queue).receipt, 0)]) == [True]
        assert take_one(queue).receive_count == 2

    def test_hiding_longer_replaces_the_visibility(self, bench: QueueBench) -> None:
        """Counted from the change, not from the receive."""
        queue = bench.queue()
        given(queue, "a")
        assert queue.change_visibility([(take_one(queue, visibility=2_000).receipt, LONG)]) == [True]
        bench.let_pass(2_000)
        assert is_empty(queue)

    def test_hiding_shorter_replaces_the_visibility(self, bench: QueueBench) -> None:
        """It comes back earlier than the receive said."""
        queue = bench.queue()
        given(queue, "a")
        assert queue.change_visibility([(take_one(queue, visibility=LONG).receipt, 2_000)]) == [True]
        bench.let_pass(2_000)
        assert take_one(queue).receive_count == 2

    def test_changes_have_an_answer_per_entry(self, bench: QueueBench) -> None:
        """Nonsense and too much are not confirmed; their neighbours are."""
        queue = bench.queue()
        given(queue, "a", "b")
        a, b = take(queue, 2)
        changes = [(a.receipt, 0), ("nonsense", 0), (b.receipt, queue.traits.max_visibility + 60_000)]
        assert queue.change_visibility(changes) == [True, False, False]
        assert take_one(queue).message_id == a.message_id
        assert is_empty(queue)

    def test_a_stale_receipt_does_not_reveal_the_message(self, bench: QueueBench) -> None:
        """An earlier receive has no say over the present one."""
        queue = bench.queue()
        given(queue, "a")
        stale = take_one(queue, visibility=LONG)
        queue.change_visibility([(stale.receipt, 0)])
        take_one(queue, visibility=LONG)
        queue.change_visibility([(stale.receipt, 0)])
        assert is_empty(queue)

    def test_a_visibility_beyond_the_limit_is_a_mistake_of_the_caller(self, bench: QueueBench) -> None:
        """The longest is taken; beyond it and below zero nothing is received."""
        queue = bench.queue()
        given(queue, "a")
        for visibility in (queue.traits.max_visibility + 60_000, -1):
            with pytest.raises(ValueError, match="ms"):
                queue.receive(1, wait=0, visibility=visibility)
        assert take_one(queue, visibility=queue.traits.max_visibility).receive_count == 1

    # -- delete --------------------------------------------------------------------------------------------------------

    def test_a_deleted_message_is_gone(self, bench: QueueBench) -> None:
        """It does not come back when its visibility would be over."""
        queue = bench.queue()
        given(queue, "a", "b")
        delivery = take_one(queue, visibility=2_000)
        assert queue.delete([delivery.receipt]) == [True]
        bench.let_pass(2_000)
        assert take_one(queue).message_id != delivery.message_id
        assert is_empty(queue)

    def test_deleting_again_does_no_harm_and_changing_then_is_not_confirmed(self, bench: QueueBench) -> None:
        """A delete whose reply was lost is simply repeated; some queues confirm it again."""
        queue = bench.queue()
        given(queue, "a")
        receipt = take_one(queue).receipt
        assert queue.delete([receipt]) == [True]
        assert len(queue.delete([receipt])) == 1
        assert queue.change_visibility([(receipt, 0)]) == [False]
        assert is_empty(queue)

    def test_deletes_have_an_answer_per_entry(self, bench: QueueBench) -> None:
        """Nonsense is not confirmed and does not stop its neighbours."""
        queue = bench.queue()
        given(queue, "a", "b")
        a, b = take(queue, 2, visibility=2_000)
        assert queue.delete([a.receipt, "nonsense", b.receipt]) == [True, False, True]
        bench.let_pass(2_000)
        assert is_empty(queue)

    def test_a_stale_receipt_deletes_nothing_once_the_message_was_received_again(self, bench: QueueBench) -> None:
        """It may be confirmed all the same: R12 asks for the newest receipt."""
        queue = bench.queue()
        given(queue, "a")
        stale = take_one(queue, visibility=2_000)
        bench.let_pass(2_000)
        newest = take_one(queue, visibility=2_000)
        queue.delete([stale.receipt])
        bench.let_pass(2_000)
        assert take_one(queue).message_id == newest.message_id

    def test_a_late_delete_that_is_confirmed_deletes(self, bench: QueueBench) -> None:
        """When the visibility is over but nobody else has received the message."""
        queue = bench.queue()
        given(queue, "a")
        late = take_one(queue, visibility=2_000)
        bench.let_pass(2_000)
        if queue.delete([late.receipt]) == [True]:
            assert is_empty(queue)
        else:
            assert queue.delete([take_one(queue).receipt]) == [True]

    # -- long polls ----------------------------------------------------------------------------------------------------

    def test_a_long_poll_is_woken_by_a_send(self, bench: QueueBench) -> None:
        """It does not come back empty while it may wait."""
        queue = bench.queue()
        poll = in_thread(lambda: queue.receive(1, wait=20_000, visibility=LONG))
        with pytest.raises(StillRunning):
            poll.result(timeout=0.3)
        given(queue, "a")
        assert bodies(poll.result(timeout=BOUND).deliveries) == ["a"]

    def test_a_long_poll_is_woken_by_a_give_back(self, bench: QueueBench) -> None:
        """What another worker returns is as good as sent."""
        queue = bench.queue()
        given(queue, "a")
        held = take_one(queue)
        poll = in_thread(lambda: queue.receive(1, wait=20_000, visibility=LONG))
        with pytest.raises(StillRunning):
            poll.result(timeout=0.3)
        queue.change_visibility([(held.receipt, 0)])
        assert bodies(poll.result(timeout=BOUND).deliveries) == ["a"]

    def test_a_long_poll_on_an_empty_queue_ends(self, bench: QueueBench) -> None:
        """With an empty answer, no error."""
        assert list(bench.queue().receive(1, wait=1_000, visibility=LONG).deliveries) == []

    # -- dead letters --------------------------------------------------------------------------------------------------

    def test_a_message_received_too_often_goes_to_the_dead_letters(self, bench: QueueBench) -> None:
        """With its body; from a queue that is not FIFO also with its first send. The others stay."""
        queue = bench.queue(max_receives=2)
        dead_letters = bench.dead_letters(queue)
        given(queue, "poison")
        first = take_one(queue)
        queue.change_visibility([(first.receipt, 0)])
        queue.change_visibility([(take_one(queue).receipt, 0)])
        assert is_empty(dead_letters)
        given(queue, "good")
        assert take_one(queue).body == "good"
        assert is_empty(queue)
        dead = take_one(dead_letters)
        assert dead.body == "poison"
        assert dead.sent_at == first.sent_at or queue.traits.fifo  # SQS stamps a FIFO queue's dead letters anew
        assert dead_letters.delete([dead.receipt]) == [True]

    # -- depth and load ------------------------------------------------------------------------------------------------

    def test_the_depth_tells_visible_from_in_flight(self, bench: QueueBench) -> None:
        """Approximate means late, not wrong: it settles."""
        queue = bench.queue()
        given(queue, *"abc")
        take_one(queue)
        depths = (queue.depth() for _ in range(TRIES))
        assert any((depth.visible, depth.in_flight) == (2, 1) for depth in depths)

    def test_many_threads_get_each_message_once(self, bench: QueueBench) -> None:
        """Senders and receivers at once; without faults nothing comes twice within its visibility."""
        queue = bench.queue()
        share = bench.plenty // THREADS

        def send(sender: int) -> None:
            for start in range(0, share, 10):
                given(queue, *(f"{sender}-{i}" for i in range(start, min(share, start + 10))))

        def receive() -> list[str]:
            taken = take(queue, share)
            assert queue.delete([d.receipt for d in taken]) == [True] * share
            return bodies(taken)

        senders = [in_thread(lambda sender=sender: send(sender)) for sender in range(THREADS)]
        receivers = [in_thread(receive) for _ in range(THREADS)]
        for sender in senders:
            sender.result(timeout=BOUND)
        received = list(chain.from_iterable(receiver.result(timeout=BOUND) for receiver in receivers))
        assert sorted(received) == sorted(f"{sender}-{i}" for sender in range(THREADS) for i in range(share))
        assert is_empty(queue)

    def test_a_big_batch_is_sent_received_and_deleted_whole(self, bench: QueueBench) -> None:
        """One call each to send and to delete."""
        queue = bench.queue()
        sent = [f"m{i:05}" for i in range(bench.plenty)]
        assert len(given(queue, *sent)) == len(sent)
        taken = take(queue, len(sent), visibility=2_000 * bench.plenty)
        assert bodies(taken) == sent
        assert queue.delete([d.receipt for d in taken]) == [True] * len(sent)
        depths = (queue.depth() for _ in range(TRIES))
        assert any((depth.visible, depth.in_flight) == (0, 0) for depth in depths)
