"""What `leasehold init` makes of the queues, and what it says before it does."""

from __future__ import annotations

import json
import shlex
from uuid import uuid4

import pytest

from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.adapters.sqs.setup import Act, Step, carry_out, found_in, plan, wanted
from leasehold.adapters.sqs.transport import Transport
from leasehold.core.errors import QueueUnavailable
from leasehold.core.units import HOUR
from leasehold.testing.sqs_server import Fault
from tests.sqs.conftest import Deployment


def do(transport: Transport, steps: list[Step]) -> None:
    for step in steps:
        carry_out(transport, step)


def option(step: Step) -> dict[str, str]:
    """The attributes in a step's command, as a shell would pass them."""
    words = shlex.split(step.command)
    return json.loads(words[words.index("--attributes") + 1])


def change(transport: Transport, queue: str, **attributes: str) -> None:
    transport.client(queue).set_queue_attributes(QueueUrl=transport.url(queue), Attributes=attributes)  # type: ignore[arg-type] # the names are checked by the server


@pytest.mark.parametrize("fifo", [False, True])
def test_what_is_missing_is_created_and_then_as_it_should_be(deployment: Deployment, fifo: bool) -> None:
    transport = deployment.queues(fifo=fifo).transport()
    queues = wanted("jobs", ["default", "gpu"], fifo=fifo)
    end = ".fifo" if fifo else ""
    steps = plan(transport, queues)
    names = [f"jobs-dead{end}", f"jobs-tasks-default{end}", f"jobs-tasks-gpu{end}", "jobs-status"]
    assert [(step.act, step.queue) for step in steps] == [(Act.CREATE, name) for name in names]
    do(transport, steps)
    assert [step.says for step in plan(transport, queues)] == [f"queue '{name}' is as it should be" for name in names]


@pytest.mark.usefixtures("on_ministack")
@pytest.mark.parametrize("fifo", [False, True])
def test_it_is_so_on_a_server_of_others_too(deployment: Deployment, on_ministack: str, fifo: bool) -> None:
    prefix = f"s{uuid4().hex}"
    transport = deployment.queues(prefix, fifo=fifo).transport()
    queues = wanted(prefix, ["default"], fifo=fifo)
    do(transport, plan(transport, queues))
    assert [(step.act, step.says) for step in plan(transport, queues) if step.act is not Act.NONE] == []


def test_each_queue_keeps_what_it_must(queues: SqsQueues) -> None:
    found = {
        queue.name: found_in(queues.transport(), queue.name)
        for queue in (queues.tasks("default"), queues.status(), queues.dead())
    }
    assert {attributes["MessageRetentionPeriod"] for attributes in found.values()} == {"604800", "1209600"}
    assert found["jobs-tasks-default"]["MessageRetentionPeriod"] == "604800"
    assert all(attributes["SqsManagedSseEnabled"] == "true" for attributes in found.values())
    policy = json.loads(found["jobs-tasks-default"]["RedrivePolicy"])
    assert policy["deadLetterTargetArn"].endswith(":jobs-dead")
    assert int(policy["maxReceiveCount"]) == 100


def test_a_queue_hides_messages_as_long_as_the_longest_lease() -> None:
    by_name = {queue.name: queue for queue in wanted("jobs", ["default"], lease=7 * HOUR)}
    assert by_name["jobs-tasks-default"].attributes["VisibilityTimeout"] == "25200"


def test_a_drifted_attribute_is_shown_with_the_command_that_mends_it(deployment: Deployment) -> None:
    transport = deployment.set_up().transport()
    change(transport, "jobs-status", MessageRetentionPeriod="345600", DelaySeconds="5")
    first, second = (step for step in plan(transport, wanted("jobs", ["default"])) if step.act is Act.SET)
    assert first.says == "queue 'jobs-status': DelaySeconds is 5 s and should be 0 ms"
    assert second.says == "queue 'jobs-status': MessageRetentionPeriod is 4 d and should be 14 d"
    assert second.command.startswith(
        f"aws sqs set-queue-attributes --region eu-central-1 --queue-url {deployment.server.queue_url('jobs-status')} "
    )
    assert option(second) == {"MessageRetentionPeriod": "1209600"}
    do(transport, [first, second])
    assert {step.act for step in plan(transport, wanted("jobs", ["default"]))} == {Act.NONE}


def test_the_commands_make_the_same_queues(deployment: Deployment) -> None:
    transport = deployment.queues().transport()
    for step in plan(transport, wanted("jobs", ["default"])):
        words = shlex.split(step.command)
        assert words[:5] == ["aws", "sqs", "create-queue", "--region", "eu-central-1"]
        attributes = {name: value.replace("ACCOUNT", "000000000000") for name, value in option(step).items()}
        transport.client("x").create_queue(QueueName=step.queue, Attributes=attributes)  # type: ignore[arg-type] # as above
    assert {step.act for step in plan(transport, wanted("jobs", ["default"]))} == {Act.NONE}


def test_a_longer_retention_is_left_alone_and_said(deployment: Deployment) -> None:
    transport = deployment.set_up().transport()
    change(transport, "jobs-tasks-default", MessageRetentionPeriod="1209600")
    said = {step.queue: (step.act, step.says) for step in plan(transport, wanted("jobs", ["default"]))}
    assert said["jobs-tasks-default"] == (
        Act.NONE,
        "queue 'jobs-tasks-default' is as it should be (MessageRetentionPeriod is 14 d, more than 7 d: left alone)",
    )


@pytest.mark.parametrize("receives", ["3", "100", "500"])
def test_the_backstop_may_stand_further_back_but_not_nearer(deployment: Deployment, receives: str) -> None:
    transport = deployment.set_up().transport()
    arn = found_in(transport, "jobs-dead")["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})
    change(transport, "jobs-tasks-default", RedrivePolicy=policy)
    mending = [step for step in plan(transport, wanted("jobs", ["default"])) if step.act is Act.SET]
    assert len(mending) == (receives == "3")
    do(transport, mending)
    assert {step.act for step in plan(transport, wanted("jobs", ["default"]))} == {Act.NONE}


def test_a_queue_encrypted_with_a_key_of_its_owner_stays_so(deployment: Deployment) -> None:
    transport = deployment.set_up().transport()
    change(transport, "jobs-status", SqsManagedSseEnabled="false", KmsMasterKeyId="alias/mine")
    assert {step.act for step in plan(transport, wanted("jobs", ["default"]))} == {Act.NONE}


def test_what_may_not_be_asked_is_no_missing_queue(deployment: Deployment) -> None:
    transport = deployment.set_up().transport()
    deployment.server.faults.add(Fault("denied", action="GetQueueAttributes"))
    with pytest.raises(QueueUnavailable, match="may not do sqs:GetQueueAttributes"):
        plan(transport, wanted("jobs", ["default"]))
