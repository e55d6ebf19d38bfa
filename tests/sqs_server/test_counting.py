"""The counter counts as a bill would: every request, by action and queue."""

from __future__ import annotations

import pytest

from leasehold.testing.queue_bench import in_thread
from leasehold.testing.sqs_server import Fault, Tally
from tests.sqs_server.conftest import Moves, settled

STEP = 65_536


def test_requests_are_counted_by_action_and_queue(moves: Moves) -> None:
    one, other = moves.queue("one"), moves.queue("other")
    moves.server.requests.reset()
    moves.send(one, *"abc")
    moves.send(other, "a")
    moves.receive(one)
    moves.sqs.get_queue_url(QueueName="one")
    requests = moves.server.requests
    assert requests.actions() == {"SendMessage": 4, "ReceiveMessage": 1, "GetQueueUrl": 1}
    assert requests.actions("other") == {"SendMessage": 1}
    assert requests.total() == Tally(requests=6, billed=6)
    assert requests.total("SendMessage") == Tally(requests=4, billed=4)
    assert requests.total(queue="one") == Tally(requests=5, billed=5)
    assert requests.total("ReceiveMessage", "other") == Tally()


def test_receives_that_bring_nothing_are_counted_apart(moves: Moves) -> None:
    url = moves.queue()
    moves.receive(url)
    poll = in_thread(lambda: moves.bodies(url, WaitTimeSeconds=1))
    assert settled(poll) == []
    moves.send(url, "a")
    moves.receive(url)
    assert moves.server.requests.total("ReceiveMessage") == Tally(requests=3, billed=3, empty=2)


@pytest.mark.parametrize(("size", "billed"), [(1, 1), (STEP, 1), (STEP + 1, 2), (4 * STEP, 4)])
def test_each_64_kilobytes_of_payload_are_billed(moves: Moves, size: int, billed: int) -> None:
    url = moves.queue()
    moves.send(url, "x" * size)
    moves.receive(url)
    requests = moves.server.requests
    assert requests.total("SendMessage").billed == requests.total("ReceiveMessage").billed == billed


def test_a_batch_is_billed_by_the_bytes_of_all_its_entries(moves: Moves) -> None:
    url = moves.queue()
    entries = [{"Id": str(number), "MessageBody": "x" * (STEP // 2)} for number in range(5)]
    reply = moves.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] - entries are dictionaries
    assert len(reply["Successful"]) == 5
    assert moves.server.requests.total("SendMessageBatch") == Tally(requests=1, billed=3)


def test_what_failed_is_counted_too(moves: Moves) -> None:
    url = moves.queue()
    moves.server.faults.add(Fault("throttle", times=1), Fault("drop_before", action="ReceiveMessage", times=1))
    moves.code(lambda: moves.send(url, "a"))
    with pytest.raises(Exception, match="Connection was closed"):
        moves.receive(url)
    moves.code(lambda: moves.sqs.get_queue_url(QueueName="none"))
    requests = moves.server.requests
    assert requests.total(queue="q", action="SendMessage") == Tally(requests=1, billed=1, failed=1)
    assert requests.total("ReceiveMessage").failed == 1
    assert requests.total("GetQueueUrl", "none").failed == 1


def test_the_count_of_many_threads_is_exact(moves: Moves) -> None:
    url = moves.queue()
    threads = [in_thread(lambda: moves.send(url, *["x"] * 50)) for _ in range(8)]
    for thread in threads:
        settled(thread)
    assert moves.server.requests.total("SendMessage") == Tally(requests=400, billed=400)
    moves.server.requests.reset()
    assert moves.server.requests.total() == Tally()
