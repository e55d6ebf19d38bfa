"""Where sends are billed, a backlog is sent in full requests, and nothing else waits for one (R9, R10)."""

from __future__ import annotations

import pytest

from leasehold.core.reports import UpdateKind
from leasehold.core.wire import decode_task_message
from leasehold.flow.window import SMALLEST
from leasehold.ports.queue import QueueTraits
from tests.flow.orchestra import Orchestra
from tests.flow.scripted import MINUTE, JournalQueue


@pytest.fixture
def billed(orchestra: Orchestra) -> Orchestra:
    orchestra.queues["default"] = JournalQueue("tasks:default", orchestra.clock, traits=QueueTraits(billed=True))
    return orchestra


def begin(orchestra: Orchestra, runs: int) -> None:
    """So many of the messages that are out are received, and their runs are over: there is room for others."""
    queue = orchestra.queue()
    for _ in range(runs):
        (delivery,) = queue.receive(1, wait=0, visibility=MINUTE).deliveries
        orchestra.report(UpdateKind.COMPLETED, decode_task_message(delivery.body))
        queue.delete([delivery.receipt])
    while orchestra.recorder.step():
        pass


def test_a_backlog_waits_until_half_of_what_is_out_is_started(billed: Orchestra) -> None:
    billed.submit(100)
    assert billed.dispatcher.step() == SMALLEST
    begin(billed, SMALLEST // 2)
    assert billed.dispatcher.step() == 0
    begin(billed, 1)
    assert billed.dispatcher.step() == SMALLEST // 2 + 1


def test_where_nothing_is_billed_each_goes_at_once(orchestra: Orchestra) -> None:
    orchestra.submit(100)
    orchestra.dispatcher.step()
    begin(orchestra, 1)
    assert orchestra.dispatcher.step() == 1


def test_what_is_no_backlog_goes_at_once(billed: Orchestra) -> None:
    billed.submit(SMALLEST)
    billed.dispatcher.step()
    begin(billed, 1)
    billed.submit(1)
    assert billed.dispatcher.step() == 1


def test_a_full_request_goes_at_once(billed: Orchestra) -> None:
    billed.submit(200)
    billed.dispatcher.step()
    begin(billed, SMALLEST)
    assert billed.dispatcher.step() == SMALLEST
    begin(billed, SMALLEST)
    assert billed.dispatcher.step() == 2 * SMALLEST  # the window follows what ends


def test_and_so_do_several(billed: Orchestra) -> None:
    billed.submit(200)
    for _ in range(3):
        billed.dispatcher.step()
        begin(billed, SMALLEST)
    assert billed.dispatcher.step() == 20
    begin(billed, 17)  # 47 have ended, 13 are out: there is room for 34
    assert billed.dispatcher.step() == 30
