"""What a worker keeps in the store: checkpoints, large arguments and results, long logs, marks of cancelled tasks."""

from __future__ import annotations

import json
from unittest.mock import Mock, patch

import pytest

from leasehold.core.errors import StoreUnavailable
from leasehold.core.model import FailureKind
from leasehold.core.references import arguments_reference
from leasehold.core.reports import Update
from leasehold.core.wire import INLINE_LIMIT, decode_status_message, encode_update, pack
from leasehold.flow.checkpoints import cancel_mark, folder
from leasehold.flow.desk import LOG_TAIL, PROGRESS_EVERY
from leasehold.flow.lobby import FETCH_AGAIN
from leasehold.ports.slots import Answer
from tests.flow.node import LIMIT, Node
from tests.flow.scripted import a_message, task_id

STORED = arguments_reference(task_id(1), b"{}")


def a_run(n: int = 1) -> Node:
    node = Node()
    node.running(a_message(n=n))
    return node


def ended(node: Node) -> Update:
    node.work()
    return node.outbox.said[-1]


# ------------------------------------------------------------ arguments


def test_arguments_are_handed_to_the_slot_as_they_are() -> None:
    node = Node()
    node.running(a_message(arguments='{"a":[1,2]}'))
    assert node.slots.handed_over[0].arguments == '{"a":[1,2]}'


def test_stored_arguments_are_fetched() -> None:
    node = Node()
    value = b'{"large":true}'
    ref = arguments_reference(task_id(1), value)
    node.store.create(ref, value)
    node.running(a_message(arguments=None, arguments_ref=ref))
    assert node.slots.handed_over[0].arguments == '{"large":true}'


def test_arguments_that_are_gone_fail_the_task_for_good() -> None:
    node = Node()
    node.queue.put(a_message(arguments=None, arguments_ref=STORED))
    node.turn()
    said = node.outbox.said[-1]
    assert node.journal == ["delete", "say failed"]
    assert said.unrecoverable
    assert said.failure is not None
    assert said.failure.kind is FailureKind.ARGUMENTS
    assert f"{STORED!r} are gone" in said.failure.message


def test_arguments_that_were_replaced_in_the_store_fail_the_task_and_are_never_run() -> None:
    node = Node()
    node.store.create(STORED, b'{"path":"/somebody/elses"}')
    node.queue.put(a_message(arguments=None, arguments_ref=STORED))
    node.turn()
    said = node.outbox.said[-1]
    assert node.journal == ["delete", "say failed"]
    assert node.slots.handed_over == []
    assert said.failure is not None
    assert (said.unrecoverable, said.failure.type) == (True, "ArgumentsDamaged")
    assert "is not what was put there: its SHA-256 differs" in said.failure.message


def test_while_the_store_is_down_the_message_waits_here() -> None:
    node = Node()
    node.store.create(STORED, b"{}")
    node.store.down = True
    node.queue.put(a_message(arguments=None, arguments_ref=STORED))
    node.turn(3)
    assert node.journal == []
    node.store.down = False
    node.clock.advance(FETCH_AGAIN)
    node.turn()
    assert len(node.slots.jobs) == 1


def test_it_is_not_asked_in_a_tight_loop_meanwhile() -> None:
    node = Node()
    node.store.down = True
    node.queue.put(a_message(arguments=None, arguments_ref=STORED))
    node.turn()
    with patch.object(node.store, "get", wraps=node.store.get) as asked:
        node.turn(5)
        assert asked.call_count == 0
        node.clock.advance(FETCH_AGAIN)
        node.turn(5)
        assert asked.call_count == 1


def test_but_not_longer_than_a_message_may_wait() -> None:
    node = Node()
    node.store.down = True
    node.queue.put(a_message(arguments=None, arguments_ref=STORED))
    node.turn()
    node.clock.advance(6_001)
    node.work()
    assert node.journal == ["show", "say released"]
    assert node.outbox.said[-1].note == "its arguments could not be read: the store cannot be reached"


# ------------------------------------------------------------ results


def test_a_small_result_rides_in_its_report() -> None:
    node = a_run()
    node.slots.succeed(result='"small"')
    said = ended(node)
    assert (said.result, said.result_ref) == ('"small"', None)


def test_a_large_result_is_durable_before_it_is_reported() -> None:
    node = a_run()
    large = json.dumps("x" * INLINE_LIMIT)
    node.slots.succeed(result=large)
    said = ended(node)
    assert said.result is None
    assert said.result_ref is not None
    assert node.store.get(said.result_ref) == large.encode()


def test_a_result_that_the_wire_makes_larger_goes_to_the_store() -> None:
    """Escaped for the wire, this text is six times as long; refused there, the report would end the worker."""
    node = a_run()
    node.slots.succeed(result=json.dumps("é" * (INLINE_LIMIT // 2), ensure_ascii=False))
    said = ended(node)
    assert said.result_ref is not None
    (packed,) = pack([encode_update(said, 0)])
    assert len(decode_status_message(packed.body).updates) == 1


@pytest.mark.parametrize("result", ["", "NaN", '{"a":1,"a":2}', "[" * 65 + "]" * 65, "1" * 5_000])
def test_a_result_that_the_recorder_could_not_read_fails_for_good(result: str) -> None:
    node = a_run()
    node.slots.succeed(result=result)
    said = ended(node)
    assert said.unrecoverable
    assert said.failure is not None
    assert said.failure.kind is FailureKind.RESULT
    assert node.journal == ["delete", "say failed"]


def test_a_result_over_the_limit_fails_for_good() -> None:
    node = a_run()
    node.slots.succeed(result=json.dumps("x" * LIMIT))
    said = ended(node)
    assert said.unrecoverable
    assert said.failure is not None
    assert "over the limit of 200,000" in said.failure.message


# ------------------------------------------------------------ logs


def test_a_short_log_rides_in_the_report() -> None:
    node = a_run()
    node.slots.succeed(log=b"hello\n")
    said = ended(node)
    assert (said.log, said.log_ref, said.log_bytes) == ("hello\n", None, 6)


def test_of_a_long_log_the_end_rides_and_all_of_it_is_stored() -> None:
    node = a_run()
    log = b"begin" + b"." * LOG_TAIL + b"end"
    node.slots.succeed(log=log)
    said = ended(node)
    assert said.log is not None
    assert said.log.endswith("end")
    assert len(said.log) == LOG_TAIL
    assert said.log_ref is not None
    assert node.store.get(said.log_ref) == log


def test_a_log_that_could_not_be_kept_changes_nothing_else() -> None:
    node = a_run()
    node.store.down = True
    node.slots.succeed(log=b"." * (LOG_TAIL + 1))
    said = ended(node)
    assert (said.kind, said.log_ref, said.log_bytes) == ("completed", None, LOG_TAIL + 1)


# ------------------------------------------------------------ checkpoints


def checkpoints(node: Node) -> list[str]:
    return node.store.keys(folder(task_id(1)))


def test_a_run_waits_for_its_checkpoint_and_is_told_when_it_is_kept() -> None:
    node = a_run()
    node.slots.save(state='{"line":7}')
    node.work()
    assert node.slots.answers == [Answer()]
    assert len(checkpoints(node)) == 1


def test_the_next_run_loads_it() -> None:
    node = a_run()
    node.slots.save(state='{"line":7}')
    node.work()
    node.slots.yield_()
    node.turn(2)
    node.slots.load()
    node.work()
    assert node.slots.answers[-1] == Answer(state='{"line":7}')


@pytest.mark.parametrize("n", [1, 2])
def test_checkpoints_are_forgotten_once_the_completed_message_is_deleted(n: int) -> None:
    node = Node()
    node.store.create(f"{folder(task_id(1))}/00000000000000000001-0000000001-older", b"1")
    node.running(a_message(n=n))
    if n == 1:
        node.slots.save()
        node.work()
    node.slots.succeed()
    node.queue.deaf = {"delete"}
    node.work()
    assert checkpoints(node)
    node.queue.deaf = set()
    node.work()
    assert checkpoints(node) == []


def test_a_failed_run_leaves_them_to_the_next() -> None:
    node = a_run()
    node.slots.save()
    node.work()
    node.slots.fail()
    node.work()
    assert len(checkpoints(node)) == 1


def test_forgetting_them_may_fail() -> None:
    node = a_run()
    node.slots.save()
    node.work()
    node.slots.succeed()
    node.worker.step()
    node.store.down = True
    node.reporter.step()
    assert node.reporter.backlog == 0


# ------------------------------------------------------------ cancelled tasks


def cancelled(node: Node) -> None:
    node.store.create(cancel_mark(task_id(1), 1), b"")


@pytest.mark.parametrize("act", ["save", "load"])
def test_a_run_is_told_that_its_task_was_cancelled(act: str) -> None:
    node = a_run()
    cancelled(node)
    getattr(node.slots, act)()
    node.work()
    assert node.slots.answers[-1].interrupted == "cancelled"


def test_a_run_that_only_tells_its_progress_hears_of_it_too() -> None:
    node = a_run()
    node.slots.tell(fraction=0.1)
    node.work()
    assert node.slots.singled_out == []
    cancelled(node)
    for _ in range(3):
        node.clock.advance(PROGRESS_EVERY)
        node.slots.tell(fraction=0.2)
        node.work()
    assert node.slots.singled_out == [(node.slots.run_of(1), "cancelled")]
    node.journal.clear()
    node.slots.yield_(cause="cancelled")
    node.work()
    assert node.journal == ["delete", "say released"]


def test_whether_it_was_cancelled_is_asked_no_oftener_than_progress_is_reported() -> None:
    node = a_run()
    node.slots.tell(fraction=0.1)
    node.work()
    cancelled(node)
    node.slots.tell(fraction=0.2)
    node.work()
    assert node.slots.singled_out == []


@pytest.mark.parametrize("act", ["save", "load", "tell"])
def test_a_store_that_cannot_say_so_fails_no_run(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    node = a_run()
    down = StoreUnavailable("the store cannot be reached")
    monkeypatch.setattr(node.store, "exists", Mock(side_effect=down))
    node.slots.tell(note="here") if act == "tell" else getattr(node.slots, act)()
    node.work()
    assert node.slots.answers == ([] if act == "tell" else [Answer()])
    assert node.slots.singled_out == []


def test_a_mark_of_another_dispatch_says_nothing() -> None:
    node = a_run(n=2)
    cancelled(node)
    node.slots.save()
    node.work()
    assert node.slots.answers == [Answer()]


def test_a_cancelled_run_that_ends_early_is_deleted_and_does_not_start_again() -> None:
    node = a_run()
    cancelled(node)
    node.slots.save()
    node.work()
    node.slots.yield_(cause="cancelled")
    node.work()
    assert node.journal == ["delete", "say released"]
    assert node.outbox.said[-1].deleted
    assert node.queue.depth() == (0, 0)


def test_a_run_that_drains_is_told_so_at_its_checkpoint() -> None:
    node = a_run()
    node.worker.begin_drain("a spot notice", 60_000)
    node.slots.save()
    node.work()
    assert node.slots.answers == [Answer(interrupted="a spot notice")]
