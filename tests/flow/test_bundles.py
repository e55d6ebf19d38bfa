"""Several tasks of one message on a worker: one lease, one delete, and each its own run, report and end (B1 to B3)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.core.references import arguments_reference
from leasehold.core.reports import UpdateKind
from leasehold.flow.held import Entry, Fate
from leasehold.flow.lease import Hold
from leasehold.flow.outbox import GrantsAll
from leasehold.flow.reporter import AT_ONCE
from leasehold.ports.reports import Busy, Grant, StaleRun, Start
from leasehold.testing.clock import ManualClock
from tests.flow.node import MARGIN, Node
from tests.flow.reporter_desk import FAILED, STARTED, Desk
from tests.flow.scripted import MINUTE, Later, a_bundle, a_message, task_id

NOTICE = "a spot notice"


def said(node: Node) -> list[tuple[str, int]]:
    """What was reported: the kind and the number of the task."""
    return [(update.kind.value, int(update.task_id[-12:])) for update in node.outbox.said]


def begun(*numbers: int, places: int = 1, **fields: object) -> Node:
    """A node that has received a bundle, and begun the first of it."""
    node = Node(places=places)
    node.queue.put(a_bundle(*numbers, **fields))
    node.turn()
    return node


# ------------------------------------------------------------ one slot, one after the other


def test_the_members_of_a_bundle_are_handed_over_together_and_run_one_after_the_other() -> None:
    node = begun(1, 2, 3, places=2)
    assert [job.task_id for job in node.slots.handed_over] == [task_id(1), task_id(2), task_id(3)]
    assert len({job.bundle for job in node.slots.handed_over}) == 1
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(1)]
    node.slots.succeed(1)
    node.work()
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(2)]


def test_a_message_of_one_task_is_no_bundle() -> None:
    node = Node()
    node.running(a_message(1))
    assert node.slots.handed_over[0].bundle is None


def test_a_bundle_takes_the_room_of_one_message() -> None:
    node = begun(1, 2, 3, places=2)
    assert node.worker.room() == 1


def test_each_member_has_a_run_of_its_own() -> None:
    node = begun(1, 2)
    node.slots.succeed(1)
    node.slots.succeed(2)
    node.work()
    node.work()
    runs = {update.task_id: update.run_id for update in node.outbox.said}
    assert len(set(runs.values())) == 2
    assert {update.n for update in node.outbox.said} == {1}


def test_started_is_said_of_each_member_when_it_begins() -> None:
    node = begun(1, 2)
    assert said(node) == [("started", 1)]
    node.slots.succeed(1)
    node.work()
    assert said(node)[1:] == [("completed", 1), ("started", 2)]


# ------------------------------------------------------------ B2


def test_successes_are_told_as_they_happen_and_the_message_is_deleted_once_after_the_last() -> None:
    node = begun(1, 2)
    node.slots.succeed(1)
    node.work()
    assert "delete" not in node.journal
    node.slots.succeed(2)
    node.work()
    node.reporter.step()
    assert node.journal.count("delete") == 1
    assert node.journal[-2:] == ["say completed", "delete"]
    assert node.queue.depth().messages == 0
    assert node.reporter.backlog == 0


def test_nothing_is_deleted_before_every_success_is_acknowledged() -> None:
    node = begun(1, 2, 3)
    node.slots.fail(1)
    node.outbox.refuses = frozenset({UpdateKind.COMPLETED})
    node.slots.succeed(2)
    node.slots.fail(3)
    for _ in range(4):
        node.work()
    assert "delete" not in node.journal
    assert not [kind for kind, _ in said(node) if kind == "failed"]
    node.outbox.refuses = frozenset()
    node.work()
    node.work()
    assert node.journal[-4:] == ["say completed", "delete", "say failed", "say failed"]


def test_a_failure_is_held_until_the_one_delete_at_the_end() -> None:
    node = begun(1, 2)
    node.slots.fail(1)
    node.work()
    node.work()
    assert [kind for kind, _ in said(node)] == ["started", "started"]
    node.slots.succeed(2)
    node.work()
    node.work()
    assert said(node)[-2:] == [("completed", 2), ("failed", 1)]
    assert node.outbox.said[-1].deleted
    assert node.journal[-3:] == ["say completed", "delete", "say failed"]


def test_a_failure_whose_message_could_not_be_deleted_in_time_says_so() -> None:
    node = begun(1, 2)
    node.slots.fail(1)
    node.work()
    node.clock.advance(MINUTE)
    node.slots.succeed(2)
    node.work()
    node.work()
    assert said(node)[-1] == ("failed", 1)
    assert not node.outbox.said[-1].deleted


def test_what_has_not_begun_near_the_end_of_the_lease_is_released_and_deleted() -> None:
    node = begun(1, 2, 3)
    node.clock.advance(MINUTE - MARGIN - 1)
    node.slots.succeed(1)
    node.work()
    node.work()
    node.work()
    assert said(node)[1:] == [("completed", 1), ("released", 2), ("released", 3)]
    assert all(update.deleted and update.began_boot is None for update in node.outbox.said[-2:])
    assert node.journal.count("delete") == 1


def test_what_would_begin_after_the_validity_of_its_dispatch_is_released_too() -> None:
    node = begun(1, 2, lease=60 * MINUTE)
    node.clock.advance(11 * MINUTE)
    node.slots.succeed(1)
    for _ in range(3):
        node.work()
    assert said(node)[1:] == [("completed", 1), ("released", 2)]


def test_a_bundle_that_no_slot_became_free_for_is_never_shown_to_others() -> None:
    node = begun(1, places=1)
    node.queue.put(a_bundle(2, 3))
    node.worker._room = 1
    node.intake.step()
    node.worker.step()
    node.clock.advance(MINUTE // 10 + 1)
    node.work()
    node.work()
    assert "show" not in node.journal
    assert said(node)[-2:] == [("released", 2), ("released", 3)]
    assert node.queue.depth().visible == 0


def test_a_bundle_that_waited_for_its_place_until_others_would_do_better_is_taken_back_whole() -> None:
    node = Node(places=1)
    node.slots.starting = False
    node.queue.put(a_bundle(1, 2))
    node.turn()
    node.clock.advance(12_001)
    node.worker.step()
    node.work()
    assert [cause for _, cause in node.slots.stops] == ["no slot became free soon enough"] * 2
    assert said(node) == [("released", 1), ("released", 2)]


def test_a_member_that_began_after_a_long_wait_is_not_stopped_for_having_waited() -> None:
    """Its claim was answered late, but in time: it begins at once, and the worker has not heard of that yet.

    The others have not begun: they go out again, once it has ended.
    """

    class SlowClaims(GrantsAll):
        def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
            clock.advance(12_001)
            return super().claim(starts)

    node = Node(places=1, claims=SlowClaims(), clock=(clock := ManualClock()))
    node.queue.put(a_bundle(1, 2))
    node.turn()
    first, second = node.slots.handed_over
    assert node.slots.stops == [(second.run_id, "no slot became free soon enough")]
    assert list(node.slots.jobs) == [first.run_id]
    node.work()
    node.slots.succeed(1)
    node.work()
    node.work()
    assert said(node) == [("started", 1), ("completed", 1), ("released", 2)]
    assert node.journal.count("delete") == 1


def test_the_reports_of_a_bundle_are_not_torn_apart() -> None:
    desk = Desk()
    for _ in range(AT_ONCE - 1):
        desk.say(STARTED)
    receipt = desk.receive().receipt
    ends = desk.clock.boot() + MINUTE
    failed = [Entry(desk.update(FAILED, number), Fate.DELETE_BEFORE, desk.queue, receipt, ends) for number in (1, 2, 3)]
    desk.reporter.add(*failed)
    desk.reporter.step()
    assert desk.journal.count("delete") == 1
    assert desk.reporter.backlog == 0


# ------------------------------------------------------------ B1


def received_again(node: Node, times: int = 1) -> None:
    for _ in range(times):
        node.queue.receive(1, wait=0, visibility=1_000)
        node.clock.advance(1_000)


@pytest.mark.parametrize("times", [1, 12])
def test_a_bundle_received_twice_is_deleted_and_expired_for_every_task(times: int) -> None:
    node = Node()
    node.queue.put(a_bundle(1, 2))
    received_again(node, times)
    node.turn()
    assert node.slots.handed_over == []
    assert node.journal == ["delete", "say expired", "say expired"]
    assert [(update.r, update.deleted) for update in node.outbox.said] == [(times + 1, True)] * 2


def test_an_expired_bundle_and_one_of_an_unknown_handler_are_told_of_task_by_task() -> None:
    node = Node()
    node.queue.put(a_bundle(1, 2), a_bundle(3, 4, name="other"))
    node.clock.advance(1)
    node.turn()
    node.queue.put(a_bundle(5, 6)._replace(not_after=node.clock.now()))
    node.turn()
    assert [each for each in said(node) if each[0] != "started"] == [
        ("refused", 3),
        ("refused", 4),
        ("expired", 5),
        ("expired", 6),
    ]


# ------------------------------------------------------------ B3


def test_if_the_child_dies_only_the_begun_member_failed_and_the_others_go_on() -> None:
    node = begun(1, 2, 3)
    node.slots.fail(1)
    node.slots.succeed(2)
    node.slots.succeed(3)
    for _ in range(3):
        node.work()
    assert [each for each in said(node) if each[0] != "started"] == [("completed", 2), ("completed", 3), ("failed", 1)]


def test_a_member_that_is_cancelled_ends_and_the_others_go_on() -> None:
    node = begun(1, 2)
    node.store.create(f"cancelled/{task_id(1)}/1", b"")
    held = node.worker._running[node.slots.run_of(1)]
    held.cancelled = True
    node.slots.yield_(1, "cancelled")
    node.work()
    node.slots.succeed(2)
    for _ in range(3):
        node.work()
    assert said(node)[-2:] == [("completed", 2), ("released", 1)]
    assert node.outbox.said[-1].deleted


def test_a_member_whose_arguments_are_gone_fails_and_the_others_run() -> None:
    later = Later()
    node = Node(execute=later)
    missing = a_message(1, arguments=None, arguments_ref=arguments_reference(task_id(1), b"{}")).tasks[0]
    node.queue.put(a_bundle(1, 2)._replace(tasks=(missing, a_message(2).tasks[0])))
    node.turn()
    assert node.slots.handed_over == []  # none of them before all have their arguments
    later.do_all()
    node.turn()
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(2)]
    node.slots.succeed(2)
    for _ in range(3):
        node.work()
    assert said(node)[-2:] == [("completed", 2), ("failed", 1)]


def test_a_bundle_whose_arguments_do_not_come_goes_back_whole() -> None:
    node = Node(execute=Later())
    missing = a_message(1, arguments=None, arguments_ref=arguments_reference(task_id(1), b"{}")).tasks[0]
    node.queue.put(a_bundle(1, 2)._replace(tasks=(missing, a_message(2).tasks[0])))
    node.turn()
    node.clock.advance(MINUTE // 10 + 1)
    node.work()
    assert said(node) == [("released", 1), ("released", 2)]
    assert node.journal.count("delete") == 1


def test_the_lease_of_a_bundle_is_set_once_for_all() -> None:
    node = begun(1, 2, lease=2 * MINUTE)
    assert len({update.deadline_boot for update in node.slots.handed_over}) == 1
    assert node.slots.handed_over[1].deadline_boot == Hold(0, 2 * MINUTE).surely - MARGIN


# ------------------------------------------------------------ draining


def test_a_worker_that_leaves_lets_the_begun_member_end_and_releases_the_others() -> None:
    node = begun(1, 2, 3)
    node.worker.begin_drain(NOTICE, 30_000)
    node.work()
    assert said(node) == [("started", 1), ("draining", 1)]
    node.slots.succeed(1)
    for _ in range(3):
        node.work()
    assert said(node)[2:] == [("completed", 1), ("released", 2), ("released", 3)]
    assert "show" not in node.journal
    assert node.worker.drained


def test_a_begun_member_that_must_go_is_released_with_the_others_once_its_draining_is_known() -> None:
    node = begun(1, 2)
    node.outbox.refuses = frozenset({UpdateKind.DRAINING})
    node.worker.begin_drain(NOTICE, 0)
    for _ in range(3):
        node.work()
    assert node.slots.jobs
    node.outbox.refuses = frozenset()
    for _ in range(4):
        node.work()
    assert said(node)[-2:] == [("released", 2), ("released", 1)]
    assert node.journal.count("delete") == 1
    assert node.worker.drained
