"""What a shape tells is read back as it was: a program that asks over HTTP sees what one beside the ledger sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.model import Audit, Failure, FailureKind, Policy, Status, Task, Why
from leasehold.flow import reading, shapes
from leasehold.flow.shapes import Shape
from leasehold.ports.ledger import Operation
from leasehold.ports.views import (
    BatchView,
    Bound,
    Count,
    FailureGroup,
    Outcome,
    QueueView,
    RunView,
    TaskView,
    WorkerView,
)

T = TypeVar("T")
LAST = 253_402_300_799_999
"""The last instant that ISO 8601 writes with four digits of a year."""

text = st.text(max_size=20)
words = st.none() | text
count = st.integers(0, 2**31)
whole = st.integers(1, 10**9)
instants = st.integers(1, LAST)
maybe_instants = st.none() | instants
parts = st.none() | st.floats(0, 1)
counts = st.dictionaries(text, count, max_size=3)
values = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner | st.none(), max_size=3) | st.dictionaries(st.text(), inner | st.none(), max_size=3),
    max_leaves=5,
)
json_text = st.none() | values.map(lambda value: json.dumps(value, separators=(",", ":")))
policies = st.builds(Policy, whole, whole, whole, count, count, st.integers(1, 500))
failures = st.none() | st.builds(
    Failure, st.sampled_from(FailureKind), text, text, text, text, st.none() | count, st.none() | count
)


def made_of(kind: Callable[..., T]) -> Callable[..., T]:
    """Makes one of what is given; of its other fields each has its default."""

    def make(**fields: object) -> T:
        return kind(**fields)

    return make


tasks = st.builds(
    made_of(Task),
    id=text,
    name=text,
    queue=text,
    policy=policies,
    created_at=instants,
    due_at=instants,
    status=st.sampled_from(Status),
    why=st.none() | st.sampled_from(Why),
    priority=st.integers(),
    batch=words,
    version=count,
    n=count,
    open=st.booleans(),
    void_at=st.just(0) | instants,
    r=count,
    run_id=words,
    run_open=st.booleans(),
    worker=words,
    lease_until=st.just(0) | instants,
    attempts=count,
    losses=count,
    inferred=st.booleans(),
    reason=words,
    error_group=words,
    cancelled_by=words,
    updated_at=instants,
    started_at=maybe_instants,
    ended_at=maybe_instants,
    members=count,
)
"""All that is told of a task. Where its messages are, nobody is told who is not the orchestrator."""

UNTOLD = ("version", "n", "open", "void_at", "r", "run_id", "run_open", "cancelled_by", "members")
"""What a list does not tell."""


def sent(shape: Shape) -> Shape:
    """What arrives of it, with something that a newer server adds."""
    return json.loads(json.dumps(shape)) | {"added_later": 1}


@given(st.builds(TaskView, tasks, words, json_text, words, json_text, words, parts, words, words))
def test_a_whole_task(view: TaskView) -> None:
    assert reading.task(sent(shapes.whole_task(view, [], []))) == view


@given(st.builds(TaskView, tasks, words, st.none(), st.none(), st.none(), st.none(), parts, words, words))
def test_a_task_of_a_list_lacks_only_what_lists_do_not_tell(view: TaskView) -> None:
    told = reading.task(sent(shapes.task(view)))
    untold = {name: getattr(view.task, name) for name in UNTOLD}
    policy = told.task.policy._replace(**{name: getattr(view.task.policy, name) for name in Policy._fields[3:]})
    assert told._replace(task=told.task._replace(**untold, policy=policy), tenant=view.tenant) == view


@given(
    st.builds(
        RunView,
        task_id=text,
        n=count,
        r=count,
        run_id=text,
        worker=words,
        started_at=maybe_instants,
        lease_until=maybe_instants,
        ended_at=maybe_instants,
        outcome=words,
        lost_at=maybe_instants,
        fraction=parts,
        note=words,
        failure=failures,
        log=words,
        log_ref=words,
        log_bytes=count,
    )
)
def test_a_run(view: RunView) -> None:
    assert reading.run(view.task_id, sent(shapes.run(view))) == view


@given(st.builds(Audit, count, instants, text, text, text, count, count, words, words))
def test_a_line_of_the_trail(line: Audit) -> None:
    assert reading.line(sent(shapes.line(line))) == line


@given(st.builds(Outcome, text, st.sampled_from(Status), instants, json_text, words, words, failures))
def test_an_outcome(outcome: Outcome) -> None:
    assert reading.outcome(sent(shapes.outcome(outcome))) == outcome


@given(st.builds(Count, text, text, words, words, st.sampled_from(Status), st.none() | st.sampled_from(Why), count))
def test_a_cell(cell: Count) -> None:
    assert reading.cell(sent(shapes.cell(cell))) == cell


@given(st.builds(FailureGroup, text, text, text, text, text, count, instants, instants, text))
def test_a_group_of_failures(group: FailureGroup) -> None:
    assert reading.failure_group(sent(shapes.failure_group(group))) == group


@given(st.builds(Bound, count, st.lists(text, max_size=4), text))
def test_a_bound_says_what_it_said(bound: Bound) -> None:
    told = reading.bound(sent(shapes.bound(bound)))
    assert told is not None
    assert (told.looked_at, str(told)) == (bound.looked_at, str(bound))
    assert reading.bound(shapes.bound(None)) is None


@given(st.builds(BatchView, text, instants, counts, count))
def test_a_batch(view: BatchView) -> None:
    assert reading.batch(sent(shapes.batch(view))) == view


@given(st.builds(QueueView, text, st.booleans(), counts))
def test_a_queue(view: QueueView) -> None:
    assert reading.queue(sent(shapes.queue(view))) == view


@given(st.builds(WorkerView, text, count, instants, instants))
def test_a_worker(view: WorkerView) -> None:
    assert reading.worker(sent(shapes.worker(view))) == view


@given(
    st.builds(
        made_of(Operation),
        id=text,
        kind=text,
        filter=text,
        ceiling=text,
        by=text,
        reason=text,
        created_at=instants,
        matched=count,
        changed=count,
        finished=st.sampled_from(("", "done", "cancelled")),
        finished_at=maybe_instants,
        stopped_by=words,
    )
)
def test_an_operation_as_far_as_it_is_told(operation: Operation) -> None:
    assert reading.operation(sent(shapes.operation(operation))) == operation._replace(ceiling=operation.id)


def test_a_result_that_is_null_is_none() -> None:
    """Both mean the same to whoever asks for the result."""
    outcome = Outcome("a", Status.COMPLETED, 1, "null", None, None, None)
    assert reading.outcome(shapes.outcome(outcome)).result is None


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        reading.at(text)
