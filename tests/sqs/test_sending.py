"""Sends to SQS: batches, partial failures, and what is done when nobody knows what became of a request."""

from __future__ import annotations

import pytest

from leasehold.adapters.sqs.queue import SqsQueue
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.queue import Message, NotSent, Sent
from leasehold.testing.queue_bench import bodies, take
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.sqs.conftest import Deployment

MIB = 1_048_576


def sends(server: SqsServer) -> int:
    return server.requests.actions().get("SendMessageBatch", 0)


def messages(count: int) -> list[Message]:
    return [Message(f"m{i:03}") for i in range(count)]


def sent(answers: list[Sent | NotSent]) -> int:
    return sum(isinstance(answer, Sent) for answer in answers)


def not_sent(answers: list[Sent | NotSent]) -> list[NotSent]:
    return [answer for answer in answers if isinstance(answer, NotSent)]


def test_ten_messages_are_one_request(queues: SqsQueues, server: SqsServer) -> None:
    assert sent(queues.tasks("default").send(messages(95))) == 95
    assert server.requests.actions() == {"SendMessageBatch": 10}


def test_a_request_holds_no_more_than_a_mebibyte_counted_in_bytes(queues: SqsQueues, server: SqsServer) -> None:
    half, over = "ü" * (MIB // 4), "ü" * (MIB // 4) + "x"
    answers = queues.tasks("default").send([Message(body) for body in (half, half, over, half, "a", "b")])
    assert sent(answers) == 6
    assert sends(server) == 3  # half + half, over, half + a + b


def test_what_sqs_would_never_take_costs_no_request(queues: SqsQueues, server: SqsServer) -> None:
    answers = queues.tasks("default").send([Message("a\x00b"), Message(""), Message("x" * (MIB + 1))])
    assert [answer.refused for answer in not_sent(answers)] == [True] * 3
    assert sends(server) == 0


def test_entries_that_fail_are_sent_again_after_a_pause(deployment: Deployment) -> None:
    queue = deployment.set_up().tasks("default")
    deployment.server.faults.add(Fault("fail_entry", times=3))
    assert sent(queue.send(messages(10))) == 10
    assert sends(deployment.server) == 2
    assert len(deployment.pauses) == 1
    assert 0 < deployment.pauses[0] < 0.1
    assert bodies(take(queue, 10)) == [f"m{i:03}" for i in range(10)]


def test_an_entry_that_goes_on_failing_is_known_not_to_be_sent(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault("fail_entry"))
    answers = queue.send(messages(2))
    assert [(answer.unknown, answer.refused) for answer in not_sent(answers)] == [(False, False)] * 2
    assert sends(server) == 4
    assert server.peek(queue.name) == []


@pytest.mark.parametrize("fault", ["drop_before", "lose_reply_send", "error_500", "error_503"])
def test_a_send_whose_fate_is_unknown_is_not_repeated(queues: SqsQueues, server: SqsServer, fault: str) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault(fault, times=1))
    answers = queue.send(messages(3))
    assert [answer.unknown for answer in not_sent(answers)] == [True] * 3
    assert sends(server) == 1
    assert len(server.peek(queue.name)) == (3 if fault == "lose_reply_send" else 0)


def test_the_environment_cannot_make_the_sdk_repeat_a_send(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    queue = deployment.set_up().tasks("default")
    deployment.server.faults.add(Fault("error_500"))
    assert len(not_sent(queue.send(messages(1)))) == 1
    assert sends(deployment.server) == 1


def test_one_unknown_request_leaves_its_neighbours_sent(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault("lose_reply_send", times=1))
    answers = queue.send(messages(20))
    unknown = [answer.unknown for answer in not_sent(answers)]
    assert unknown[:10] == [True] * 10  # those after it were perhaps not tried any more
    assert not any(unknown[10:])
    assert len(server.peek(queue.name)) == 10 + sent(answers)


@pytest.mark.parametrize("fault", ["throttle", "throttling_exception", "denied", "expired"])
def test_a_send_that_raises_has_sent_nothing(queues: SqsQueues, server: SqsServer, fault: str) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault(fault))
    with pytest.raises(QueueUnavailable, match="jobs-tasks-default"):
        queue.send([*messages(30), Message("")])
    assert server.peek(queue.name) == []


def test_a_throttled_send_is_left_to_the_role_to_repeat(deployment: Deployment) -> None:
    queue = deployment.set_up().tasks("default")
    deployment.server.faults.add(Fault("throttle"))
    with pytest.raises(QueueUnavailable, match="throttles"):
        queue.send(messages(3))
    assert sends(deployment.server) == 1
    assert deployment.pauses == []


@pytest.mark.parametrize("where", ["status", "fifo"])
@pytest.mark.parametrize("fault", ["drop_before", "lose_reply_send", "error_500"])
def test_where_twice_is_once_an_unknown_send_is_repeated(deployment: Deployment, where: str, fault: str) -> None:
    queues = deployment.set_up(fifo=where == "fifo")
    queue = queues.status() if where == "status" else queues.tasks("default")
    deployment.server.faults.add(Fault(fault, times=1))
    assert sent(queue.send([Message("a", dedup="task.1")])) == 1
    assert sends(deployment.server) == 2
    twice = where == "status" and fault == "lose_reply_send"
    assert len(deployment.server.peek(queue.name)) == 1 + twice


def test_a_send_that_stays_unknown_says_so_on_a_fifo_queue_too(deployment: Deployment) -> None:
    queue = deployment.set_up(fifo=True).tasks("default")
    deployment.server.faults.add(Fault("lose_reply_send"))
    assert [answer.unknown for answer in not_sent(queue.send(messages(2)))] == [True, True]


def test_a_fate_once_unknown_stays_unknown_whatever_later_tries_say(deployment: Deployment) -> None:
    queue = deployment.set_up(fifo=True).tasks("default")
    deployment.server.faults.add(Fault("drop_before", times=1), Fault("fail_entry"))
    assert [answer.unknown for answer in not_sent(queue.send([Message("a", dedup="1")]))] == [True]


def test_the_tenant_is_the_group_on_a_standard_queue(queues: SqsQueues, server: SqsServer) -> None:
    answers = queues.tasks("default").send([Message("a", group="tenant-7"), Message("b", group="Größe " * 40)])
    assert sent(answers) == 2  # a label that SQS would not take goes as its digest


def test_messages_of_one_tenant_run_side_by_side_on_a_fifo_queue(deployment: Deployment) -> None:
    queue = deployment.set_up(fifo=True).tasks("default")
    queue.send([Message(body, group="tenant", dedup=body) for body in "abc"])
    assert bodies(take(queue, 3)) == ["a", "b", "c"]  # nobody deletes one before the next comes


def test_a_key_that_sqs_would_not_take_still_names_its_message(deployment: Deployment) -> None:
    queue: SqsQueue = deployment.set_up(fifo=True).tasks("default")
    first, again, other = queue.send([Message("a", dedup=key) for key in ("ü" * 200, "ü" * 200, "ü" * 201)])
    assert isinstance(first, Sent)
    assert first == again != other
