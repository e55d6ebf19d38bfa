"""The SQS adapter, standard and FIFO, keeps what every queue owes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from random import Random
from threading import Event
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from leasehold.adapters.clock import SystemClock
from leasehold.adapters.sqs.queue import SqsQueue
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.ports.queue import Queue
from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import QueueBench, given, take_one
from leasehold.testing.queue_suite import QueueSuite
from leasehold.testing.sqs_server import SqsServer

if TYPE_CHECKING:
    from types_boto3_sqs.literals import QueueAttributeNameType


class SqsBench:
    """Queues on a server, under a prefix of their own: in real time, or on a clock that the server shares."""

    plenty = 80

    def __init__(self, *, fifo: bool, clock: ManualClock | None = None) -> None:
        self.queues = SqsQueues(f"t{uuid4().hex}", fifo=fifo, clock=clock or SystemClock(), random=Random(1))
        self._clock = clock
        self._names = (f"q{number}" for number in count(1))

    def queue(self, *, max_receives: int | None = None) -> SqsQueue:
        queue = self.queues.tasks(next(self._names))
        attributes: dict[QueueAttributeNameType, str] = {}
        if max_receives is not None:
            arn = self._create(self.queues.dead().name, {})
            attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": max_receives})
        self._create(queue.name, attributes)
        return queue

    def dead_letters(self, queue: Queue) -> SqsQueue:  # noqa: ARG002 - one serves all queues of a prefix
        return self.queues.dead()

    def let_pass(self, ms: int) -> None:
        if self._clock is None:
            Event().wait(ms / 1_000 + 0.1)
        else:
            self._clock.advance(ms)

    def _create(self, name: str, attributes: dict[QueueAttributeNameType, str]) -> str:
        client = self.queues.transport().client(name)
        if self.queues.fifo:
            attributes["FifoQueue"] = "true"
        url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@pytest.mark.usefixtures("on_ministack")
class TestStandardQueueOnMinistack(QueueSuite):
    @pytest.fixture
    def bench(self) -> Iterator[QueueBench]:
        bench = SqsBench(fifo=False)
        yield bench
        bench.queues.close()


@pytest.mark.usefixtures("on_ministack")
class TestFifoQueueOnMinistack(QueueSuite):
    @pytest.fixture
    def bench(self) -> Iterator[QueueBench]:
        bench = SqsBench(fifo=True)
        yield bench
        bench.queues.close()


class TestStandardQueueOnOurServer(QueueSuite):
    @pytest.fixture
    def bench(self, sqs_server: SqsServer) -> Iterator[QueueBench]:
        bench = SqsBench(fifo=False, clock=clock_of(sqs_server))
        yield bench
        bench.queues.close()

    def test_a_delete_is_confirmed_again_when_it_is_repeated(self, bench: QueueBench) -> None:
        queue = bench.queue()
        given(queue, "a")
        receipt = take_one(queue).receipt
        assert queue.delete([receipt]) == queue.delete([receipt]) == [True]


class TestFifoQueueOnOurServer(QueueSuite):
    @pytest.fixture
    def bench(self, sqs_server: SqsServer) -> Iterator[QueueBench]:
        bench = SqsBench(fifo=True, clock=clock_of(sqs_server))
        yield bench
        bench.queues.close()


def clock_of(server: SqsServer) -> ManualClock:
    assert isinstance(server.clock, ManualClock)
    return server.clock
