"""What programs and people ask of the ledger: submit, wait, cancel, retry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from leasehold.core.errors import (
    BadArguments,
    BadFilter,
    KeyTaken,
    LedgerUnavailable,
    NoSuchTask,
    StoreDamaged,
    TooLarge,
    UsageError,
)
from leasehold.core.model import Status
from leasehold.core.references import arguments_reference, result_reference
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import INLINE_LIMIT
from leasehold.flow.checkpoints import cancel_mark
from leasehold.flow.client import CHUNK, LOOK, Order
from leasehold.ports.ledger import Accepted, Existing, KeyConflict
from leasehold.ports.views import Count, Outcome
from tests.fakes import FakeViews
from tests.flow.orchestra import POLICY, Orchestra
from tests.flow.scripted import BOOM, MINUTE

COMPLETED, FAILED = UpdateKind.COMPLETED, UpdateKind.FAILED
LARGE = json.dumps({"x": "y" * INLINE_LIMIT})


def an_order(**fields: object) -> Order:
    return Order("work", '{"x":1}', POLICY)._replace(**fields)


def complete(orchestra: Orchestra, *ids: str, result: str = "42") -> None:
    """Have a worker complete these."""
    end(orchestra, COMPLETED, *ids, result=result)


def end(orchestra: Orchestra, kind: UpdateKind, *ids: str, **fields: object) -> None:
    while orchestra.dispatcher.step():
        for message in orchestra.messages():
            if message.tasks[0].id in ids:
                orchestra.outbox.post([orchestra.said(kind, message)._replace(**fields)])
        orchestra.queue().purge()
        orchestra.recorder.step()


# ------------------------------------------------------------ submit


def test_a_submitted_task_is_in_the_ledger_and_its_dispatcher_is_woken(orchestra: Orchestra) -> None:
    answer = orchestra.client.submit(an_order(priority=3, batch="b"))
    assert isinstance(answer, Accepted)
    task = orchestra.task(answer.task_id)
    assert (task.name, task.priority, task.batch, task.policy) == ("work", 3, "b", POLICY)
    assert orchestra.bell.rung == ["due"]


def test_a_delayed_one_waits_for_its_time(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(delay=MINUTE)
    assert orchestra.state(id) == "pending/scheduled"
    assert orchestra.task(id).due_at == orchestra.clock.now() + MINUTE


def test_the_same_key_with_the_same_arguments_is_the_same_task(orchestra: Orchestra) -> None:
    first = orchestra.client.submit(an_order(key="a"))
    again = orchestra.client.submit(an_order(key="a"))
    assert again == Existing(first.task_id, Status.PENDING)


def test_with_other_arguments_it_is_an_error_that_says_what_to_do(orchestra: Orchestra) -> None:
    first = orchestra.client.submit(an_order(key="a", batch="b"))
    with pytest.raises(KeyTaken) as raised:
        orchestra.client.submit(an_order(key="a", batch="b", arguments='{"x":2}'))
    assert str(raised.value) == (
        f"key 'a' of handler 'work' in batch 'b' is taken by task {first.task_id} with other arguments. "
        "Use another key or another batch"
    )


def test_another_batch_has_keys_of_its_own(orchestra: Orchestra) -> None:
    orchestra.client.submit(an_order(key="a", batch="b"))
    assert isinstance(orchestra.client.submit(an_order(key="a", batch="c", arguments='{"x":2}')), Accepted)


def test_many_are_written_as_they_come_each_answered_with_its_row(orchestra: Orchestra) -> None:
    rows = [("one", an_order(key="1")), ("two", an_order(key="1", arguments="{}")), ("three", an_order(key="1"))]
    answers = list(orchestra.client.submit_many(rows))
    assert [row for (row, _), _ in answers] == ["one", "two", "three"]
    assert [type(answer) for _, answer in answers] == [Accepted, KeyConflict, Existing]


def test_a_stream_is_read_no_further_than_it_is_written(orchestra: Orchestra) -> None:
    read: list[int] = []

    def stream() -> Iterator[tuple[int, Order]]:
        for number in range(10):
            read.append(number)
            yield number, an_order()

    answers = orchestra.client.submit_many(stream(), chunk=3)
    next(answers)
    assert read == [0, 1, 2]


def test_one_that_is_stopped_in_the_middle_goes_on_where_it_ended(orchestra: Orchestra) -> None:
    rows = [(number, an_order(key=str(number))) for number in range(5)]
    interrupted = orchestra.client.submit_many(rows, chunk=2)
    next(interrupted)
    answers = [answer for _, answer in orchestra.client.submit_many(rows, chunk=2)]
    assert [type(answer) for answer in answers] == [Existing, Existing, Accepted, Accepted, Accepted]


# ------------------------------------------------------------ arguments


def test_large_arguments_are_stored_before_the_row_is_written(orchestra: Orchestra) -> None:
    answer = orchestra.client.submit(an_order(arguments=LARGE))
    view = orchestra.views.task(answer.task_id)
    assert view is not None
    assert (view.arguments, view.arguments_ref) == (None, arguments_reference(answer.task_id, LARGE.encode()))
    assert orchestra.store.get(view.arguments_ref or "") == LARGE.encode()


def test_those_of_a_task_that_exists_already_are_not_kept_twice(orchestra: Orchestra) -> None:
    orchestra.client.submit(an_order(key="a", arguments=LARGE))
    orchestra.client.submit(an_order(key="a", arguments=LARGE))
    assert len(orchestra.store.keys("arguments")) == 1


def test_too_large_ones_are_refused_in_bytes_and_nothing_is_stored(orchestra: Orchestra) -> None:
    too_large = json.dumps({"x": "é" * 100_000}, ensure_ascii=False)
    with pytest.raises(TooLarge, match=r"take 200,009 bytes, over the limit of 200,000.*LEASEHOLD_PAYLOAD_LIMIT"):
        orchestra.client.submit(an_order(arguments=too_large))
    assert orchestra.store.keys("arguments") == []
    assert orchestra.views.count("") == 0


def test_arguments_nested_deeper_than_a_worker_takes_are_refused(orchestra: Orchestra) -> None:
    deep = '{"x":' + "[" * 64 + "]" * 64 + "}"
    with pytest.raises(BadArguments, match="the arguments of handler 'work' cannot be sent: nested deeper than 64"):
        orchestra.client.submit(an_order(arguments=deep))
    orchestra.client.submit(an_order(arguments='{"x":' + "[" * 63 + "]" * 63 + "}"))
    orchestra.client.submit(an_order(arguments=json.dumps({"x": [[]] * 100})))


# ------------------------------------------------------------ outcomes


@pytest.mark.parametrize("queue", ["media/eu", "two words", "", "a" * 65, "näme", "media\n"])
def test_a_queue_that_no_worker_could_serve_is_refused_and_nothing_is_stored(orchestra: Orchestra, queue: str) -> None:
    with pytest.raises(UsageError, match="no worker could serve it"):
        orchestra.client.submit(an_order(queue=queue))
    assert orchestra.views.count("") == 0


def test_waiting_yields_each_outcome_as_it_comes(orchestra: Orchestra) -> None:
    ids = orchestra.submit(3)
    complete(orchestra, ids[1])
    waiting = orchestra.client.wait(ids)
    assert next(waiting).task_id == ids[1]
    orchestra.bell.meanwhile = [lambda: cancel(orchestra, ids[0]), lambda: cancel(orchestra, ids[2])]
    rest = [(outcome.task_id, outcome.status) for outcome in waiting]
    assert rest == [(ids[0], Status.CANCELLED), (ids[2], Status.CANCELLED)]


def cancel(orchestra: Orchestra, *ids: str) -> None:
    orchestra.client.cancel(ids, by="ann")


def test_a_waiter_looks_for_itself_when_no_bell_rings(orchestra: Orchestra) -> None:
    ids = orchestra.submit()
    orchestra.bell.meanwhile = [lambda: None, lambda: None, lambda: complete(orchestra, *ids)]
    assert len(list(orchestra.client.wait(ids))) == 1
    assert orchestra.bell.waits == [LOOK] * 3


def test_waiting_ends_when_its_time_is_over(orchestra: Orchestra) -> None:
    ids = orchestra.submit()
    assert list(orchestra.client.wait(ids, timeout=2_500)) == []
    assert orchestra.bell.waits == [1_000, 1_000, 500]
    assert list(orchestra.client.wait(ids, timeout=0)) == []


def test_what_has_ended_is_there_also_without_any_time(orchestra: Orchestra) -> None:
    ids = orchestra.submit()
    complete(orchestra, *ids)
    assert len(list(orchestra.client.wait(ids, timeout=0))) == 1


def test_who_waits_asks_now_and_then_whether_that_makes_sense(orchestra: Orchestra) -> None:
    def nobody_serves() -> None:
        raise RuntimeError("nobody serves this ledger")

    orchestra.client.check = nobody_serves
    with pytest.raises(RuntimeError, match="nobody serves"):
        list(orchestra.client.wait(orchestra.submit()))


@pytest.mark.parametrize("whole_batch", [False, True])
def test_a_ledger_that_is_away_for_a_while_ends_no_waiting_that_has_begun(
    orchestra: Orchestra, caplog: pytest.LogCaptureFixture, *, whole_batch: bool
) -> None:
    (id,) = orchestra.submit(batch="b")
    client, views = orchestra.client, orchestra.client.views

    def goes() -> None:
        client.views = Away()

    def comes_back() -> None:
        client.views = views
        complete(orchestra, id)

    orchestra.bell.meanwhile = [goes, lambda: None, lambda: None, comes_back]
    waiting = client.batch_outcomes("b") if whole_batch else client.wait([id])
    assert [outcome.task_id for outcome in waiting] == [id]
    assert caplog.messages == ["still waiting: the ledger is away"]


def test_who_waits_at_a_ledger_that_cannot_be_reached_is_told_at_once(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(batch="b")
    orchestra.client.views = Away()
    for waiting in (orchestra.client.wait([id]), orchestra.client.batch_outcomes("b")):
        with pytest.raises(LedgerUnavailable, match="the ledger is away"):
            next(waiting)


class Away(FakeViews):
    """The read side of a ledger that cannot be reached."""

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        del task_ids
        raise LedgerUnavailable("the ledger is away")

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        del queue, batch
        raise LedgerUnavailable("the ledger is away")


def test_more_tasks_than_fit_one_question_are_waited_for(orchestra: Orchestra) -> None:
    ids = orchestra.submit(CHUNK + 1)
    cancel(orchestra, *ids)
    assert len(list(orchestra.client.wait(ids))) == CHUNK + 1


def test_a_result_is_read_from_the_ledger_or_the_store(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    complete(orchestra, id, result='{"words":7}')
    (outcome,) = orchestra.client.outcomes([id])
    assert orchestra.client.result_text(outcome) == '{"words":7}'
    ref = result_reference(id, id, b'"large"')
    orchestra.store.create(ref, b'"large"')
    stored = outcome._replace(result=None, result_ref=ref)
    assert orchestra.client.result_text(stored) == '"large"'
    assert orchestra.client.result_text(outcome._replace(result=None)) == "null"
    with pytest.raises(NoSuchTask, match=rf"'results/2' of task {id} is gone"):
        orchestra.client.result_text(outcome._replace(result=None, result_ref="results/2"))


def test_a_result_that_was_replaced_in_the_store_is_not_passed_off_as_the_tasks(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    complete(orchestra, id)
    (outcome,) = orchestra.client.outcomes([id])
    ref = result_reference(id, id, b'"large"')
    orchestra.store.create(ref, b'"forged"')
    with pytest.raises(StoreDamaged, match="is not what was put there"):
        orchestra.client.result_text(outcome._replace(result=None, result_ref=ref))


# ------------------------------------------------------------ batches


def test_a_batch_yields_each_of_its_outcomes_once_and_ends_with_the_last(orchestra: Orchestra) -> None:
    ids = orchestra.submit(4, batch="b")
    orchestra.submit(2, batch="other")
    complete(orchestra, ids[0])
    orchestra.bell.meanwhile = [
        lambda: cancel(orchestra, ids[3]),
        lambda: cancel(orchestra, ids[2], ids[1]),
    ]
    found = list(orchestra.client.batch_outcomes("b"))
    assert [outcome.task_id for outcome in found] == [ids[0], ids[3], ids[2], ids[1]]
    assert len(orchestra.bell.waits) == 2


def test_a_batch_without_tasks_has_no_outcomes(orchestra: Orchestra) -> None:
    assert list(orchestra.client.batch_outcomes("none")) == []


def test_a_large_batch_is_read_page_by_page(orchestra: Orchestra) -> None:
    ids = orchestra.submit(2 * CHUNK, batch="b")
    for start in range(0, len(ids), 500):
        cancel(orchestra, *ids[start : start + 500])
    found = [outcome.task_id for outcome in orchestra.client.batch_outcomes("b")]
    assert len(found) == len(set(found)) == 2 * CHUNK


def test_a_batch_that_does_not_end_in_time_says_how_many_are_left(orchestra: Orchestra) -> None:
    orchestra.submit(3, batch="b")
    with pytest.raises(TimeoutError, match="batch 'b' still has 3 tasks without an outcome"):
        list(orchestra.client.batch_outcomes("b", timeout=2_000))


# ------------------------------------------------------------ change


def test_a_cancelled_task_is_cancelled_at_once_and_its_run_is_told(orchestra: Orchestra) -> None:
    (running,) = orchestra.started()
    (waiting,) = orchestra.submit()
    assert orchestra.client.cancel([running, waiting], by="ann", reason="wrong file") == ([running, waiting], [])
    assert orchestra.states([running, waiting]) == ["cancelled", "cancelled"]
    assert orchestra.task(running).reason == "cancelled by ann: wrong file"
    assert orchestra.store.exists(cancel_mark(running, 1))
    assert not orchestra.store.exists(cancel_mark(waiting, 0))
    assert "ended" in orchestra.bell.rung


def test_a_task_that_is_cancelled_then_retried_is_wanted_again(orchestra: Orchestra) -> None:
    """The run under way is adopted: with the mark still there, its next checkpoint would end it."""
    (id,) = orchestra.started()
    cancel(orchestra, id)
    orchestra.client.retry([id], by="ann")
    assert orchestra.state(id) == "in_progress"
    assert not orchestra.store.exists(cancel_mark(id, 1))


def test_a_failed_task_is_retried_with_fresh_budgets(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    end(orchestra, FAILED, id, failure=BOOM, unrecoverable=True, deleted=True)
    assert orchestra.state(id) == "failed"
    orchestra.client.retry([id], by="ann")
    assert (orchestra.state(id), orchestra.task(id).attempts) == ("pending/due", 0)


def test_what_cannot_be_changed_says_why(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    complete(orchestra, id)
    unknown = "01900000-0000-7000-8000-00000000dead"
    changed = orchestra.client.cancel([id, unknown], by="ann")
    assert changed == ([], [(id, "it is completed already"), (unknown, "it is not in the ledger")])


def test_a_filter_that_does_not_parse_starts_no_operation(orchestra: Orchestra) -> None:
    with pytest.raises(BadFilter):
        orchestra.client.operate("cancel", "stauts:failed", by="ann")
    assert orchestra.views.operations() == []


def test_pausing_wakes_the_dispatcher_too(orchestra: Orchestra) -> None:
    orchestra.client.pause("default", paused=False, by="ann")
    assert orchestra.bell.rung == ["due"]


def test_closing_it_releases_bell_and_ledger(orchestra: Orchestra) -> None:
    orchestra.client.close()
    assert orchestra.bell.closed
