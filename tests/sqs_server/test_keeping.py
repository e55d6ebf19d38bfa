"""Queues as such: made, found, described, changed, emptied, deleted, tagged."""

from __future__ import annotations

import json

import pytest

from leasehold.testing.queue_bench import in_thread
from tests.sqs_server.conftest import Moves, settled

SIMPLE = "AWS.SimpleQueueService."


def test_a_queue_is_found_by_its_name(moves: Moves) -> None:
    url = moves.queue("jobs-tasks-default")
    assert url == moves.server.queue_url("jobs-tasks-default") == f"{moves.server.url}/000000000000/jobs-tasks-default"
    assert moves.sqs.get_queue_url(QueueName="jobs-tasks-default")["QueueUrl"] == url


def test_a_queue_that_does_not_exist_is_said_to_be_none(moves: Moves) -> None:
    url = moves.server.queue_url("none")
    for request in (
        lambda: moves.sqs.get_queue_url(QueueName="none"),
        lambda: moves.sqs.send_message(QueueUrl=url, MessageBody="a"),
        lambda: moves.sqs.receive_message(QueueUrl=url),
        lambda: moves.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
        lambda: moves.sqs.purge_queue(QueueUrl=url),
        lambda: moves.sqs.delete_queue(QueueUrl=url),
        lambda: moves.sqs.list_queue_tags(QueueUrl=url),
    ):
        error = moves.refused(request)
        assert (error["Code"], error["QueryErrorCode"]) == (f"{SIMPLE}NonExistentQueue", "QueueDoesNotExist")
        assert (error["Status"], error["Type"]) == (400, "Sender")
    with pytest.raises(moves.sqs.exceptions.QueueDoesNotExist):
        moves.sqs.get_queue_url(QueueName="none")


def test_making_a_queue_again_finds_it(moves: Moves) -> None:
    url = moves.queue(VisibilityTimeout=60)
    moves.send(url, "a")
    assert moves.queue(VisibilityTimeout=60) == moves.queue() == moves.queue(DelaySeconds=0) == url
    assert moves.bodies(url) == ["a"]


def test_making_it_again_with_another_attribute_is_refused(moves: Moves) -> None:
    moves.queue(VisibilityTimeout=60)
    error = moves.refused(lambda: moves.queue(VisibilityTimeout=61))
    assert (error["Code"], error["QueryErrorCode"]) == ("QueueAlreadyExists", "QueueNameExists")
    assert error["Message"].endswith("a different value for attribute VisibilityTimeout")


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "a.b", "grüße"])
def test_a_name_that_is_none_is_refused(moves: Moves, name: str) -> None:
    assert moves.code(lambda: moves.queue(name)) == "InvalidParameterValue"


def test_a_fifo_queue_is_called_so(moves: Moves) -> None:
    assert moves.code(lambda: moves.queue("q.fifo")) == "InvalidParameterValue"
    assert moves.code(lambda: moves.queue("q", FifoQueue="true")) == "InvalidAttributeValue"
    assert moves.code(lambda: moves.queue("q", ContentBasedDeduplication="true")) == "InvalidAttributeValue"
    assert moves.queue("x" * 75 + ".fifo", FifoQueue="true", ContentBasedDeduplication="false")


def test_a_name_can_be_used_again_a_minute_after_its_queue_was_deleted(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    moves.sqs.delete_queue(QueueUrl=url)
    assert moves.code(lambda: moves.send(url, "a")) == f"{SIMPLE}NonExistentQueue"
    moves.clock.advance(59_999)
    assert moves.code(moves.queue) == f"{SIMPLE}QueueDeletedRecently"
    moves.clock.advance(1)
    assert moves.bodies(moves.queue()) == []


def test_queues_are_listed_by_prefix_in_pages(moves: Moves) -> None:
    assert "QueueUrls" not in moves.sqs.list_queues()
    urls = [moves.queue(name) for name in ("a1", "a2", "a3", "b1")]
    assert moves.sqs.list_queues()["QueueUrls"] == urls
    first = moves.sqs.list_queues(QueueNamePrefix="a", MaxResults=2)
    assert first["QueueUrls"] == urls[:2]
    second = moves.sqs.list_queues(QueueNamePrefix="a", MaxResults=2, NextToken=first.get("NextToken", ""))
    assert (second["QueueUrls"], "NextToken" in second) == (urls[2:3], False)


def test_a_queue_describes_itself(moves: Moves) -> None:
    url = moves.queue(VisibilityTimeout=60)
    created = str(moves.clock.now() // 1_000)
    moves.send(url, *"abc")
    moves.receive(url, 1)
    attributes = moves.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes == {
        "QueueArn": f"arn:aws:sqs:{moves.server.region}:000000000000:q",
        "VisibilityTimeout": "60",
        "MessageRetentionPeriod": "345600",
        "MaximumMessageSize": "1048576",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "ApproximateNumberOfMessages": "2",
        "ApproximateNumberOfMessagesNotVisible": "1",
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": created,
        "LastModifiedTimestamp": created,
    }
    assert "Attributes" not in moves.sqs.get_queue_attributes(QueueUrl=url)
    assert moves.attribute(url, "VisibilityTimeout") == "60"
    assert moves.code(lambda: moves.attribute(url, "Color")) == "InvalidAttributeName"


def test_attributes_are_changed_at_once(moves: Moves) -> None:
    url = moves.queue()
    moves.clock.advance(5_000)
    moves.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    assert moves.attribute(url, "LastModifiedTimestamp") == str(moves.clock.now() // 1_000)
    moves.send(url, "a")
    moves.receive(url)
    moves.clock.advance(7_000)
    assert moves.bodies(url) == ["a"]


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
        ("VisibilityTimeout", "-1", "InvalidAttributeValue"),
        ("VisibilityTimeout", "soon", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "59", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "1209601", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1023", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1048577", "InvalidAttributeValue"),
        ("DelaySeconds", "901", "InvalidAttributeValue"),
        ("ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue"),
        ("SqsManagedSseEnabled", "yes", "InvalidAttributeValue"),
        ("FifoQueue", "false", "InvalidAttributeValue"),
        ("RedrivePolicy", "nonsense", "InvalidAttributeValue"),
        ("RedrivePolicy", "[]", "InvalidAttributeValue"),
        ("Color", "blue", "InvalidAttributeName"),
        ("QueueArn", "arn:aws:sqs:here", "InvalidAttributeName"),
    ],
)
def test_an_attribute_that_sqs_would_not_take_is_refused(moves: Moves, attribute: str, value: str, code: str) -> None:
    url = moves.queue()
    before = moves.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert moves.code(lambda: moves.sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: value})) == code  # type: ignore[dict-item] - wrong names are tested too
    assert moves.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] == before


def test_a_redrive_policy_needs_a_queue_of_the_same_kind_and_a_count(moves: Moves) -> None:
    url = moves.queue()
    moves.queue("dead")
    moves.queue("dead.fifo", FifoQueue="true")
    for name, receives in (("none", 5), ("dead.fifo", 5), ("dead", 0), ("dead", 1_001)):
        policy = {"RedrivePolicy": moves.redrive(name, receives)}
        code = moves.code(lambda policy=policy: moves.sqs.set_queue_attributes(QueueUrl=url, Attributes=policy))  # type: ignore[arg-type] - a dictionary
        assert code == "InvalidParameterValue"
    moves.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": moves.redrive("dead", "5")})
    assert json.loads(moves.attribute(url, "RedrivePolicy"))["maxReceiveCount"] == 5
    moves.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    attributes = moves.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert "RedrivePolicy" not in attributes


def test_without_its_dead_letter_queue_a_queue_delivers_as_usual(moves: Moves) -> None:
    url, dead = moves.with_dead_letters(1)
    moves.send(url, "poison")
    moves.sqs.delete_queue(QueueUrl=dead)
    for _ in range(3):
        assert moves.bodies(url, VisibilityTimeout=0) == ["poison"]


def test_a_queue_is_purged_once_a_minute(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, *"ab")
    moves.receive(url, 1)
    moves.sqs.purge_queue(QueueUrl=url)
    assert moves.peek(url) == []
    moves.clock.advance(59_999)
    error = moves.refused(lambda: moves.sqs.purge_queue(QueueUrl=url))
    assert (error["Code"], error["Status"]) == (f"{SIMPLE}PurgeQueueInProgress", 403)
    moves.clock.advance(1)
    moves.sqs.purge_queue(QueueUrl=url)


def test_tags_are_kept(moves: Moves) -> None:
    url = moves.sqs.create_queue(QueueName="q", tags={"team": "a"})["QueueUrl"]
    moves.sqs.tag_queue(QueueUrl=url, Tags={"stage": "test"})
    assert moves.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a", "stage": "test"}
    moves.sqs.untag_queue(QueueUrl=url, TagKeys=["team", "stage"])
    assert "Tags" not in moves.sqs.list_queue_tags(QueueUrl=url)
    many = {str(number): "x" for number in range(51)}
    assert moves.code(lambda: moves.sqs.tag_queue(QueueUrl=url, Tags=many)) == "InvalidParameterValue"


def test_an_action_that_is_none_of_this_servers_is_named(moves: Moves) -> None:
    url = moves.queue()
    error = moves.refused(lambda: moves.sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["1"], Actions=["*"]))
    assert error["Code"] == "InvalidAction"
    assert "AmazonSQS.AddPermission" in error["Message"]


def test_threads_at_once_lose_nothing_and_get_nothing_twice(moves: Moves) -> None:
    url = moves.queue()

    def send(sender: int) -> None:
        for start in range(0, 100, 10):
            entries = [{"Id": str(i), "MessageBody": f"{sender}-{start + i}"} for i in range(10)]
            moves.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] - entries are dictionaries

    def receive() -> list[str]:
        seen: list[str] = []
        while len(seen) < 100 and (messages := moves.receive(url, min(10, 100 - len(seen)), WaitTimeSeconds=20)):
            seen += [message["Body"] for message in messages]
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            moves.sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] - as above
        return seen

    receivers = [in_thread(receive) for _ in range(4)]
    senders = [in_thread(lambda number=number: send(number)) for number in range(4)]
    for sender in senders:
        settled(sender)
    received = sorted(body for receiver in receivers for body in settled(receiver))
    assert received == sorted(f"{sender}-{number}" for sender in range(4) for number in range(100))
    assert moves.peek(url) == []
