"""What is reported, in which order with its message's end, and that nothing is lost on the way (R4, R5, S6, S8)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.core.wire import encode_update, quarantined
from leasehold.flow.held import Entry, Fate
from leasehold.flow.outbox import StatusQueueOutbox
from leasehold.flow.reporter import AT_ONCE, DELETES, IN_TRANSIT, NOT_GONE
from leasehold.testing.clock import ManualClock
from tests.flow.reporter_desk import (
    COMPLETED,
    DRAINING,
    EXPIRED,
    FAILED,
    LINGER,
    PROGRESSED,
    RELEASED,
    STARTED,
    Desk,
)
from tests.flow.scripted import MINUTE, JournalQueue


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ------------------------------------------------------------ order


def test_a_success_is_acknowledged_before_its_message_is_deleted(desk: Desk) -> None:
    desk.add(COMPLETED, Fate.DELETE_AFTER)
    assert desk.reporter.step() == 1
    assert desk.journal == ["say completed", "delete"]
    assert desk.reporter.backlog == 0


def test_one_that_is_not_acknowledged_keeps_its_message(desk: Desk) -> None:
    desk.outbox.refuses = frozenset({COMPLETED})
    desk.add(COMPLETED, Fate.DELETE_AFTER)
    for _ in range(3):
        assert desk.reporter.step() == 0
    assert desk.journal == []
    desk.outbox.refuses = frozenset()
    desk.reporter.step()
    assert desk.journal == ["say completed", "delete"]


def test_a_failure_is_deleted_first_and_says_so(desk: Desk) -> None:
    desk.add(FAILED, Fate.DELETE_BEFORE)
    desk.reporter.step()
    assert desk.journal == ["delete", "say failed"]
    assert desk.outbox.said[0].deleted


def test_what_is_given_back_is_shown_first_and_claims_no_delete(desk: Desk) -> None:
    desk.add(RELEASED, Fate.GIVE_BACK)
    desk.reporter.step()
    assert desk.journal == ["show", "say released"]
    assert not desk.outbox.said[0].deleted


def test_reports_of_updates_go_before_what_could_not_be_read(desk: Desk) -> None:
    desk.reporter.add(Entry(quarantined("tasks", "?", "no JSON"), Fate.STAY))
    desk.say(DRAINING)
    assert desk.reporter.step() == 2
    assert desk.journal == ["say draining", "say malformed"]


# ------------------------------------------------------------ deletes that are not confirmed


def test_a_delete_that_was_not_confirmed_is_tried_again_before_it_is_reported(desk: Desk) -> None:
    desk.queue.mute = {"delete"}
    desk.add(FAILED, Fate.DELETE_BEFORE)
    desk.reporter.step()
    assert desk.outbox.said == []
    desk.queue.mute = set()
    desk.reporter.step()
    assert desk.outbox.said[0].deleted


def test_but_not_for_ever(desk: Desk) -> None:
    desk.queue.deaf = {"delete"}
    desk.add(FAILED, Fate.DELETE_BEFORE)
    for _ in range(DELETES):
        assert desk.outbox.said == []
        desk.reporter.step()
    assert not desk.outbox.said[0].deleted
    assert desk.reporter.backlog == 0


def test_nor_past_its_lease(desk: Desk) -> None:
    desk.queue.deaf = {"delete"}
    desk.add(FAILED, Fate.DELETE_BEFORE)
    desk.reporter.step()
    desk.queue.deaf = set()
    desk.clock.advance(MINUTE)
    desk.reporter.step()
    assert not desk.outbox.said[0].deleted
    assert len(desk.queue.peek()) == 1  # by now it may be another's


class SlowQueue(JournalQueue):
    """Deletes, and takes until the end of the lease to say so."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("tasks:slow", clock)
        self.clock = clock

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        answers = super().delete(receipts)
        self.clock.advance(MINUTE)
        return answers


def test_a_delete_confirmed_after_the_lease_claims_nothing(desk: Desk) -> None:
    desk.queue = SlowQueue(desk.clock)
    desk.add(FAILED, Fate.DELETE_BEFORE)
    desk.reporter.step()
    assert not desk.outbox.said[0].deleted


def test_what_expired_here_is_only_given_back_where_its_delete_was_not_confirmed(desk: Desk) -> None:
    """Told as expired it would be dispatched again, while another may hold the message, and have begun in time."""
    desk.queue.deaf = {"delete"}
    desk.add(EXPIRED, Fate.DELETE_BEFORE, number=1)
    for _ in range(DELETES):
        desk.reporter.step()
    desk.queue.deaf = set()
    desk.add(EXPIRED, Fate.DELETE_BEFORE, number=2)
    desk.clock.advance(MINUTE)  # its lease is over: it is not deleted
    desk.reporter.step()
    assert [(said.kind, said.deleted) for said in desk.outbox.said] == [(RELEASED, False), (RELEASED, False)]
    assert {said.note for said in desk.outbox.said} == {NOT_GONE}


def test_and_is_told_as_expired_once_its_message_is_gone(desk: Desk) -> None:
    desk.add(EXPIRED, Fate.DELETE_BEFORE)
    desk.reporter.step()
    assert desk.journal == ["delete", "say expired"]


def test_nothing_is_shown_whose_lease_ended_while_another_request_took_its_time(desk: Desk) -> None:
    slow = SlowQueue(desk.clock)
    desk.add(FAILED, Fate.DELETE_BEFORE, number=1, queue=slow)
    desk.add(RELEASED, Fate.GIVE_BACK, number=2)
    desk.reporter.step()
    assert desk.journal == ["say failed", "say released"]


def test_nor_deleted(desk: Desk) -> None:
    slow = SlowQueue(desk.clock)
    desk.add(FAILED, Fate.DELETE_BEFORE, number=1, queue=slow)
    desk.add(FAILED, Fate.DELETE_BEFORE, number=2)
    desk.reporter.step()
    assert desk.journal == ["say failed", "say failed"]


@pytest.mark.parametrize(
    ("left", "journal"), [(IN_TRANSIT + 1, ["show", "say released"]), (IN_TRANSIT, ["say released"])]
)
def test_with_little_of_its_lease_left_a_message_is_left_to_that(desk: Desk, left: int, journal: list[str]) -> None:
    desk.add(RELEASED, Fate.GIVE_BACK)
    desk.clock.advance(MINUTE - left)
    desk.reporter.step()
    assert desk.journal == journal


def test_what_was_reported_is_deleted_again_and_again_until_its_lease_is_over(desk: Desk) -> None:
    desk.queue.deaf = {"delete"}
    desk.add(COMPLETED, Fate.DELETE_AFTER)
    for _ in range(3):
        desk.reporter.step()
    assert desk.journal == ["say completed"] + ["delete"] * 3
    assert desk.reporter.backlog == 1
    desk.clock.advance(MINUTE)
    desk.reporter.step()
    assert desk.reporter.backlog == 0


def test_what_is_given_back_is_shown_once_even_if_nobody_confirmed_it(desk: Desk) -> None:
    """It may be another's a moment later: shown again with this receipt, it would be taken from there."""
    desk.queue.mute = {"change"}
    desk.add(RELEASED, Fate.GIVE_BACK)
    desk.outbox.down = True
    desk.step_fails()
    desk.outbox.down = False
    desk.reporter.step()
    assert desk.journal == ["show", "say released"]


# ------------------------------------------------------------ what fails in the middle


def test_an_outbox_that_is_down_loses_nothing(desk: Desk) -> None:
    desk.add(FAILED, Fate.DELETE_BEFORE, 1)
    desk.add(COMPLETED, Fate.DELETE_AFTER, 2)
    desk.outbox.down = True
    for _ in range(3):
        desk.step_fails()
    assert desk.reporter.backlog == 2
    desk.outbox.down = False
    desk.reporter.step()
    assert (desk.outbox.kinds(1), desk.outbox.kinds(2)) == (["failed"], ["completed"])
    assert desk.outbox.said[0].deleted
    assert desk.queue.depth() == (0, 0)


def test_a_task_queue_that_is_down_keeps_no_report_waiting_but_its_own(desk: Desk) -> None:
    desk.queue.down = {"delete", "change"}
    desk.add(FAILED, Fate.DELETE_BEFORE, 1)
    desk.add(COMPLETED, Fate.DELETE_AFTER, 2)
    desk.add(FAILED, Fate.DELETE_BEFORE, 3, queue=desk.other)
    desk.step_fails()
    assert desk.journal == ["say completed", "say failed"]
    assert (desk.outbox.kinds(2), desk.outbox.kinds(3)) == (["completed"], ["failed"])
    assert desk.outbox.said[1].deleted
    desk.queue.down = set()
    desk.reporter.step()
    assert desk.outbox.kinds(1) == ["failed"]
    assert desk.reporter.backlog == 0
    assert desk.queue.depth() == (0, 0)


def test_a_give_back_that_fails_is_still_reported_and_left_to_the_lease(desk: Desk) -> None:
    desk.queue.down = {"change"}
    desk.add(RELEASED, Fate.GIVE_BACK)
    desk.step_fails()
    assert desk.outbox.kinds() == ["released"]
    assert desk.reporter.backlog == 0


def test_what_is_not_accepted_is_posted_again_as_the_same_report(desk: Desk) -> None:
    """The ledger knows it by its status_id, so that recording it twice is recording it once (S7)."""
    desk.outbox.refuses = frozenset({FAILED})
    report = desk.update(FAILED)
    desk.reporter.add(Entry(report, Fate.STAY))
    desk.reporter.step()
    desk.outbox.refuses = frozenset()
    desk.reporter.step()
    assert desk.outbox.said == [report]


# ------------------------------------------------------------ packing


def test_a_start_is_folded_into_what_the_same_run_says_later(desk: Desk) -> None:
    desk.say(STARTED, PROGRESSED, number=1)
    desk.say(STARTED, number=2)
    desk.clock.advance(LINGER)
    desk.say(COMPLETED, number=1)
    desk.reporter.step()
    assert [(update.kind, update.run_id) for update in desk.outbox.said] == [(STARTED, "run2"), (COMPLETED, "run1")]


def test_nothing_else_is_folded(desk: Desk) -> None:
    desk.say(DRAINING, FAILED)
    desk.reporter.step()
    assert desk.outbox.kinds() == ["draining", "failed"]


def test_a_start_alone_is_reported_once_the_run_is_longer_than_the_linger(desk: Desk) -> None:
    desk.say(STARTED)
    desk.clock.advance(LINGER)
    desk.reporter.step()
    desk.say(COMPLETED)
    desk.reporter.step()
    assert desk.outbox.kinds() == ["started", "completed"]


def test_a_run_shorter_than_the_linger_is_told_in_one_report_whenever_it_began(desk: Desk) -> None:
    desk.say(STARTED, number=1)
    desk.clock.advance(LINGER - 1)
    desk.say(STARTED, number=2)
    desk.clock.advance(1)
    assert desk.reporter.step() == 1
    desk.clock.advance(LINGER - 2)
    desk.say(COMPLETED, number=2)
    desk.clock.advance(2)
    desk.reporter.step()
    assert desk.outbox.kinds(1) == ["started"]
    assert desk.outbox.kinds(2) == ["completed"]
    assert desk.reporter.backlog == 0


def test_a_beginning_is_told_after_two_lingers_at_the_latest(desk: Desk) -> None:
    desk.say(STARTED)
    desk.clock.advance(LINGER - 1)
    assert desk.reporter.step() == 0
    desk.clock.advance(LINGER)
    assert desk.reporter.step() == 1


def test_a_beginning_that_was_not_taken_is_not_kept_back_again(desk: Desk) -> None:
    desk.outbox.refuses = frozenset({STARTED})
    desk.say(STARTED)
    desk.clock.advance(LINGER)
    desk.reporter.step()
    desk.outbox.refuses = frozenset()
    assert desk.reporter.step() == 1


def test_after_an_outage_reports_go_out_in_bites_and_in_order(desk: Desk) -> None:
    for number in range(AT_ONCE + 5):
        desk.say(FAILED, number=number)
    assert desk.reporter.step() == AT_ONCE
    assert desk.reporter.backlog == 5
    assert desk.reporter.step() == 5
    assert [update.run_id for update in desk.outbox.said] == [f"run{number}" for number in range(AT_ONCE + 5)]


def test_without_anything_to_say_nothing_is_posted(desk: Desk) -> None:
    assert desk.reporter.step() == 0
    assert desk.outbox.posts == 0


def test_reports_are_packed_by_bytes_and_answered_one_by_one() -> None:
    clock = ManualClock()
    status = JournalQueue("status", clock)
    updates = [Desk().update(FAILED, number, note="x" * 500) for number in range(6)]
    size = len(encode_update(updates[0], 0))
    outbox = StatusQueueOutbox(status, clock, ceiling=3 * size)
    assert outbox.post(updates, [quarantined("tasks", "?", "no JSON")]) == [True] * 7
    assert len(status.peek()) == 3


# ------------------------------------------------------------ when


def test_done_is_called_for_an_acknowledged_report_whose_message_stays(desk: Desk) -> None:
    desk.outbox.refuses = frozenset({DRAINING})
    entry = Entry(desk.update(DRAINING), Fate.STAY, done=lambda: desk.journal.append("done"))
    desk.reporter.add(entry)
    desk.reporter.step()
    assert desk.journal == []
    desk.outbox.refuses = frozenset()
    desk.reporter.step()
    assert desk.journal == ["say draining", "done"]


def test_and_for_a_success_once_its_message_is_deleted(desk: Desk) -> None:
    desk.queue.deaf = {"delete"}
    desk.add(COMPLETED, Fate.DELETE_AFTER, done="done")
    desk.reporter.step()
    assert "done" not in desk.journal
    desk.queue.deaf = set()
    desk.reporter.step()
    assert desk.journal[-2:] == ["delete", "done"]
