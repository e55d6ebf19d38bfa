"""Whatever SQS and the network do, the SQS adapter loses nothing that it acknowledged, and claims nothing untrue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import TimeoutError as StillRunning
from random import Random

import pytest

from leasehold.adapters.sqs.queue import SqsQueue
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.queue import Delivery, Message, NotSent, Sent
from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import BOUND, bodies, given, in_thread, take
from leasehold.testing.sqs_server import KINDS, Fault, SqsServer

VISIBILITY = 5_000
HORIZON = 60_000
"""ms in which what was delayed has come."""
ROUNDS = 12
RATE = 0.3
TRIES = 100
LOSES = {"vanish"}
"""Loses what it has confirmed, by its own definition: that is what the ledger is there for."""
COMES_AGAIN = {"duplicate", "undeleted", "lose_reply_receive", "drop_after"}
"""A message may come although its delete was confirmed: by definition, or because a receive that nobody saw made its
receipt stale, and SQS confirms a stale delete that deletes nothing."""
LOGIN = {"expired", "unknown_key", "wrong_region"}
"""After these the adapter looks up its credentials anew, which takes boto3 half a second."""
STANDARD = sorted({*KINDS} - LOSES)
FIFO = sorted({*STANDARD} - {"stale_delete"})
"""A FIFO queue refuses a stale receipt before it could do harm."""


class Story:
    """A sender and a receiver on one queue, and what they were told."""

    def __init__(self, server: SqsServer, *, fifo: bool) -> None:
        clock = server.clock
        assert isinstance(clock, ManualClock)
        self.server = server
        self.clock = clock
        self.queues = SqsQueues("t", fifo=fifo, clock=clock, random=Random(1), pause=lambda _: None)
        self.queue = self._create(self.queues.tasks("q"))
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        """Sends of which the adapter is sure that they did not happen."""
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        """Message ids by body."""
        self.deleted: set[str] = set()
        self.came_again: set[str] = set()
        """Messages that were received after the adapter had confirmed their delete."""

    def _create(self, queue: SqsQueue) -> SqsQueue:
        attributes = {"FifoQueue": "true"} if self.queues.fifo else {}
        self.queues.transport().client(queue.name).create_queue(QueueName=queue.name, Attributes=attributes)  # type: ignore[arg-type] - a dictionary
        return queue

    def send(self, turn: int) -> None:
        messages = [Message(f"{turn}-{number}", dedup=f"{turn}-{number}") for number in range(13)]
        try:
            answers = self.queue.send(messages)
        except QueueUnavailable:
            self.refused |= {message.body for message in messages}
            return
        assert len(answers) == len(messages)
        for message, answer in zip(messages, answers, strict=True):
            if isinstance(answer, Sent):
                self.acknowledged.add(message.body)
            elif not answer.unknown:
                self.refused.add(message.body)

    def receive(self) -> list[Delivery]:
        try:
            deliveries = self.queue.receive(10, wait=0, visibility=VISIBILITY).deliveries
        except QueueUnavailable:
            return []
        for delivery in deliveries:
            self.seen[delivery.body].add(delivery.message_id)
            if delivery.message_id in self.deleted:
                self.came_again.add(delivery.message_id)
        return [*deliveries]

    def delete(self, deliveries: list[Delivery]) -> None:
        try:
            confirmed = self.queue.delete([delivery.receipt for delivery in deliveries])
        except QueueUnavailable:
            return
        assert len(confirmed) == len(deliveries)
        self.deleted |= {d.message_id for d, done in zip(deliveries, confirmed, strict=True) if done}

    def give_back(self, deliveries: list[Delivery]) -> None:
        try:
            self.queue.change_visibility([(delivery.receipt, 0) for delivery in deliveries])
        except QueueUnavailable:
            return

    def run(self) -> None:
        """Some of each reply is deleted in time, some late, some given back."""
        late: list[Delivery] = []
        for turn in range(ROUNDS):
            self.send(turn)
            deliveries = self.receive()
            self.delete(deliveries[::3])
            self.give_back(deliveries[1::3])
            again = {delivery.message_id for delivery in [*deliveries, *self.receive()]}
            # a stale receipt deletes nothing, and SQS confirms it all the same: its confirmation is none
            self.delete([delivery for delivery in late if delivery.message_id not in again])
            self.forget_stale([delivery for delivery in late if delivery.message_id in again])
            late = deliveries[2::3]
            self.clock.advance(VISIBILITY)

    def forget_stale(self, deliveries: list[Delivery]) -> None:
        before = {*self.deleted}
        self.delete(deliveries)
        self.deleted = before

    def drain(self) -> None:
        """No faults any more: take all that is left."""
        self.server.faults.clear()
        self.clock.advance(HORIZON + VISIBILITY)
        while deliveries := self.receive():
            self.delete(deliveries)
        assert self.server.peek(self.queue.name) == []


@pytest.fixture
def standard(sqs_server: SqsServer) -> Iterator[Story]:
    story = Story(sqs_server, fifo=False)
    yield story
    story.queues.close()


@pytest.fixture
def fifo(sqs_server: SqsServer) -> Iterator[Story]:
    story = Story(sqs_server, fifo=True)
    yield story
    story.queues.close()


def check(story: Story, kind: str) -> None:
    story.server.faults.add(Fault(kind, rate=RATE, ms=1, times=3 if kind in LOGIN else None))
    story.run()
    story.drain()
    assert story.server.faults.fired[kind] > 0
    assert story.acknowledged
    assert story.acknowledged <= {*story.seen}, "acknowledged, and lost"
    assert not story.refused & {*story.seen}, "said not to be sent, and delivered"
    assert story.came_again == set() or kind in COMES_AGAIN


@pytest.mark.parametrize("kind", STANDARD)
def test_a_standard_queue_delivers_what_it_acknowledged(standard: Story, kind: str) -> None:
    check(standard, kind)


@pytest.mark.parametrize("kind", FIFO)
def test_a_fifo_queue_delivers_what_it_acknowledged_and_makes_one_message_of_it(fifo: Story, kind: str) -> None:
    check(fifo, kind)
    assert {body: ids for body, ids in fifo.seen.items() if len(ids) > 1} == {}


def test_everything_at_once_loses_nothing_either(standard: Story) -> None:
    for kind in STANDARD:
        standard.server.faults.add(Fault(kind, rate=0.02, ms=1))
    standard.run()
    standard.drain()
    assert len(standard.server.faults.fired) > 3
    assert standard.acknowledged <= {*standard.seen}
    assert not standard.refused & {*standard.seen}


def test_a_lost_reply_to_a_send_is_reported_as_unknown_and_not_sent_again(standard: Story) -> None:
    standard.server.faults.add(Fault("lose_reply_send", times=1))
    (answer,) = standard.queue.send([Message("a")])
    assert isinstance(answer, NotSent)
    assert answer.unknown
    assert bodies(take(standard.queue, 1)) == ["a"]
    assert standard.server.requests.total("SendMessageBatch").requests == 1


def test_while_the_queue_is_down_every_call_says_so_and_afterwards_all_goes_on(standard: Story) -> None:
    given(standard.queue, "before")
    (held,) = take(standard.queue, 1, visibility=VISIBILITY)
    standard.server.stop()
    for call in (
        lambda: standard.queue.send([Message("lost")]),
        lambda: standard.queue.receive(1, wait=0, visibility=VISIBILITY),
        lambda: standard.queue.receive(1, wait=20_000, visibility=VISIBILITY),
        lambda: standard.queue.delete([held.receipt]),
        lambda: standard.queue.change_visibility([(held.receipt, 0)]),
        standard.queue.depth,
    ):
        with pytest.raises(QueueUnavailable, match="queue 't-tasks-q'"):
            call()
    standard.server.start()
    assert standard.queue.delete([held.receipt]) == [True]
    given(standard.queue, "after")
    assert bodies(take(standard.queue, 1)) == ["after"]


def test_a_long_poll_whose_connection_is_lost_says_so_and_the_next_one_receives(standard: Story) -> None:
    poll = in_thread(lambda: standard.queue.receive(1, wait=20_000, visibility=VISIBILITY))
    for _ in range(TRIES):
        if standard.server.polling(standard.queue.name):
            break
        with pytest.raises(StillRunning):
            poll.result(timeout=0.1)
    standard.server.drop_connections()
    assert isinstance(poll.exception(BOUND), QueueUnavailable)
    standard.queues.transport().close()  # what else was dropped, the next request could still find in the pool
    given(standard.queue, "a")
    assert bodies(take(standard.queue, 1)) == ["a"]
