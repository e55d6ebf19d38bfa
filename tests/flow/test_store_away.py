"""A store that cannot be used for a while: what a run did waits for it, in the run's own time."""

from __future__ import annotations

import json

from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import INLINE_LIMIT
from leasehold.flow.desk import ASK_AGAIN
from tests.flow.node import Node
from tests.flow.scripted import MINUTE, a_message


def a_run() -> Node:
    node = Node()
    node.running(a_message())
    return node


def ended(node: Node) -> Update:
    node.work()
    return node.outbox.said[-1]


def test_a_result_that_could_not_be_kept_is_no_success_but_may_be_tried_again() -> None:
    node = a_run()
    node.store.down = True
    node.slots.succeed(result=json.dumps("x" * INLINE_LIMIT))
    node.work()
    node.clock.advance(MINUTE // 2)
    said = ended(node)
    assert said.failure is not None
    assert said.failure.message == "its result could not be kept: the store cannot be reached"
    assert not said.unrecoverable


def test_a_result_waits_for_a_store_that_is_away_for_a_while() -> None:
    """Done work is not thrown away because a disk is full: the store is asked again, for half of what is left."""
    node = a_run()
    node.store.down = True
    node.slots.succeed(result=json.dumps("x" * INLINE_LIMIT))
    node.work()
    node.clock.advance(MINUTE // 3)
    node.work()
    assert UpdateKind.COMPLETED not in [said.kind for said in node.outbox.said]
    node.store.down = False
    node.clock.advance(ASK_AGAIN)
    node.work()
    assert ended(node).kind is UpdateKind.COMPLETED
    assert node.outbox.said[-1].result_ref is not None


def test_a_worker_that_leaves_does_not_wait_for_a_store_that_is_away() -> None:
    node = a_run()
    node.store.down = True
    node.slots.succeed(result=json.dumps("x" * INLINE_LIMIT))
    node.work()
    node.worker.begin_drain("shutdown", 0)
    node.clock.advance(ASK_AGAIN)
    node.work()
    said = ended(node)
    assert said.failure is not None
    assert said.failure.type == "ResultNotKept"


def test_a_checkpoint_that_was_not_kept_is_an_error_in_the_handler() -> None:
    node = a_run()
    node.store.down = True
    node.slots.save()
    node.slots.load()
    node.work()
    assert node.slots.answers == []
    node.clock.advance(MINUTE // 2)
    node.work()
    saved, loaded = node.slots.answers
    assert saved.error == "the checkpoint could not be kept: the store cannot be reached"
    assert loaded.error == "the checkpoint could not be read: the store cannot be reached"


def test_a_checkpoint_waits_for_a_store_that_is_away_for_a_while() -> None:
    node = a_run()
    node.store.down = True
    node.slots.save()
    node.work()
    node.store.down = False
    node.clock.advance(ASK_AGAIN)
    node.work()
    node.work()
    assert [answer.error for answer in node.slots.answers] == [None]
