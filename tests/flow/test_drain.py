"""R11: a worker that leaves says so first, gives everything back in the right order, and loses nothing."""

from __future__ import annotations

import pytest

from leasehold.core.errors import QueueUnavailable
from leasehold.core.reports import UpdateKind
from tests.flow.node import Node
from tests.flow.scripted import MINUTE, a_message, task_id

NOTICE = "a spot notice"
PATIENCE = 30_000


def draining(node: Node, patience: int = PATIENCE) -> None:
    node.worker.begin_drain(NOTICE, patience)


def test_begun_runs_are_announced_and_their_handlers_told() -> None:
    node = Node()
    node.running(a_message(1), a_message(2))
    draining(node)
    node.work()
    assert node.journal == ["say draining", "say draining"]
    assert node.slots.interruptions == [NOTICE]
    assert node.slots.stops == []  # what is short may still finish


def test_nothing_is_received_or_started_any_more() -> None:
    node = Node(places=1)
    node.running(a_message(1))
    node.queue.put(a_message(2))
    draining(node)
    node.turn()
    node.slots.succeed(1)
    node.turn(3)
    assert node.worker.room() == 0
    assert len(node.slots.handed_over) == 1
    assert node.queue.depth().visible == 1


def test_a_message_that_a_receive_under_way_still_brings_is_given_back_at_once() -> None:
    node = Node()
    node.queue.put(a_message())
    node.intake.step()
    draining(node)
    node.work()
    assert node.journal == ["show", "say released"]
    assert node.slots.handed_over == []
    assert node.queue.depth().visible == 1


def test_what_waits_in_line_is_given_back_at_once() -> None:
    node = Node(places=1)
    node.slots.starting = False
    node.queue.put(a_message())
    node.turn()
    draining(node)
    node.worker.step()
    node.work()
    assert node.slots.stops == [(node.slots.handed_over[0].run_id, NOTICE)]
    assert node.outbox.kinds() == ["released"]
    assert node.worker.drained


def test_a_run_that_began_unnoticed_is_announced_all_the_same() -> None:
    node = Node()
    node.queue.put(a_message())
    node.intake.step()
    node.worker.step()  # handed over; that it began is not known yet
    draining(node)
    node.slots.obedient = False
    node.work()
    node.work()
    assert node.outbox.kinds() == ["draining"]  # which says all that a started says


def test_a_run_whose_beginning_is_not_heard_yet_may_finish_too(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    node.queue.put(a_message())
    node.intake.step()
    node.worker.step()  # handed over
    draining(node)
    with monkeypatch.context() as patch:
        patch.setattr(node.slots, "events", lambda _wait: [])  # its word is on its way
        node.worker.step()
    assert node.slots.stops == []
    node.work()
    node.slots.succeed()
    node.work()
    assert node.journal == ["say draining", "say completed", "delete"]


def test_a_short_run_finishes() -> None:
    node = Node()
    node.running(a_message())
    draining(node)
    node.work()
    node.clock.advance(PATIENCE - 1)
    node.work()
    assert node.slots.stops == []
    node.slots.succeed()
    node.work()
    assert node.journal == ["say draining", "say completed", "delete"]
    assert node.worker.drained


def test_a_long_one_is_stopped_when_patience_ends_then_shown_again_then_released() -> None:
    node = Node()
    node.running(a_message())
    draining(node)
    node.work()
    node.clock.advance(PATIENCE)
    node.worker.step()
    node.work()
    assert node.slots.stops == [(node.slots.handed_over[0].run_id, NOTICE)]
    assert node.journal == ["say draining", "show", "say released"]
    assert node.worker.drained
    assert node.queue.depth().visible == 1


def test_it_is_not_shown_before_it_is_seen_dead() -> None:
    node = Node()
    node.slots.obedient = False
    node.running(a_message())
    draining(node, patience=0)
    for _ in range(3):
        node.work()
    assert node.journal == ["say draining"]
    assert not node.worker.drained
    node.slots.yield_(cause=NOTICE)
    node.work()
    assert node.journal == ["say draining", "show", "say released"]


def test_it_is_stopped_once() -> None:
    node = Node()
    node.slots.obedient = False
    node.running(a_message())
    draining(node, patience=0)
    for _ in range(5):
        node.work()
    assert len(node.slots.stops) == 1


def test_nothing_is_given_back_before_its_draining_is_acknowledged() -> None:
    """Else the orchestrator, told later that the machine is dead, would recall a message that another holds."""
    node = Node()
    node.running(a_message())
    node.outbox.refuses = frozenset({UpdateKind.DRAINING})
    draining(node)
    node.slots.yield_(cause=NOTICE)  # its handler obeys at once
    for _ in range(3):
        node.work()
    assert node.journal == []
    assert not node.worker.drained
    node.outbox.refuses = frozenset()
    node.work()
    node.work()
    assert node.journal == ["say draining", "show", "say released"]
    assert node.worker.drained


def test_nor_is_a_run_stopped_before_that() -> None:
    node = Node()
    node.running(a_message())
    node.outbox.down = True
    draining(node, patience=0)
    node.worker.step()
    with pytest.raises(QueueUnavailable):
        node.reporter.step()
    node.worker.step()
    assert node.slots.stops == []


def test_after_its_lease_nothing_is_shown_it_may_be_anothers_by_then() -> None:
    node = Node()
    node.running(a_message())
    node.outbox.refuses = frozenset({UpdateKind.DRAINING})
    draining(node)
    node.slots.yield_(cause=NOTICE)
    node.work()
    node.clock.advance(MINUTE)
    other = node.queue.receive(1, wait=0, visibility=MINUTE).deliveries[0]
    node.outbox.refuses = frozenset()
    for _ in range(3):
        node.work()
    assert node.outbox.kinds() == ["draining", "released"]
    assert "show" not in node.journal
    assert node.queue.delete([other.receipt]) == [True]
    assert node.queue.depth() == (0, 0)


def test_a_failure_while_draining_is_a_failure() -> None:
    node = Node()
    node.running(a_message())
    draining(node)
    node.slots.fail()
    node.work()
    assert node.journal == ["delete", "say draining", "say failed"]


def test_a_drain_is_over_when_nothing_is_held_running_or_unreported() -> None:
    node = Node()
    node.running(a_message())
    draining(node)
    assert not node.worker.drained
    node.slots.succeed()
    node.worker.step()
    assert not node.worker.drained  # its report is still here
    node.outbox.down = True
    with pytest.raises(QueueUnavailable):
        node.reporter.step()
    assert not node.worker.drained
    node.outbox.down = False
    node.queue.deaf = {"delete"}
    node.reporter.step()
    assert not node.worker.drained  # its message is still there
    node.queue.deaf = set()
    node.reporter.step()
    assert node.worker.drained


def test_a_worker_that_holds_nothing_has_drained_at_once() -> None:
    node = Node()
    draining(node)
    node.work()
    assert node.worker.drained


def test_everything_given_back_can_be_received_by_another_at_once() -> None:
    node = Node(places=2)
    node.running(a_message(1), a_message(2))
    node.queue.put(a_message(3))
    draining(node, patience=0)
    for _ in range(3):
        node.work()
    other = Node(places=4, queues=[node.queue], clock=node.clock)
    other.turn()
    assert {job.task_id for job in other.slots.jobs.values()} == {task_id(number) for number in (1, 2, 3)}
    assert {job.r for job in other.slots.jobs.values()} == {1, 2}
