"""Every fault can be seen from outside, strikes whom it is meant for, and the same seed repeats it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ConnectionClosedError

from leasehold.adapters.memory import FAULTS
from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import in_thread
from leasehold.testing.sqs_server import KINDS, Fault, SqsServer
from tests.sqs_server.conftest import Moves, settled

HORIZON = 60_000


def misbehave(moves: Moves, kind: str, **more: object) -> None:
    moves.server.faults.add(Fault.read({"kind": kind, **more}))


@pytest.mark.parametrize(
    ("kind", "code", "status", "fault"),
    [
        ("expired", "ExpiredToken", 403, "Sender"),
        ("unknown_key", "InvalidClientTokenId", 403, "Sender"),
        ("wrong_region", "SignatureDoesNotMatch", 403, "Sender"),
        ("throttle", "RequestThrottled", 403, "Sender"),
        ("throttling_exception", "ThrottlingException", 400, "Sender"),
        ("error_500", "InternalFailure", 500, "Receiver"),
        ("error_503", "ServiceUnavailable", 503, "Receiver"),
        ("unavailable", "ServiceUnavailable", 503, "Receiver"),
    ],
)
def test_a_refusal_is_worded_as_sqs_words_it_and_does_nothing(
    moves: Moves, kind: str, code: str, status: int, fault: str
) -> None:
    url = moves.queue()
    misbehave(moves, kind)
    error = moves.refused(lambda: moves.send(url, "a"))
    assert (error["Code"], error["Status"], error["Type"]) == (code, status, fault)
    assert moves.peek(url) == []
    moves.server.faults.clear()
    moves.send(url, "a")
    assert moves.server.faults.fired == {kind: 1}


def test_access_is_denied_to_a_key_for_an_action_on_a_queue(moves: Moves) -> None:
    mine, other = moves.queue("mine"), moves.queue("other")
    misbehave(moves, "denied", key="worker", action="SendMessage*", queue="mi*")
    worker = moves.client("worker")
    for request in (
        lambda: worker.send_message(QueueUrl=mine, MessageBody="a"),
        lambda: worker.send_message_batch(QueueUrl=mine, Entries=[{"Id": "a", "MessageBody": "a"}]),
    ):
        error = moves.refused(request)
        assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
        assert error["Message"].startswith(
            "User: arn:aws:iam::000000000000:user/worker is not authorized to perform: sqs:sendmessage on resource: "
            f"arn:aws:sqs:{moves.server.region}:000000000000:mine because "
        )
    worker.send_message(QueueUrl=other, MessageBody="another queue")
    worker.receive_message(QueueUrl=mine)
    moves.send(mine, "another key")
    assert moves.bodies(mine) == ["another key"]
    worker.close()


def test_a_connection_dropped_before_the_act_has_done_nothing(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "drop_before", times=1)
    with pytest.raises(ConnectionClosedError):
        moves.send(url, "a")
    assert moves.peek(url) == []
    moves.send(url, "b")
    assert moves.bodies(url) == ["b"]


def test_a_connection_dropped_after_the_act_has_done_it(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "drop_after", times=1)
    with pytest.raises(ConnectionClosedError):
        moves.send(url, "a")
    assert moves.bodies(url) == ["a"]


def test_a_lost_send_is_not_there(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "lose_send", times=1)
    with pytest.raises(ConnectionClosedError):
        moves.send(url, "a")
    assert moves.peek(url) == []


def test_a_lost_reply_to_a_send_leaves_the_message(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "lose_reply_send", times=1)
    with pytest.raises(ConnectionClosedError):
        moves.send(url, "a")
    assert len(moves.peek(url)) == 1


def test_a_lost_reply_to_a_receive_hides_the_message_all_the_same(moves: Moves) -> None:
    url = moves.queue(VisibilityTimeout=5)
    moves.send(url, "a")
    misbehave(moves, "lose_reply_receive", times=1)
    with pytest.raises(ConnectionClosedError):
        moves.receive(url)
    assert moves.bodies(url) == []
    moves.clock.advance(5_000)
    (message,) = moves.receive(url)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_lost_reply_to_a_long_poll_hides_the_message_all_the_same(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "lose_reply_receive", times=1)
    poll = in_thread(lambda: moves.receive(url, WaitTimeSeconds=20))
    moves.send(url, "a")
    with pytest.raises(ConnectionClosedError):
        settled(poll)
    assert moves.peek(url)[0].receives == 1


def test_a_lost_reply_to_a_delete_or_a_change_leaves_it_done(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, *"ab")
    a, b = moves.receive(url)
    misbehave(moves, "lose_reply_delete", times=1)
    misbehave(moves, "lose_reply_change", times=1)
    with pytest.raises(ConnectionClosedError):
        moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=a["ReceiptHandle"])
    with pytest.raises(ConnectionClosedError):
        moves.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=b["ReceiptHandle"], VisibilityTimeout=0)
    assert moves.bodies(url) == ["b"]
    assert len(moves.peek(url)) == 1


def test_a_failed_entry_does_nothing_and_says_so(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "fail_entry", rate=0.5)
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    reply = moves.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] - entries are dictionaries
    assert 0 < len(reply["Failed"]) < 10
    assert {(entry["Code"], entry["SenderFault"]) for entry in reply["Failed"]} == {("InternalError", False)}
    assert [copy.body for copy in moves.peek(url)] == [entry["Id"] for entry in reply["Successful"]]


def test_a_failed_entry_of_a_single_request_fails_the_request(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (message,) = moves.receive(url)
    misbehave(moves, "fail_entry")
    handle = message["ReceiptHandle"]
    for request in (
        lambda: moves.send(url, "b"),
        lambda: moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle),
        lambda: moves.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0),
    ):
        assert moves.code(request) == "InternalFailure"
    assert len(moves.peek(url)) == 1
    assert moves.bodies(url) == []


def test_a_duplicate_comes_besides_its_original(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    misbehave(moves, "duplicate", times=1)
    (original,) = moves.receive(url, VisibilityTimeout=600)
    moves.clock.advance(HORIZON)
    (duplicate,) = moves.receive(url, VisibilityTimeout=600)
    assert duplicate["MessageId"] == original["MessageId"]
    assert duplicate["ReceiptHandle"] != original["ReceiptHandle"]


def test_a_duplicate_on_a_fifo_queue_comes_whatever_becomes_of_its_group(moves: Moves) -> None:
    url = moves.queue("q.fifo", FifoQueue="true")
    moves.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g", MessageDeduplicationId="k")
    misbehave(moves, "duplicate", times=1)
    moves.receive(url, VisibilityTimeout=600)
    moves.clock.advance(HORIZON)
    assert moves.bodies(url) == ["a"]


def test_later_messages_overtake_earlier_ones(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, *"abcdefghij")
    misbehave(moves, "reorder")
    bodies = moves.bodies(url)
    assert bodies != [*"abcdefghij"]
    assert sorted(bodies) == [*"abcdefghij"]


def test_a_short_receive_brings_less_than_there_is(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, *"abcde")
    misbehave(moves, "short", times=1)
    first = moves.bodies(url)
    assert len(first) < 5
    assert sorted([*first, *moves.bodies(url)]) == [*"abcde"]


def test_a_long_poll_that_came_back_short_looks_again_by_itself(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    misbehave(moves, "short", times=3)
    assert moves.bodies(url, WaitTimeSeconds=20) == ["a"]


def test_a_delayed_message_comes_later_and_a_vanished_one_never(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "delay", times=1)
    moves.send(url, "late")
    misbehave(moves, "vanish")
    assert moves.send(url, "lost")
    assert moves.bodies(url) == []
    moves.clock.advance(HORIZON)
    assert moves.bodies(url) == ["late"]


def test_a_delete_may_be_confirmed_and_not_stick(moves: Moves) -> None:
    url = moves.queue(VisibilityTimeout=5)
    moves.send(url, "a")
    (message,) = moves.receive(url)
    misbehave(moves, "undeleted", times=1)
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    moves.clock.advance(5_000)
    assert moves.bodies(url) == ["a"]


@pytest.mark.parametrize(("strikes", "left"), [(0, 1), (1, 0)])
def test_a_stale_delete_may_hit(moves: Moves, strikes: int, left: int) -> None:
    url = moves.queue()
    moves.send(url, "a")
    (stale,) = moves.receive(url, VisibilityTimeout=0)
    moves.receive(url)
    misbehave(moves, "stale_delete", times=strikes)
    moves.sqs.delete_message(QueueUrl=url, ReceiptHandle=stale["ReceiptHandle"])
    assert len(moves.peek(url)) == left


def test_a_slow_reply_holds_up_nobody_else(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "slow", ms=600_000, key="slow")
    slow = moves.client("slow")
    sent = in_thread(lambda: slow.send_message(QueueUrl=url, MessageBody="a"))
    assert moves.bodies(url, WaitTimeSeconds=20) == ["a"]
    assert not sent.done()
    moves.server.drop_connections()
    assert isinstance(sent.exception(30), ConnectionClosedError)


def test_a_slow_reply_comes_in_the_end(moves: Moves) -> None:
    url = moves.queue()
    misbehave(moves, "slow", ms=1)
    assert moves.send(url, "a")
    assert moves.server.faults.fired == {"slow": 1}


def test_every_kind_is_told_apart_from_a_mistake() -> None:
    assert {*FAULTS} < {*KINDS}
    with pytest.raises(ValueError, match=r"there is no fault 'dupliacte'\. There are: denied, "):
        Fault("dupliacte")
    with pytest.raises(ValueError, match="a probability from 0 to 1, not 2"):
        Fault("duplicate", rate=2)
    with pytest.raises(ValueError, match="a fault has no color"):
        Fault.read({"kind": "duplicate", "color": "blue"})


def test_a_fault_is_read_from_a_word_of_the_command_line() -> None:
    assert Fault.parse("duplicate") == Fault("duplicate")
    parsed = Fault.parse("slow=0.5,queue=q*,action=Send*,key=k,times=3,ms=20")
    assert parsed == Fault("slow", rate=0.5, queue="q*", action="Send*", key="k", times=3, ms=20)


def story(session_of: Moves, seed: int) -> list[object]:
    """What happens on a queue with every fault that leaves the connection alone."""
    kinds = ("duplicate", "reorder", "short", "delay", "vanish", "fail_entry", "undeleted", "stale_delete")
    with SqsServer(clock=ManualClock(), faults=[Fault(kind, rate=0.2) for kind in kinds], seed=seed) as server:
        moves = Moves(server, session_of.session)
        url = moves.queue(VisibilityTimeout=5)
        seen: list[object] = []
        for turn in range(20):
            entries = [{"Id": str(number), "MessageBody": f"{turn}-{number}"} for number in range(5)]
            seen.append(moves.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Successful"))  # type: ignore[arg-type] - entries are dictionaries
            seen.append(moves.receive(url))
            moves.clock.advance(3_000)
        moves.sqs.close()
        return [*seen, sorted(server.faults.fired.items())]


def test_the_same_seed_gives_the_same_story(moves: Moves) -> None:
    assert story(moves, 7) == story(moves, 7)
    assert story(moves, 7) != story(moves, 8)
