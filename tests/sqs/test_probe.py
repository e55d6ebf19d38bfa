"""What `leasehold doctor` finds out about permissions, without harming anything."""

from __future__ import annotations

import pytest

from leasehold.adapters.sqs.probe import DUTIES, PROBES, Answer, judge, probe
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.testing.queue_bench import given, take_one
from leasehold.testing.sqs_server import Fault, SqsServer

WORKER = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl")


def allow_only(server: SqsServer, *actions: str) -> None:
    batches = {"SendMessage", "DeleteMessage", "ChangeMessageVisibility"}
    for action in PROBES:
        if action not in actions:
            server.faults.add(Fault("denied", action=f"{action}Batch" if action in batches else action))


def test_a_worker_with_just_its_permissions_is_content(queues: SqsQueues, server: SqsServer) -> None:
    allow_only(server, *WORKER)
    verdict = judge("worker", "tasks", probe(queues.transport(), "jobs-tasks-default"))
    assert (verdict.missing, verdict.too_many) == ([], [])


@pytest.mark.parametrize("action", WORKER[:3])
def test_each_missing_permission_is_found(queues: SqsQueues, server: SqsServer, action: str) -> None:
    allow_only(server, *(each for each in WORKER if each != action))
    probed = probe(queues.transport(), "jobs-tasks-default")
    assert judge("worker", "tasks", probed).missing == [action]
    sentence = f"queue 'jobs-tasks-default': arn:aws:iam::000000000000:user/test may not do sqs:{action} in region"
    assert [each.says.startswith(sentence) for each in probed if each.action == action] == [True]


@pytest.mark.parametrize("action", ["SendMessage", "SetQueueAttributes", "CreateQueue"])
def test_a_worker_that_may_more_is_told(queues: SqsQueues, server: SqsServer, action: str) -> None:
    allow_only(server, *WORKER, action)
    assert judge("worker", "tasks", probe(queues.transport(), "jobs-tasks-default")).too_many == [action]


def test_a_worker_only_sends_to_the_status_queue(queues: SqsQueues, server: SqsServer) -> None:
    allow_only(server, "GetQueueUrl", "SendMessage", "ReceiveMessage")
    assert judge("worker", "status", probe(queues.transport(), "jobs-status")).too_many == ["ReceiveMessage"]


def test_an_orchestrator_may_have_more(queues: SqsQueues) -> None:
    probed = probe(queues.transport(), "jobs-tasks-default")
    assert judge("orchestrator", "tasks", probed).too_many == []
    assert judge("orchestrator", "tasks", probed).missing == []


def test_probing_changes_nothing(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    before = (
        queues.transport()
        .client("x")
        .get_queue_attributes(QueueUrl=server.queue_url(queue.name), AttributeNames=["All"])["Attributes"]
    )
    given(queue, "a")
    probe(queues.transport(), queue.name)
    delivery = take_one(queue)
    assert (delivery.body, delivery.receive_count) == ("a", 2)
    after = (
        queues.transport()
        .client("x")
        .get_queue_attributes(QueueUrl=server.queue_url(queue.name), AttributeNames=["All"])["Attributes"]
    )
    changing = ("Approximate", "LastModified")
    assert {k: v for k, v in after.items() if not k.startswith(changing)} == {
        k: v for k, v in before.items() if not k.startswith(changing)
    }


@pytest.mark.usefixtures("server")
def test_what_cannot_be_asked_is_unknown(queues: SqsQueues, server: SqsServer) -> None:
    server.stop()
    probed = probe(queues.transport(), "jobs-tasks-default")
    assert {each.answer for each in probed} == {Answer.UNKNOWN}
    assert judge("worker", "tasks", probed).unknown == [*PROBES]


def test_every_need_is_probed() -> None:
    assert all(duty.needs <= PROBES.keys() for duty in DUTIES.values())
