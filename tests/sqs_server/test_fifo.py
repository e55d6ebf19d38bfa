"""FIFO queues: order within a group, one group in flight at a time, deduplication."""

from __future__ import annotations

import pytest

from tests.sqs_server.conftest import Moves


@pytest.fixture
def url(moves: Moves) -> str:
    return moves.queue("q.fifo", FifoQueue="true")


def send(moves: Moves, url: str, *messages: str) -> list[str]:
    """Each message's first letter is its group."""
    return [
        moves.sqs.send_message(
            QueueUrl=url, MessageBody=message, MessageGroupId=message[0], MessageDeduplicationId=message
        )["SequenceNumber"]
        for message in messages
    ]


def test_one_receive_brings_several_of_a_group_in_order(moves: Moves, url: str) -> None:
    send(moves, url, "a1", "b1", "a2", "a3", "b2")
    assert moves.bodies(url, 3) == ["a1", "a2", "a3"]
    assert moves.bodies(url) == ["b1", "b2"]


def test_a_group_is_held_back_while_one_of_it_is_in_flight(moves: Moves, url: str) -> None:
    send(moves, url, "a1", "a2", "b1")
    (first,) = moves.receive(url, 1)
    assert moves.bodies(url) == ["b1"]
    send(moves, url, "a3")
    assert moves.bodies(url) == []
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert moves.bodies(url) == ["a2", "a3"]


def test_a_group_goes_on_only_when_all_of_it_that_is_in_flight_is_deleted(moves: Moves, url: str) -> None:
    send(moves, url, "a1", "a2", "a3")
    one, two = moves.receive(url, 2)
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    assert moves.bodies(url) == []
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=two["ReceiptHandle"])
    assert moves.bodies(url) == ["a3"]


def test_what_comes_back_comes_first(moves: Moves, url: str) -> None:
    send(moves, url, "a1", "a2")
    moves.receive(url, 1, VisibilityTimeout=5)
    send(moves, url, "a3")
    moves.clock.advance(5_000)
    assert moves.bodies(url) == ["a1", "a2", "a3"]


def test_giving_back_frees_the_group(moves: Moves, url: str) -> None:
    send(moves, url, "a1", "a2")
    (first,) = moves.receive(url, 1)
    moves.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert moves.bodies(url) == ["a1", "a2"]


def test_a_message_is_known_again_for_five_minutes(moves: Moves, url: str) -> None:
    first = send(moves, url, "a1")
    moves.clock.advance(299_999)
    assert send(moves, url, "a1") == first
    moves.clock.advance(1)
    assert send(moves, url, "a1") != first
    assert len(moves.peek(url)) == 2


def test_it_is_known_again_when_it_was_deleted_long_ago(moves: Moves, url: str) -> None:
    send(moves, url, "a1")
    (message,) = moves.receive(url)
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    send(moves, url, "a1")
    assert moves.bodies(url) == []


def test_sequence_numbers_grow_and_are_told(moves: Moves, url: str) -> None:
    sent = send(moves, url, "a1", "b1", "a2")
    assert sent == sorted(sent)
    told = {message["Body"]: message["Attributes"] for message in moves.receive(url)}
    assert [told[body]["SequenceNumber"] for body in ("a1", "b1", "a2")] == sent
    assert (told["b1"]["MessageGroupId"], told["b1"]["MessageDeduplicationId"]) == ("b", "b1")


def test_a_group_must_be_named(moves: Moves, url: str) -> None:
    send_it = moves.sqs.send_message
    code = moves.code(lambda: send_it(QueueUrl=url, MessageBody="a", MessageDeduplicationId="k"))
    assert code == "MissingParameter"


def test_a_deduplication_id_must_be_there_unless_the_queue_takes_the_content(moves: Moves, url: str) -> None:
    send_it = moves.sqs.send_message
    code = moves.code(lambda: send_it(QueueUrl=url, MessageBody="a", MessageGroupId="g"))
    assert code == "InvalidParameterValue"
    moves.sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "true"})
    for body in ("a", "a", "b"):
        send_it(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    assert moves.bodies(url) == ["a", "b"]


def test_no_message_of_its_own_is_delayed(moves: Moves, url: str) -> None:
    code = moves.code(
        lambda: moves.sqs.send_message(
            QueueUrl=url, MessageBody="a", MessageGroupId="g", MessageDeduplicationId="k", DelaySeconds=5
        )
    )
    assert code == "InvalidParameterValue"


def test_a_delete_must_come_in_time(moves: Moves, url: str) -> None:
    send(moves, url, "a1")
    (message,) = moves.receive(url, VisibilityTimeout=5)
    moves.clock.advance(5_000)
    error = moves.refused(lambda: moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]))
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].endswith("The receipt handle has expired.")
    assert moves.bodies(url) == ["a1"]


def test_a_poisoned_message_goes_to_the_dead_letters_and_its_group_goes_on(moves: Moves) -> None:
    url, dead = moves.with_dead_letters(1, "poison.fifo")
    send(moves, url, "a1", "a2")
    moves.receive(url, 1, VisibilityTimeout=5)
    moves.clock.advance(5_000)
    assert moves.bodies(url) == ["a2"]
    assert moves.bodies(dead) == ["a1"]


def test_a_long_group_is_emptied_in_order(moves: Moves, url: str) -> None:
    expected = [f"a{number:03}" for number in range(60)]
    send(moves, url, *expected)
    seen: list[str] = []
    while messages := moves.receive(url, 7):
        seen += [message["Body"] for message in messages]
        for message in messages:
            moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert seen == expected
