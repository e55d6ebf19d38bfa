"""Deletes where requests are billed: ten share one, and none waits long for it (R4)."""

from __future__ import annotations

import pytest

from leasehold.flow.held import Entry, Fate
from leasehold.flow.reporter import AGAIN
from leasehold.ports.queue import QueueTraits
from tests.flow.reporter_desk import COMPLETED, Desk
from tests.flow.scripted import JournalQueue


@pytest.fixture
def billed() -> Desk:
    desk = Desk()
    desk.queue = JournalQueue("tasks:a", desk.clock, desk.journal, QueueTraits(billed=True))
    return desk


def ended(desk: Desk, *numbers: int) -> int:
    """These runs succeed and are told; how many messages were deleted then."""
    for number in numbers:
        desk.add(COMPLETED, Fate.DELETE_AFTER, number)
    before = desk.journal.count("delete")
    desk.reporter.step()
    return desk.journal.count("delete") - before


def test_deletes_that_are_billed_ride_in_tens(billed: Desk) -> None:
    assert ended(billed, *range(9)) == 0
    assert ended(billed, *range(9, 25)) == 20
    assert billed.reporter.backlog == 5


def test_but_none_waits_longer_than_a_moment(billed: Desk) -> None:
    assert ended(billed, 1) == 0
    billed.clock.advance(AGAIN - 1)
    assert ended(billed, 2) == 0
    billed.clock.advance(1)
    assert ended(billed) == 2
    assert billed.reporter.backlog == 0


def test_nor_until_its_lease_is_nearly_over(billed: Desk) -> None:
    delivery = billed.receive()
    ends = billed.clock.boot() + 2 * AGAIN
    billed.reporter.add(Entry(billed.update(COMPLETED), Fate.DELETE_AFTER, billed.queue, delivery.receipt, ends))
    billed.reporter.step()
    assert billed.journal == ["say completed", "delete"]


def test_nor_while_the_worker_leaves(billed: Desk) -> None:
    assert ended(billed, 1) == 0
    billed.reporter.hurry()
    assert ended(billed) == 1
    assert ended(billed, 2) == 1


def test_one_that_cannot_be_deleted_does_not_make_the_others_ride_alone(billed: Desk) -> None:
    billed.queue.deaf = {"delete"}
    ended(billed, 1)
    billed.clock.advance(AGAIN)
    assert ended(billed) == 1  # tried in vain
    assert ended(billed, 2) == 0
    assert billed.reporter.backlog == 2
