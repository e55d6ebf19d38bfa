"""Receives, deletes and changes of visibility on SQS."""

from __future__ import annotations

from concurrent.futures import TimeoutError as StillRunning

import pytest

from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.queue import Message
from leasehold.testing.queue_bench import BOUND, LONG, bodies, given, in_thread, is_empty, take, take_one
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.sqs.conftest import Deployment


def test_a_receive_is_one_request_of_ten_at_most(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    given(queue, *(f"m{i}" for i in range(30)))
    assert len(queue.receive(25, wait=20_000, visibility=LONG).deliveries) == 10
    assert server.requests.actions()["ReceiveMessage"] == 1


def test_a_receive_whose_reply_is_lost_is_not_repeated(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault("lose_reply_receive"))
    for wait in (0, 1_000):
        server.requests.reset()
        with pytest.raises(QueueUnavailable, match="the reply to ReceiveMessage was lost"):
            queue.receive(1, wait=wait, visibility=LONG)
        assert server.requests.actions() == {"ReceiveMessage": 1}


def test_a_message_is_hidden_at_least_as_long_as_was_asked(deployment: Deployment) -> None:
    queue = deployment.set_up().tasks("default")
    given(queue, "a")
    take_one(queue, visibility=2_001)
    deployment.clock.advance(2_500)
    assert is_empty(queue)
    deployment.clock.advance(500)
    queue.change_visibility([(take_one(queue).receipt, 1)])
    deployment.clock.advance(999)
    assert is_empty(queue)
    deployment.clock.advance(1)
    assert take_one(queue).receive_count == 3


def test_the_time_is_that_of_the_reply_rounded_down(deployment: Deployment) -> None:
    queue = deployment.set_up().tasks("default")
    deployment.clock.advance(1_999)
    begun = deployment.clock.now()
    assert queue.receive(1, wait=0, visibility=LONG).server_time == begun - begun % 1_000


def test_a_short_wait_is_still_a_long_poll(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    poll = in_thread(lambda: queue.receive(1, wait=1, visibility=LONG))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.2)
    given(queue, "a")
    assert bodies(poll.result(timeout=BOUND).deliveries) == ["a"]


def test_closing_ends_a_poll_under_way_and_every_later_one(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    poll = in_thread(lambda: queue.receive(1, wait=20_000, visibility=LONG))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.2)
    queue.close()
    assert list(poll.result(timeout=BOUND).deliveries) == []
    server.requests.reset()
    assert list(queue.receive(1, wait=20_000, visibility=LONG).deliveries) == []
    assert server.requests.actions() == {}


def test_what_a_poll_receives_after_closing_is_given_back(deployment: Deployment) -> None:
    queues = deployment.set_up()
    queue = queues.tasks("default")
    poll = in_thread(lambda: queue.receive(1, wait=20_000, visibility=LONG))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.2)
    queue.close()
    poll.result(timeout=BOUND)
    other = deployment.queues().tasks("default")
    given(other, "a")
    assert take_one(other).body == "a"  # the abandoned poll takes it first, or comes too late for it


def test_a_closed_queue_still_deletes_what_it_holds(queues: SqsQueues) -> None:
    queue = queues.tasks("default")
    given(queue, "a")
    receipt = take_one(queue).receipt
    queue.close()
    assert queue.delete([receipt]) == [True]


@pytest.mark.parametrize("fault", ["lose_reply_delete", "drop_before", "error_500"])
def test_a_delete_whose_fate_is_unknown_is_repeated(deployment: Deployment, fault: str) -> None:
    queue = deployment.set_up().tasks("default")
    given(queue, "a")
    receipt = take_one(queue).receipt
    deployment.server.faults.add(Fault(fault, times=1))
    assert queue.delete([receipt]) == [True]
    assert deployment.server.requests.actions()["DeleteMessageBatch"] == 2
    assert len(deployment.pauses) == 1


def test_a_change_whose_reply_is_lost_is_repeated(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    given(queue, "a")
    receipt = take_one(queue).receipt
    server.faults.add(Fault("lose_reply_change", times=1))
    assert queue.change_visibility([(receipt, 60_000)]) == [True]


def test_what_may_have_been_given_back_is_not_given_back_again(queues: SqsQueues, server: SqsServer) -> None:
    """It may be another's by now, and what an old receipt does to that is nowhere promised."""
    queue = queues.tasks("default")
    given(queue, "a")
    receipt = take_one(queue).receipt
    server.faults.add(Fault("lose_reply_change", times=1))
    with pytest.raises(QueueUnavailable):
        queue.change_visibility([(receipt, 0)])
    assert server.requests.actions()["ChangeMessageVisibilityBatch"] == 1
    assert take_one(queue).body == "a"


def test_some_may_be_hidden_and_others_shown_at_once(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    given(queue, "a", "b", "c")
    first, second, third = take(queue, 3)
    changes = [(first.receipt, 0), (second.receipt, 60_000), (third.receipt, 0)]
    assert queue.change_visibility(changes) == [True, True, True]
    assert {each.body for each in take(queue, 2)} == {first.body, third.body}
    assert server.requests.actions()["ChangeMessageVisibilityBatch"] == 2


def test_hundreds_are_deleted_in_tens(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    given(queue, *(f"m{i}" for i in range(205)))
    receipts = [delivery.receipt for delivery in take(queue, 205)]
    assert queue.delete(receipts) == [True] * 205
    assert server.requests.actions()["DeleteMessageBatch"] == 21
    assert server.peek(queue.name) == []


def test_entries_that_fail_are_tried_again_and_nonsense_is_not(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    given(queue, "a", "b")
    a, b = take(queue, 2)
    server.faults.add(Fault("fail_entry", times=1))
    assert queue.delete([a.receipt, "nonsense", b.receipt]) == [True, False, True]
    assert server.requests.actions()["DeleteMessageBatch"] == 2


def test_a_part_of_the_deletes_may_fail_as_a_whole(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    given(queue, *(f"m{i}" for i in range(20)))
    receipts = [delivery.receipt for delivery in take(queue, 20)]
    server.faults.add(Fault("throttle", action="DeleteMessageBatch", times=1))
    try:
        confirmed = queue.delete(receipts)
    except QueueUnavailable:  # the throttled one was answered before the other had begun
        confirmed = [False] * 20
    assert len(server.peek(queue.name)) == 20 - sum(confirmed)
    assert confirmed.count(False) in {10, 20}


def test_a_delete_that_fails_as_a_whole_raises(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault("denied", action="DeleteMessageBatch"))
    with pytest.raises(QueueUnavailable, match="DeleteMessage"):
        queue.delete(["any"])


def test_a_visibility_that_sqs_does_not_know_is_not_asked_for(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    assert queue.change_visibility([("receipt", -1), ("receipt", 43_195_001)]) == [False, False]
    assert server.requests.actions() == {}


def test_threads_share_a_queue_and_its_connections(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    work = [in_thread(lambda n=n: queue.send([Message(f"{n}-{i}") for i in range(40)])) for n in range(6)]
    assert sum(len(each.result(timeout=BOUND)) for each in work) == 240
    assert len({copy.body for copy in server.peek(queue.name)}) == 240
    assert server.requests.actions() == {"SendMessageBatch": 24}
