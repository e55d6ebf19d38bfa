"""ReceiveMessage, DeleteMessage and ChangeMessageVisibility, as boto3 sees them."""

from __future__ import annotations

from concurrent.futures import TimeoutError as StillRunning

import pytest

from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import in_thread
from leasehold.testing.sqs_server import SqsServer
from tests.sqs_server.conftest import Moves, settled

HOURS = 3_600_000
DEAD = "AWS.SimpleQueueService."


def test_nothing_there_is_an_answer_without_messages(moves: Moves) -> None:
    assert "Messages" not in moves.sqs.receive_message(QueueUrl=moves.queue())


def test_one_message_comes_unless_more_are_asked_for(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, *"abc")
    assert len(moves.sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    assert len(moves.receive(url)) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("MaxNumberOfMessages", 0),
        ("MaxNumberOfMessages", 11),
        ("VisibilityTimeout", -1),
        ("VisibilityTimeout", 43_201),
        ("WaitTimeSeconds", 21),
    ],
)
def test_a_receive_outside_the_limits_is_refused(moves: Moves, field: str, value: int) -> None:
    url = moves.queue()
    error = moves.refused(lambda: moves.sqs.receive_message(QueueUrl=url, **{field: value}))  # type: ignore[arg-type] - the mistake under test
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].startswith(f"Value {value} for parameter {field} is invalid. Reason: ")


def test_the_queue_says_how_long_a_message_is_hidden_unless_the_receive_does(moves: Moves) -> None:
    url = moves.queue(VisibilityTimeout=100)
    moves.send(url, "a")
    moves.receive(url)
    moves.clock.advance(99_999)
    assert moves.bodies(url) == []
    moves.clock.advance(1)
    assert moves.bodies(url, VisibilityTimeout=5) == ["a"]
    moves.clock.advance(5_000)
    assert moves.bodies(url) == ["a"]


def test_a_message_is_forgotten_after_the_retention_counted_from_its_send(moves: Moves) -> None:
    url = moves.queue(MessageRetentionPeriod=60)
    moves.send(url, "a")
    moves.clock.advance(59_999)
    assert moves.bodies(url, VisibilityTimeout=0) == ["a"]
    moves.clock.advance(1)
    assert moves.bodies(url) == []


def test_a_dead_letter_keeps_its_id_its_count_and_the_time_of_its_send(moves: Moves) -> None:
    url, dead = moves.with_dead_letters(2)
    (message_id,) = moves.send(url, "poison")
    sent_at = moves.clock.now()
    for _ in range(2):
        moves.clock.advance(1_000)
        assert moves.bodies(url, VisibilityTimeout=0) == ["poison"]
    assert moves.bodies(url) == []
    (letter,) = moves.receive(dead)
    assert letter["MessageId"] == message_id
    assert letter["Attributes"]["SentTimestamp"] == str(sent_at)
    assert letter["Attributes"]["ApproximateReceiveCount"] == "3"


def test_a_long_poll_on_the_dead_letters_is_woken_by_one(moves: Moves) -> None:
    url, dead = moves.with_dead_letters(1)
    moves.send(url, "poison")
    moves.receive(url, VisibilityTimeout=0)
    poll = in_thread(lambda: moves.bodies(dead, WaitTimeSeconds=20))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    assert moves.bodies(url) == []
    assert settled(poll) == ["poison"]


# -- long polls --------------------------------------------------------------------------------------------------------


def test_a_long_poll_ends_by_the_clock(moves: Moves) -> None:
    url = moves.queue(ReceiveMessageWaitTimeSeconds=20)
    poll = in_thread(lambda: moves.bodies(url))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    moves.clock.advance(20_000)
    assert settled(poll) == []


def test_a_receive_may_ask_not_to_wait(moves: Moves) -> None:
    url = moves.queue(ReceiveMessageWaitTimeSeconds=20)
    assert moves.bodies(url, WaitTimeSeconds=0) == []


@pytest.mark.parametrize("batch", [False, True])
def test_a_send_wakes_one_long_poll_for_each_message(moves: Moves, batch: bool) -> None:
    url = moves.queue()
    polls = [in_thread(lambda: moves.bodies(url, 1, WaitTimeSeconds=20)) for _ in range(8)]
    with pytest.raises(StillRunning):
        polls[-1].result(timeout=0.3)
    if batch:
        entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(8)]
        moves.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] - entries are dictionaries
    else:
        moves.send(url, *"01234567")
    assert sorted(body for poll in polls for body in settled(poll)) == [*"01234567"]


def test_a_long_poll_holds_up_nobody(moves: Moves) -> None:
    waiting, busy = moves.queue("waiting"), moves.queue("busy")
    polls = [in_thread(lambda: moves.bodies(waiting, WaitTimeSeconds=20)) for _ in range(16)]
    with pytest.raises(StillRunning):
        polls[-1].result(timeout=0.3)
    for number in range(20):
        moves.send(busy, str(number))
        assert moves.bodies(busy) == [str(number)]
    moves.clock.advance(20_000)
    assert [settled(poll) for poll in polls] == [[]] * 16


def test_a_long_poll_sees_a_visibility_end(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    moves.receive(url, VisibilityTimeout=10)
    poll = in_thread(lambda: moves.bodies(url, WaitTimeSeconds=20))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    moves.clock.advance(10_000)
    assert settled(poll) == ["a"]


def test_a_long_poll_whose_caller_went_away_takes_nothing(moves: Moves) -> None:
    url = moves.queue()
    impatient = moves.client("impatient")
    poll = in_thread(lambda: impatient.receive_message(QueueUrl=url, WaitTimeSeconds=20))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    moves.server.drop_connections()
    assert poll.exception(30) is not None
    moves.client("another").send_message(QueueUrl=url, MessageBody="a")  # its connections are not among those dropped
    (copy,) = moves.peek(url)
    assert copy.receives == 0


def test_deleting_a_queue_ends_its_long_polls(moves: Moves) -> None:
    url = moves.queue()
    poll = in_thread(lambda: moves.bodies(url, WaitTimeSeconds=20))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    moves.sqs.delete_queue(QueueUrl=url)
    assert settled(poll) == []


# -- delete ------------------------------------------------------------------------------------------------------------


def test_a_deleted_message_is_gone_and_may_be_deleted_again(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.receive(url)
    for _ in range(2):
        moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert moves.peek(url) == []


def test_a_receipt_that_is_none_is_named(moves: Moves) -> None:
    url, other = moves.queue(), moves.queue("other")
    moves.send(other, "a")
    (foreign,) = moves.receive(other)
    for receipt in ("nonsense", foreign["ReceiptHandle"]):
        error = moves.refused(lambda receipt=receipt: moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt))
        assert (error["Code"], error["Status"]) == ("ReceiptHandleIsInvalid", 404)
    entries = [{"Id": "a", "ReceiptHandle": "nonsense"}]
    (failed,) = moves.sqs.delete_message_batch(QueueUrl=url, Entries=entries)["Failed"]  # type: ignore[arg-type] - entries are dictionaries
    assert (failed["Code"], failed["SenderFault"]) == ("ReceiptHandleIsInvalid", True)
    assert moves.code(lambda: moves.sqs.delete_message(QueueUrl=url, ReceiptHandle="")) == "MissingParameter"


def test_a_receipt_from_before_a_queue_was_made_anew_is_none(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (old,) = moves.receive(url)
    moves.sqs.delete_queue(QueueUrl=url)
    moves.clock.advance(60_000)
    assert moves.queue() == url
    moves.send(url, "b")
    moves.receive(url)
    code = moves.code(lambda: moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=old["ReceiptHandle"]))
    assert code == "ReceiptHandleIsInvalid"
    assert len(moves.peek(url)) == 1


# -- change ------------------------------------------------------------------------------------------------------------


def change(moves: Moves, url: str, receipt: str, seconds: int) -> None:
    moves.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=seconds)


def test_a_change_hides_longer_or_gives_back(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.receive(url)
    change(moves, url, message["ReceiptHandle"], 600)
    moves.clock.advance(599_999)
    assert moves.bodies(url) == []
    change(moves, url, message["ReceiptHandle"], 0)
    assert moves.bodies(url) == ["a"]


def test_a_message_that_is_not_in_flight_cannot_be_hidden_longer(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.receive(url, VisibilityTimeout=5)
    moves.clock.advance(5_000)
    late = moves.code(lambda: change(moves, url, message["ReceiptHandle"], 10))
    assert late == "AWS.SimpleQueueService.MessageNotInflight"
    moves.receive(url)
    stale = moves.code(lambda: change(moves, url, message["ReceiptHandle"], 10))
    assert stale == "AWS.SimpleQueueService.MessageNotInflight"


def test_a_message_that_is_gone_cannot_be_hidden(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.receive(url)
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    error = moves.refused(lambda: change(moves, url, message["ReceiptHandle"], 10))
    assert error["Code"] == "InvalidParameterValue"
    assert "Message does not exist" in error["Message"]
    assert moves.code(lambda: change(moves, url, "nonsense", 10)) == "ReceiptHandleIsInvalid"


def test_no_message_is_hidden_for_more_than_twelve_hours_from_its_receive(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.receive(url, VisibilityTimeout=43_200)
    moves.clock.advance(HOURS)
    error = moves.refused(lambda: change(moves, url, message["ReceiptHandle"], 11 * 3_600 + 1))
    assert error["Code"] == "InvalidParameterValue"
    assert "Total VisibilityTimeout" in error["Message"]
    change(moves, url, message["ReceiptHandle"], 11 * 3_600)
    assert moves.code(lambda: change(moves, url, message["ReceiptHandle"], 43_201)) == "InvalidParameterValue"


def test_a_batch_of_changes_answers_for_each(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, *"ab")
    a, b = moves.receive(url)
    entries = [
        {"Id": "a", "ReceiptHandle": a["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "b", "ReceiptHandle": b["ReceiptHandle"], "VisibilityTimeout": 43_201},
        {"Id": "c", "ReceiptHandle": "nonsense", "VisibilityTimeout": 0},
        {"Id": "d", "ReceiptHandle": b["ReceiptHandle"]},
    ]
    reply = moves.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] - as above
    assert [entry["Id"] for entry in reply["Successful"]] == ["a"]
    assert [(entry["Id"], entry["Code"]) for entry in reply["Failed"]] == [
        ("b", "InvalidParameterValue"),
        ("c", "ReceiptHandleIsInvalid"),
        ("d", "MissingParameter"),
    ]
    assert moves.bodies(url) == ["a"]


# -- in flight ---------------------------------------------------------------------------------------------------------


def test_with_too_many_in_flight_a_receive_is_refused_and_a_long_poll_waits(moves: Moves) -> None:
    with SqsServer(clock=ManualClock(), in_flight_limit=3) as server:
        small = Moves(server, moves.session)
        url = small.queue()
        small.send(url, *"abcde")
        assert len(small.receive(url)) == 3
        error = small.refused(lambda: small.receive(url))
        assert (error["Code"], error["Status"]) == ("OverLimit", 403)
        poll = in_thread(lambda: small.bodies(url, WaitTimeSeconds=20))
        with pytest.raises(StillRunning):
            poll.result(timeout=0.3)
        small.clock.advance(20_000)
        assert settled(poll) == []
        small.sqs.close()
