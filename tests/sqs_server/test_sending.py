"""SendMessage and SendMessageBatch, as boto3 sees them."""

from __future__ import annotations

import hashlib

import pytest

from tests.sqs_server.conftest import Moves

LARGEST = 1_048_576


def test_a_message_comes_with_the_digest_of_its_body(moves: Moves) -> None:
    url = moves.queue()
    reply = moves.sqs.send_message(QueueUrl=url, MessageBody="grüße")
    digest = hashlib.md5("grüße".encode(), usedforsecurity=False).hexdigest()
    (message,) = moves.receive(url)
    assert reply["MD5OfMessageBody"] == message["MD5OfBody"] == digest
    assert reply["MessageId"] == message["MessageId"]
    assert "SequenceNumber" not in reply


def test_the_system_attributes_tell_who_sent_it_when_and_how_often_it_was_received(moves: Moves) -> None:
    url = moves.queue()
    sent_at = moves.clock.now()
    moves.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="tenant")
    moves.clock.advance(5_000)
    moves.receive(url, VisibilityTimeout=0)
    moves.clock.advance(5_000)
    (message,) = moves.receive(url)
    assert message["Attributes"] == {
        "SenderId": "tester",
        "SentTimestamp": str(sent_at),
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": str(sent_at + 5_000),
        "MessageGroupId": "tenant",
    }


def test_only_the_attributes_that_are_asked_for_come(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", [])
    assert "Attributes" not in message
    (message,) = moves.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["SentTimestamp"])["Messages"]
    assert [*message.get("Attributes", {})] == ["SentTimestamp"]


def test_message_attributes_come_back_with_their_digest(moves: Moves) -> None:
    url = moves.queue()
    attributes = {
        "test_attribute": {"DataType": "String", "StringValue": "string_value"},
        "binary": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    reply = moves.sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=attributes)
    (all_of_them,) = moves.receive(url, MessageAttributeNames=["All"], VisibilityTimeout=0)
    assert all_of_them["MessageAttributes"] == attributes
    assert all_of_them["MD5OfMessageAttributes"] == reply["MD5OfMessageAttributes"]
    (some,) = moves.receive(url, MessageAttributeNames=["test_*", "bin.*"], VisibilityTimeout=0)
    assert [*some["MessageAttributes"]] == ["binary"]


def test_the_digest_of_attributes_is_that_of_the_developer_guide(moves: Moves) -> None:
    url = moves.queue()
    attributes = {"name": {"DataType": "String", "StringValue": "value"}}
    parts = [b"name", b"String"]
    encoded = (
        b"".join(len(part).to_bytes(4, "big") + part for part in parts) + b"\x01" + (5).to_bytes(4, "big") + b"value"
    )
    reply = moves.sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=attributes)  # type: ignore[arg-type] - a literal
    assert reply["MD5OfMessageAttributes"] == hashlib.md5(encoded, usedforsecurity=False).hexdigest()


def test_an_attribute_of_no_known_type_is_refused(moves: Moves) -> None:
    url = moves.queue()
    attributes = {"name": {"DataType": "Date", "StringValue": "value"}}
    code = moves.code(lambda: moves.sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=attributes))  # type: ignore[arg-type] - the mistake under test
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize("body", ["a\x00b", "a\x1bb", "\ufffe"])
def test_a_body_with_characters_that_sqs_does_not_take_is_refused(moves: Moves, body: str) -> None:
    url = moves.queue()
    error = moves.refused(lambda: moves.sqs.send_message(QueueUrl=url, MessageBody=body))
    assert (error["Code"], error["Status"]) == ("InvalidMessageContents", 400)
    reply = moves.sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "bad", "MessageBody": body}, {"Id": "good", "MessageBody": "fine"}]
    )
    assert [entry["Id"] for entry in reply["Successful"]] == ["good"]
    (failed,) = reply["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidMessageContents", True)
    assert moves.bodies(url) == ["fine"]


def test_an_empty_body_is_refused_and_takes_its_batch_with_it(moves: Moves) -> None:
    url = moves.queue()
    assert moves.code(lambda: moves.sqs.send_message(QueueUrl=url, MessageBody="")) == "MissingParameter"
    entries = [{"Id": "good", "MessageBody": "a"}, {"Id": "bad", "MessageBody": ""}]
    assert moves.code(lambda: moves.sqs.send_message_batch(QueueUrl=url, Entries=entries)) == "MissingParameter"  # type: ignore[arg-type] - entries are dictionaries
    assert moves.bodies(url) == []


def test_a_body_of_a_mebibyte_is_taken_and_no_larger_one(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "x" * LARGEST)
    error = moves.refused(lambda: moves.send(url, "ü" * (LARGEST // 2 + 1)))
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].endswith(f"Message must be shorter than {LARGEST} bytes.")
    assert len(moves.peek(url)) == 1


def test_a_queue_may_take_less_than_a_mebibyte(moves: Moves) -> None:
    url = moves.queue(MaximumMessageSize=1_024)
    moves.send(url, "x" * 1_024)
    assert moves.code(lambda: moves.send(url, "x" * 1_025)) == "InvalidParameterValue"
    reply = moves.sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "x" * 1_025}])
    assert reply["Failed"][0]["Code"] == "InvalidParameterValue"


def test_a_batch_of_more_than_a_mebibyte_is_refused_whole(moves: Moves) -> None:
    url = moves.queue()
    halves = [{"Id": name, "MessageBody": name * (LARGEST // 2)} for name in "ab"]
    moves.sqs.send_message_batch(QueueUrl=url, Entries=halves)  # type: ignore[arg-type] - entries are dictionaries
    one_more = [*halves, {"Id": "c", "MessageBody": "c"}]
    error = moves.refused(lambda: moves.sqs.send_message_batch(QueueUrl=url, Entries=one_more))  # type: ignore[arg-type] - as above
    assert error["Code"] == "AWS.SimpleQueueService.BatchRequestTooLong"
    assert (
        error["Message"] == f"Batch requests cannot be longer than {LARGEST} bytes. You have sent {LARGEST + 1} bytes."
    )
    assert len(moves.peek(url)) == 2


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
        (["a", "b", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
        (["x" * 81], "InvalidBatchEntryId"),
        ([""], "InvalidBatchEntryId"),
    ],
)
def test_a_batch_that_is_not_sound_is_refused_whole(moves: Moves, ids: list[str], code: str) -> None:
    url = moves.queue()
    for request in (
        lambda: moves.sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": i, "MessageBody": "a"} for i in ids]),
        lambda: moves.sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": i, "ReceiptHandle": "a"} for i in ids]),
        lambda: moves.sqs.change_message_visibility_batch(
            QueueUrl=url, Entries=[{"Id": i, "ReceiptHandle": "a", "VisibilityTimeout": 0} for i in ids]
        ),
    ):
        assert moves.code(request) == f"AWS.SimpleQueueService.{code}"
    assert moves.peek(url) == []


def test_a_message_may_be_delayed_by_itself_or_by_its_queue(moves: Moves) -> None:
    url = moves.queue(DelaySeconds=10)
    moves.send(url, "as the queue says")
    moves.sqs.send_message(QueueUrl=url, MessageBody="longer", DelaySeconds=900)
    moves.sqs.send_message(QueueUrl=url, MessageBody="not at all", DelaySeconds=0)
    assert moves.attribute(url, "ApproximateNumberOfMessagesDelayed") == "2"
    assert moves.bodies(url) == ["not at all"]
    moves.clock.advance(10_000)
    assert moves.bodies(url) == ["as the queue says"]
    moves.clock.advance(889_999)
    assert moves.bodies(url, VisibilityTimeout=43_200) == ["not at all", "as the queue says"]
    moves.clock.advance(1)
    assert moves.bodies(url) == ["longer"]


def test_a_delay_beyond_fifteen_minutes_is_refused(moves: Moves) -> None:
    url = moves.queue()
    error = moves.refused(lambda: moves.sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=901))
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].startswith("Value 901 for parameter DelaySeconds is invalid. Reason: ")


def test_a_standard_queue_takes_a_group_and_no_deduplication_id(moves: Moves) -> None:
    url = moves.queue()
    moves.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="tenant")
    moves.sqs.send_message(QueueUrl=url, MessageBody="b", MessageGroupId="tenant")
    assert moves.bodies(url) == ["a", "b"]
    code = moves.code(lambda: moves.sqs.send_message(QueueUrl=url, MessageBody="c", MessageDeduplicationId="k"))
    assert code == "InvalidParameterValue"
