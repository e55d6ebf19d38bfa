"""A store that takes its time, or never answers: the worker goes on, nothing is said too early, nothing piles up."""

from __future__ import annotations

import json

import pytest

from leasehold.core.references import arguments_reference
from leasehold.core.wire import INLINE_LIMIT
from leasehold.flow.checkpoints import folder
from leasehold.flow.desk import LOG_PATIENCE, LOG_TAIL, PROGRESS_EVERY
from leasehold.flow.worker import AT_STORE
from leasehold.ports.slots import Answer
from tests.flow.node import MARGIN, Node
from tests.flow.scripted import BOOM, MINUTE, Later, a_message, task_id

LARGE = json.dumps("x" * INLINE_LIMIT)
LONG_LOG = b"." * (LOG_TAIL + 1)
STORED = {"arguments": None, "arguments_ref": arguments_reference(task_id(1), b"{}")}
PATIENCE = 30_000


class SlowNode(Node):
    """Its store answers when the test says so."""

    def __init__(self, *, places: int = 2, fetch_ahead: int = 100) -> None:
        self.later = Later()
        super().__init__(places=places, fetch_ahead=fetch_ahead, execute=self.later)

    def answered(self) -> None:
        """The store answers everything, and everybody hears of it."""
        while self.later.waiting:
            self.later.do()
            self.work()


@pytest.fixture
def node() -> SlowNode:
    return SlowNode()


# ------------------------------------------------------------ what touches no store


def test_what_touches_no_store_waits_for_no_store(node: SlowNode) -> None:
    node.running(a_message(1), a_message(2))
    node.slots.save(1)
    node.work()
    node.slots.succeed(2, log=b"short")
    node.work()
    assert node.journal == ["say completed", "delete"]
    assert node.slots.answers == []


# ------------------------------------------------------------ arguments


def test_a_message_whose_arguments_are_on_their_way_keeps_its_place_and_lets_others_pass(node: SlowNode) -> None:
    value = b'{"large":true}'
    ref = arguments_reference(task_id(1), value)
    node.store.create(ref, value)
    node.queue.put(a_message(1, arguments=None, arguments_ref=ref), a_message(2))
    node.turn()
    assert [job.task_id for job in node.slots.handed_over] == [task_id(2)]
    assert node.worker.room() == 0
    node.answered()
    assert node.slots.handed_over[1].arguments == '{"large":true}'


def test_it_waits_no_longer_than_a_message_may_and_a_late_answer_starts_nothing(node: SlowNode) -> None:
    node.store.create(str(STORED["arguments_ref"]), b"{}")
    node.queue.put(a_message(1, **STORED))
    node.turn()
    node.clock.advance(6_001)
    node.work()
    assert node.journal == ["show", "say released"]
    assert node.outbox.said[-1].note == "its arguments took too long to come from the store"
    node.answered()
    assert node.slots.handed_over == []


def test_a_worker_that_leaves_gives_it_back_at_once(node: SlowNode) -> None:
    node.queue.put(a_message(1, **STORED))
    node.turn()
    node.worker.begin_drain("SIGTERM", PATIENCE)
    node.work()
    assert node.journal == ["show", "say released"]
    node.answered()
    assert node.journal == ["show", "say released"]


def test_arguments_that_are_found_gone_late_fail_the_task_all_the_same(node: SlowNode) -> None:
    node.queue.put(a_message(1, **STORED))
    node.turn()
    assert node.journal == []
    node.answered()
    assert node.journal == ["delete", "say failed"]


# ------------------------------------------------------------ checkpoints


def test_a_run_is_answered_when_its_checkpoint_is_durable_and_its_progress_is_told_then(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.save(fraction=0.5)
    node.work()
    assert (node.slots.answers, node.journal) == ([], [])
    node.answered()
    assert node.slots.answers == [Answer()]
    assert node.journal == ["say progressed"]
    assert len(node.store.keys(folder(task_id(1)))) == 1


def test_two_checkpoints_of_one_run_are_kept_in_their_order(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.save(state='"first"')
    node.slots.save(state='"second"')
    node.slots.load()
    node.work()
    assert len(node.later.waiting) == 1
    node.answered()
    assert [answer.state for answer in node.slots.answers] == [None, None, '"second"']


def test_a_run_that_met_its_deadline_meanwhile_ends_and_hears_nothing_more(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.save(fraction=0.5)
    node.work()
    node.clock.advance(MINUTE - MARGIN)
    node.slots.fail(failure=BOOM)
    node.work()
    assert node.journal == ["delete", "say failed"]
    node.answered()
    assert node.slots.answers == []
    assert node.journal == ["delete", "say failed"]


def test_it_is_told_of_a_drain_that_began_while_it_waited(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.save()
    node.work()
    node.worker.begin_drain("a spot notice", PATIENCE)
    node.answered()
    assert node.slots.answers == [Answer(interrupted="a spot notice")]


def test_whether_it_was_cancelled_is_not_asked_again_while_nobody_has_answered(node: SlowNode) -> None:
    node.running(a_message())
    for _ in range(5):
        node.slots.tell(fraction=0.1)
        node.work()
        node.clock.advance(PROGRESS_EVERY)
    assert node.desk.load == 1


def test_one_that_ended_before_that_was_answered_is_not_told(node: SlowNode) -> None:
    node.running(a_message())
    node.store.create(f"cancelled/{task_id(1)}/1", b"")
    node.slots.tell(fraction=0.1)
    node.work()
    node.slots.succeed()
    node.work()
    node.answered()
    assert node.slots.singled_out == []


# ------------------------------------------------------------ ends


def test_a_success_is_said_when_its_result_is_durable_and_not_before(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.succeed(result=LARGE)
    node.work()
    assert node.journal == []
    node.answered()
    assert node.journal == ["say completed", "delete"]
    assert node.store.get(node.outbox.said[0].result_ref or "") == LARGE.encode()


def test_its_slot_is_free_meanwhile(node: SlowNode) -> None:
    node.running(a_message(1), a_message(2))
    node.slots.succeed(1, result=LARGE)
    node.queue.put(a_message(3))
    node.work()
    node.turn()
    assert len(node.slots.jobs) == 2


def test_results_and_logs_of_several_runs_are_stored_side_by_side(node: SlowNode) -> None:
    node.running(a_message(1), a_message(2))
    node.slots.succeed(1, result=LARGE)
    node.slots.succeed(2, log=LONG_LOG)
    node.work()
    assert len(node.later.waiting) == 2
    node.later.do(1)
    node.work()
    assert node.outbox.kinds(2) == ["completed"]
    node.answered()
    assert node.outbox.kinds(1) == ["completed"]


def test_a_large_result_with_a_long_log_keeps_both(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.succeed(result=LARGE, log=LONG_LOG)
    node.work()
    node.answered()
    (said,) = node.outbox.said
    assert node.store.get(said.result_ref or "") == LARGE.encode()
    assert node.store.get(said.log_ref or "") == LONG_LOG


def test_the_result_is_waited_for_past_the_lease_because_a_late_success_still_counts(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.succeed(result=LARGE)
    node.clock.advance(2 * MINUTE)
    node.work()
    assert node.journal == []
    node.answered()
    assert node.journal[0] == "say completed"


def test_a_log_is_not_waited_for_so_long(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.succeed(log=LONG_LOG)
    node.work()
    node.clock.advance(LOG_PATIENCE - 1)
    node.work()
    assert node.journal == []
    node.clock.advance(1)
    node.work()
    assert node.journal == ["say completed", "delete"]
    assert (node.outbox.said[0].log_ref, node.outbox.said[0].log_bytes) == (None, len(LONG_LOG))
    node.answered()
    assert node.journal == ["say completed", "delete"]


def test_and_only_for_half_of_what_is_left_of_the_lease(node: SlowNode) -> None:
    node.running(a_message())
    node.clock.advance(MINUTE - MARGIN)
    node.slots.yield_()
    node.slots._events[-1] = node.slots._events[-1]._replace(log=LONG_LOG, log_bytes=len(LONG_LOG))
    node.work()
    node.clock.advance(MARGIN // 2 - 1)
    node.work()
    assert node.journal == []
    node.clock.advance(1)
    node.work()
    assert node.journal[-1] == "say released"


def test_checkpoints_are_forgotten_after_everything_else_of_the_run(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.save()
    node.work()
    node.slots.succeed()
    node.work()
    assert node.journal == ["say completed", "delete"]
    assert len(node.later.waiting) == 1
    node.answered()
    assert node.store.keys(folder(task_id(1))) == []


# ------------------------------------------------------------ room


def test_a_store_that_never_answers_stops_the_receiving_before_much_is_held() -> None:
    node = SlowNode(places=2, fetch_ahead=0)
    ended = 0
    for number in range(1, 100):
        node.queue.put(a_message(number))
        node.turn()
        if not node.slots.jobs:
            break
        node.slots.succeed(number, result=LARGE)
        node.work()
        ended += 1
    assert node.worker.room() == 0
    assert ended == AT_STORE * 2 + 2
    node.answered()
    assert node.worker.room() == 2
    assert node.outbox.kinds(1) == ["started", "completed"]


# ------------------------------------------------------------ drain


def test_a_drain_waits_for_a_result_while_its_lease_is_ahead(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.succeed(result=LARGE)
    node.work()
    node.worker.begin_drain("SIGTERM", PATIENCE)
    node.clock.advance(MINUTE - 1)
    node.work()
    assert not node.worker.drained
    node.answered()
    assert node.journal == ["say completed", "delete"]
    assert node.worker.drained


def test_and_no_longer_when_it_may_be_another_run_of_it_that_counts(node: SlowNode) -> None:
    node.running(a_message())
    node.slots.succeed(result=LARGE)
    node.work()
    node.worker.begin_drain("SIGTERM", PATIENCE)
    node.clock.advance(MINUTE)
    node.work()
    assert node.worker.drained


def test_it_leaves_time_to_tidy_up_but_not_more_than_its_patience(node: SlowNode) -> None:
    node.running(a_message(n=2))
    node.slots.succeed()
    node.work()
    node.worker.begin_drain("SIGTERM", PATIENCE)
    node.work()
    assert not node.worker.drained
    node.clock.advance(PATIENCE)
    assert node.worker.drained


def test_once_tidied_up_it_is_over_at_once(node: SlowNode) -> None:
    node.running(a_message(n=2))
    node.slots.succeed()
    node.work()
    node.worker.begin_drain("SIGTERM", PATIENCE)
    node.answered()
    assert node.worker.drained


def test_a_worker_that_is_closed_is_not_woken_any_more(node: SlowNode) -> None:
    node.running(a_message(1), a_message(2))
    node.slots.save(1)
    node.slots.save(2)
    node.work()
    node.slots.wakes = 0
    node.later.do()
    assert node.slots.wakes == 1
    node.worker.close()
    node.later.do()
    assert node.slots.wakes == 1
