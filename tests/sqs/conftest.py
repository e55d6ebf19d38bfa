"""Queues on the project's test server, which misbehaves on request and counts requests."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.adapters.sqs.setup import carry_out, plan, wanted
from leasehold.testing.clock import ManualClock
from leasehold.testing.sqs_server import SqsServer


class Deployment:
    """One server, the queues `jobs-...` on it, and how long the adapter paused between tries (s)."""

    def __init__(self, server: SqsServer, clock: ManualClock) -> None:
        self.server = server
        self.clock = clock
        self.pauses: list[float] = []
        self.made: list[SqsQueues] = []
        self.random = Random(1)

    def queues(self, prefix: str = "jobs", *, fifo: bool = False) -> SqsQueues:
        queues = SqsQueues(prefix, fifo=fifo, clock=self.clock, random=self.random, pause=self.pauses.append)
        self.made.append(queues)
        return queues

    def set_up(self, *, fifo: bool = False) -> SqsQueues:
        """With every queue made, addresses known and nothing counted yet."""
        queues = self.queues(fifo=fifo)
        for step in plan(queues.transport(), wanted("jobs", ["default"], fifo=fifo)):
            carry_out(queues.transport(), step)
        for queue in (queues.tasks("default"), queues.status(), queues.dead()):
            queue.depth()
        self.server.requests.reset()
        return queues


@pytest.fixture
def deployment(sqs_server: SqsServer) -> Iterator[Deployment]:
    assert isinstance(sqs_server.clock, ManualClock)
    deployment = Deployment(sqs_server, sqs_server.clock)
    yield deployment
    for queues in deployment.made:
        queues.close()


@pytest.fixture
def server(deployment: Deployment) -> SqsServer:
    return deployment.server


@pytest.fixture
def queues(deployment: Deployment) -> SqsQueues:
    return deployment.set_up()
