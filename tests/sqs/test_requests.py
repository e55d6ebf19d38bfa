"""What a worker and a recorder ask of SQS for a task, request by request: that is what SQS bills."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.core.wire import PACK_CEILING, decode_status_message, encode_task_message
from leasehold.flow.desk import Desk
from leasehold.flow.errands import Errands, at_once
from leasehold.flow.gate import Gate
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.flow.lease import Ahead
from leasehold.flow.outbox import GrantsAll, StatusQueueOutbox
from leasehold.flow.pace import Pace
from leasehold.flow.reporter import AGAIN, Reporter
from leasehold.flow.worker import Worker
from leasehold.ports.queue import Delivery, Message
from leasehold.testing.sqs_server.requests import STEP
from leasehold.testing.timed_slots import TimedSlots
from tests.flow.node import LIMIT, MARGIN
from tests.flow.scripted import ScriptedStore, a_message
from tests.sqs.conftest import Deployment

LINGER = 200
SLOTS = 10


class Station:
    """A worker whose runs take ``lasting`` ms each, on SQS; its roles take their steps by hand.

    At most ``most`` messages come at a time.
    """

    def __init__(self, deployment: Deployment, lasting: int = 0, *, most: int = SLOTS) -> None:
        self.clock = deployment.clock
        self.server = deployment.server
        self.queues: SqsQueues = deployment.set_up()
        slots = TimedSlots(self.clock, SLOTS, lambda _: lasting)
        outbox = StatusQueueOutbox(self.queues.status(), self.clock, ceiling=PACK_CEILING)
        self.reporter = Reporter(outbox, self.clock, linger=LINGER)
        desk = Desk(ScriptedStore(), self.clock, Errands(at_once), limit=LIMIT)
        self.worker = Worker(
            slots,
            self.reporter,
            Gate(GrantsAll(), self.clock),
            desk,
            self.clock,
            Pace(Ahead(20)),
            size=SLOTS,
            margin=MARGIN,
        )
        self.intake = Intake(
            [self.queues.tasks("default")],
            self.reporter,
            self.clock,
            worker="w1",
            new_id=IdMaker(self.clock, Random(1)),
            knows=slots.knows,
            room=lambda: min(most, self.worker.room()),
            give=self.worker.give,
        )

    def run(self, tasks: int) -> None:
        """So many tasks come ten at a time."""
        self.put(tasks)
        for _ in range(tasks // SLOTS):
            self.intake.step()
            self.worker.step()
            self.let_pass(0)

    def put(self, tasks: int) -> None:
        """So many messages are on the queue; counting begins."""
        self.queues.tasks("default").send([Message(encode_task_message(a_message(number))) for number in range(tasks)])
        self.server.requests.reset()

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)
        self.worker.step()

    def report(self) -> None:
        """The linger is over, and what waits to be deleted has waited."""
        self.clock.advance(LINGER)
        self.reporter.step()
        self.clock.advance(AGAIN)
        self.reporter.step()
        assert self.reporter.backlog == 0

    def asked(self) -> dict[str, int]:
        return self.server.requests.actions()

    def heard(self) -> list[str]:
        """The reports on the status queue, by kind; and none of its messages is billed twice."""
        bodies = [each.body for each in self.received()]
        assert all(len(body) <= STEP for body in bodies)
        return [update.kind.value for body in bodies for update in decode_status_message(body).updates]

    def received(self) -> Sequence[Delivery]:
        return self.queues.status().receive(10, wait=0, visibility=1_000).deliveries


@pytest.fixture
def station(deployment: Deployment) -> Station:
    return Station(deployment)


def test_a_hundred_short_tasks_cost_ten_receives_ten_deletes_and_one_message(station: Station) -> None:
    """With their ten sends, and one receive and one delete of that message, 0.33 requests for each task."""
    station.run(100)
    station.report()
    assert station.asked() == {"ReceiveMessage": 10, "SendMessageBatch": 1, "DeleteMessageBatch": 10}
    assert station.server.requests.total().billed == 21
    assert station.heard() == ["completed"] * 100


def test_reports_fill_messages_up_to_the_step_of_the_bill(station: Station) -> None:
    station.run(400)
    station.report()
    sends = station.server.requests.total("SendMessageBatch")
    assert sends.requests == 1
    assert sends.billed == len(station.received()) == 2


def test_a_task_shorter_than_the_linger_is_told_once_wherever_its_end_falls(deployment: Deployment) -> None:
    """Forty tasks of 150 ms, while the reporter speaks every 200 ms: some of them are under way each time."""
    station = Station(deployment, lasting=150)
    station.run(10)
    station.let_pass(160)
    station.run(10)  # these end at 310
    station.let_pass(LINGER - 160)
    station.reporter.step()
    station.let_pass(150)
    station.report()
    assert station.heard() == ["completed"] * 20


def test_a_long_task_is_told_twice(deployment: Deployment) -> None:
    station = Station(deployment, lasting=30_000)
    station.run(10)
    station.let_pass(LINGER)
    station.reporter.step()
    station.let_pass(30_000)
    station.report()
    assert station.asked() == {"ReceiveMessage": 1, "SendMessageBatch": 2, "DeleteMessageBatch": 1}
    assert station.heard() == ["started"] * 10 + ["completed"] * 10


def test_deletes_of_tasks_that_end_one_by_one_ride_in_tens(deployment: Deployment) -> None:
    """Thirty ends, 100 ms apart: each is reported within the linger, and no delete goes alone."""
    station = Station(deployment, most=1)
    station.put(30)
    for _ in range(30):
        station.intake.step()
        station.let_pass(100)
        station.reporter.step()
    station.report()
    assert station.server.requests.total("DeleteMessageBatch").requests <= 4
