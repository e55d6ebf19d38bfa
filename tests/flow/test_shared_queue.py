"""A queue in the ledger's own database: a dispatch and its send are one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.adapters.bell import NullBell
from leasehold.adapters.database.connection import Transaction
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.wire import decode_task_message
from leasehold.flow.dispatcher import Dispatcher
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
    return FillingQueue("tasks:default", orchestra.database, clock=orchestra.clock, bell=NullBell(), topic="t")


@pytest.fixture
def dispatcher(orchestra: Orchestra, queue: FillingQueue) -> Dispatcher:
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
