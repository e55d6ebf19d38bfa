"""A bundle where runs are claimed: one question for all of its members, and an answer for each."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.ports.reports import Busy, Grant, StaleRun, Start
from tests.flow.node import Node
from tests.flow.scripted import MINUTE, a_bundle, task_id


def said(node: Node) -> list[tuple[str, int]]:
    """What was reported: the kind and the number of the task."""
    return [(update.kind.value, int(update.task_id[-12:])) for update in node.outbox.said]


class Answering:
    """Grants as it is told to."""

    def __init__(self, *answers: Grant | StaleRun | Busy) -> None:
        self.answers = answers
        self.down = False
        self.asked: list[Sequence[Start]] = []

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        self.asked.append(starts)
        if self.down:
            raise LedgerUnavailable("away")
        return list(self.answers)


GRANTED, STALE = Grant(recorded=True), StaleRun("it is cancelled")


def claiming(*answers: Grant | StaleRun | Busy) -> tuple[Node, Answering]:
    claims = Answering(*answers)
    node = Node(claims=claims, places=1)
    node.queue.put(a_bundle(*range(1, len(answers) + 1)))
    return node, claims


def test_all_members_are_claimed_at_once() -> None:
    node, claims = claiming(GRANTED, GRANTED)
    node.turn()
    assert [[start.task_id for start in starts] for starts in claims.asked] == [[task_id(1), task_id(2)]]


def test_a_member_that_is_refused_is_left_out_and_its_message_stays_for_the_others() -> None:
    node, _ = claiming(GRANTED, STALE, Busy(MINUTE))
    node.turn()
    node.work()
    assert [job.task_id for job in node.slots.handed_over] == [task_id(1)]
    assert node.journal == ["say started"]
    node.slots.succeed(1)
    node.work()
    assert node.journal == ["say started", "say completed", "delete"]


def test_a_bundle_of_which_all_are_refused_is_deleted_without_a_word() -> None:
    node, _ = claiming(STALE, STALE)
    node.turn()
    assert node.journal == ["delete"]
    assert node.outbox.said == []


def test_a_bundle_that_nobody_answered_for_is_asked_for_again_whole() -> None:
    node, claims = claiming(GRANTED, GRANTED)
    claims.down = True
    with pytest.raises(LedgerUnavailable):
        node.turn()
    claims.down = False
    node.clock.advance(1_000)
    node.work()
    assert [len(starts) for starts in claims.asked] == [2, 2]
    assert [start.run_id for start in claims.asked[0]] == [start.run_id for start in claims.asked[1]]


def test_granted_members_that_never_begin_are_released_by_their_own_word() -> None:
    node, _ = claiming(GRANTED, GRANTED)
    node.turn()
    node.clock.advance(11 * MINUTE)
    node.slots.succeed(1)
    for _ in range(3):
        node.work()
    assert said(node)[-1] == ("released", 2)


def test_a_bundle_waits_for_its_answer_in_the_room_of_one_message() -> None:
    node = Node(claims=Answering(GRANTED, GRANTED, GRANTED), places=2)
    node.queue.put(a_bundle(1, 2, 3))
    node.intake.step()
    node.worker.step()
    assert (node.gate.asking, node.worker.room()) == (1, 1)


def test_members_that_are_granted_to_a_worker_that_leaves_are_released_and_none_says_that_it_drains() -> None:
    """None of them has begun (B3)."""
    node, _ = claiming(GRANTED, GRANTED)
    node.intake.step()
    node.worker.step()
    node.worker.begin_drain("a spot notice", 30_000)
    for _ in range(3):
        node.work()
    assert said(node) == [("released", 1), ("released", 2)]
    assert node.journal.count("delete") == 1
    assert node.worker.drained
