"""A queue in the ledger's own database: a dispatch and its send are one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.adapters.bell import NullBell
from leasehold.adapters.database.connection import Transaction
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.metering import Action, Count, Tally
from leasehold.core.wire import decode_task_message
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.metering import Meter
from leasehold.ports.queue import Message, NotSent, Sent
from tests.flow.orchestra import VALIDITY, Orchestra


class FillingQueue(DatabaseQueue):
    """Lives on a disk that can be full."""

    full = False

    def send_within(self, tx: Transaction, messages: Sequence[Message]) -> list[Sent | NotSent]:
        if self.full:
            raise LedgerUnavailable("the disk is full")
        return super().send_within(tx, messages)


@pytest.fixture
def queue(orchestra: Orchestra) -> FillingQueue:
    return queue_of(orchestra)


def queue_of(orchestra: Orchestra, meter: Meter | None = None) -> FillingQueue:
    clock = orchestra.clock
    return FillingQueue("tasks:default", orchestra.database, clock=clock, bell=NullBell(), topic="t", meter=meter)


@pytest.fixture
def dispatcher(orchestra: Orchestra, queue: FillingQueue) -> Dispatcher:
    return dispatcher_of(orchestra, queue)


def dispatcher_of(orchestra: Orchestra, queue: FillingQueue) -> Dispatcher:
    return Dispatcher(
        orchestra.ledger,
        lambda _: queue,
        orchestra.clock,
        key=orchestra.key,
        validity=VALIDITY,
        largest_window=10_000,
        most_receives=10,
    )


def test_it_is_sent_with_its_dispatch(orchestra: Orchestra, queue: FillingQueue, dispatcher: Dispatcher) -> None:
    ids = orchestra.submit(3)
    assert dispatcher.step() == 3
    received = queue.receive(10, wait=0, visibility=60_000)
    messages = [decode_task_message(delivery.body) for delivery in received.deliveries]
    assert [message.tasks[0].id for message in messages] == ids
    assert orchestra.states(ids) == ["pending/queued"] * 3


def test_where_the_send_fails_nothing_was_dispatched(
    orchestra: Orchestra, queue: FillingQueue, dispatcher: Dispatcher
) -> None:
    (id,) = orchestra.submit()

    queue.full = True
    with pytest.raises(LedgerUnavailable):
        dispatcher.step()
    queue.full = False
    assert (orchestra.state(id), orchestra.task(id).n) == ("pending/due", 0)
    assert dispatcher.step() == 1
    assert (orchestra.task(id).n, queue.depth().visible) == (1, 1)


def test_what_went_out_with_its_dispatch_is_counted_though_no_request_was_made(orchestra: Orchestra) -> None:
    meter = Meter(orchestra.clock)
    queue = queue_of(orchestra, meter)
    dispatcher = dispatcher_of(orchestra, queue)
    orchestra.submit(3)
    queue.full = True
    with pytest.raises(LedgerUnavailable):
        dispatcher.step()
    assert not meter.take()
    queue.full = False
    dispatcher.step()
    assert meter.take() == [Count(0, "tasks:default", Action.SEND, Tally(messages=3))]
    queue.send([Message("again")])
    assert meter.take() == [Count(0, "tasks:default", Action.SEND, Tally(1, 1, messages=1))]
