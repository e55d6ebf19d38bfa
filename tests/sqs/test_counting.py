"""What the adapter counts is what the server counts, which is what a bill would."""

from __future__ import annotations

import pytest

from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.core.errors import QueueUnavailable
from leasehold.core.metering import Action, Tally
from leasehold.flow.metering import Meter
from leasehold.ports.queue import Message
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.sqs.conftest import Deployment

ACTIONS = {
    "SendMessageBatch": Action.SEND,
    "ReceiveMessage": Action.RECEIVE,
    "DeleteMessageBatch": Action.DELETE,
    "ChangeMessageVisibilityBatch": Action.CHANGE,
    "GetQueueAttributes": Action.OTHER,
    "GetQueueUrl": Action.OTHER,
}
Bill = dict[tuple[str, Action], Tally]


def billed(server: SqsServer) -> Bill:
    """Requests, billed, empty and failed, by queue and action."""
    bill: Bill = {}
    for row in server.requests.listed():
        key = (str(row["queue"]), ACTIONS[str(row["action"])])
        figures = Tally(*(int(str(row[name])) for name in ("requests", "billed", "empty", "failed")))
        bill[key] = figures.plus(bill.get(key, Tally()))
    return bill


def counted(meter: Meter) -> Bill:
    names = {"tasks:default": "jobs-tasks-default", "status": "jobs-status", "dead": "jobs-dead"}
    return {(names[each.queue], each.action): each.tally._replace(messages=0) for each in meter.take()}


def test_every_request_is_counted_as_the_server_counts_it(deployment: Deployment, server: SqsServer) -> None:
    deployment.set_up()
    meter = Meter(deployment.clock)
    queues = SqsQueues("jobs", clock=deployment.clock, random=deployment.random, pause=lambda _: None, meter=meter)
    deployment.made.append(queues)
    tasks, status = queues.tasks("default"), queues.status()
    tasks.send([Message("x" * 30_000) for _ in range(25)])  # 300 KB to a request: five steps
    received = tasks.receive(10, wait=0, visibility=60_000)
    tasks.change_visibility([(received.deliveries[0].receipt, 90_000)])
    tasks.delete([each.receipt for each in received.deliveries])
    status.send([Message("one")])
    server.faults.add(Fault("throttle", action="ReceiveMessage", times=1))
    with pytest.raises(QueueUnavailable):
        status.receive(10, wait=0, visibility=60_000)
    status.receive(10, wait=0, visibility=60_000)
    queues.dead().receive(10, wait=0, visibility=60_000)
    tasks.depth()
    assert counted(meter) == billed(server)
    assert billed(server)["jobs-tasks-default", Action.SEND] == Tally(3, 13)


def test_what_never_left_this_machine_is_not_counted(deployment: Deployment, server: SqsServer) -> None:
    deployment.set_up()
    meter = Meter(deployment.clock)
    queues = SqsQueues("jobs", clock=deployment.clock, random=deployment.random, pause=lambda _: None, meter=meter)
    deployment.made.append(queues)
    tasks = queues.tasks("default")
    tasks.depth()
    meter.take()
    server.stop()
    with pytest.raises(QueueUnavailable):
        tasks.depth()
    assert meter.take() == []
