"""A person, the clock and a worker who want different things of one task at the same instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from leasehold.core.events import Cancelled, Event, Lapsed, Retried
from leasehold.core.model import Decision, Ignored
from leasehold.ports.ledger import Applied, Change, Ledger
from leasehold.testing.ledger_bench import LEASE, Moves, decided
from leasehold.testing.operations_suite import Batch, batch, progress, start
from tests.database.postgres_bench import PostgresBench
from tests.database.test_postgres_writers import at_once
from tests.servers.clusters import Clusters

ROUNDS = 20


@pytest.fixture
def moves(clusters: Clusters) -> Iterator[Moves]:
    cluster = clusters["newest"]
    name = cluster.fresh()
    bench = PostgresBench(cluster.url(name))
    yield Moves(bench)
    bench.close()
    cluster.drop(name)


def raced(moves: Moves, ids: Sequence[str], *events: Event) -> Counter[tuple[str, ...]]:
    """Each event by a writer of its own, all at once, for one task after the other; the trails that came of it."""
    ledgers = [moves.bench.another() for _ in events]
    for task_id in ids:

        def write(nth: int, ledger: Ledger, task_id: str = task_id) -> Applied:
            return ledger.apply([Change(task_id, events[nth], f"{nth}")])[0]

        assert all(isinstance(answer, (Decision, Ignored)) for answer in at_once(ledgers, write))
    moves.assert_accounted_for()
    return Counter(tuple(moves.trail(task_id)[3:]) for task_id in ids)


def running(moves: Moves) -> list[str]:
    ids = moves.out(ROUNDS)
    for task_id in ids:
        moves.apply(task_id, moves.started())
    return ids


def test_a_cancel_that_races_a_success_is_cancelled_or_completed_and_never_both(moves: Moves) -> None:
    """Whichever is recorded first stands; a success that comes second is kept with its run."""
    ids = running(moves)
    found = raced(moves, ids, moves.completed(), Cancelled("ann"))
    assert found.keys() <= {("completed",), ("cancelled", "late")}
    for task_id in ids:
        (run,) = moves.views.runs(task_id)
        assert run.outcome == "completed"


def test_a_sweeper_that_races_a_recorder_costs_a_finished_task_nothing(moves: Moves) -> None:
    """The lease is over, and the report of its success is being recorded: the loss is given back, or never charged."""
    success = moves.completed()
    ids = running(moves)
    moves.bench.let_pass(LEASE + 1)
    found = raced(moves, ids, success, Lapsed())
    assert found.keys() <= {("completed",), ("lapsed", "refunded", "completed")}
    assert {(moves.task(task_id).losses, moves.state(task_id)) for task_id in ids} == {(0, "completed")}


def test_a_sweeper_that_races_a_failure_charges_the_run_once(moves: Moves) -> None:
    failure = moves.failed(for_good=False)
    ids = running(moves)
    moves.bench.let_pass(LEASE + 1)
    raced(moves, ids, failure, Lapsed(), Lapsed())
    assert {(moves.task(task_id).attempts, moves.task(task_id).losses) for task_id in ids} == {(1, 0)}


def test_a_retry_that_races_the_late_success_of_a_cancelled_task_never_makes_two_dispatches(moves: Moves) -> None:
    """The message is still out: the retry adopts it, and the success counts once the task is wanted again."""
    ids = running(moves)
    for task_id in ids:
        moves.apply(task_id, Cancelled("ann"))
    raced(moves, ids, moves.completed(), Retried("ann"))
    assert {moves.task(task_id).n for task_id in ids} == {1}
    assert {moves.state(task_id) for task_id in ids} <= {"completed", "pending/queued"}


def test_of_sweepers_that_hold_the_same_batch_one_does_it(moves: Moves) -> None:
    """Whatever a worker reports of what was retried between two of them."""
    ids = moves.out(ROUNDS)
    for task_id in ids:
        moves.apply(task_id, moves.failed())
    start(moves, "retry", "")
    for _ in range(ROUNDS):
        held = batch(moves, limit=1)
        (task_id,) = held.ids

        def carry_out(_: int, ledger: Ledger, held: Batch = held) -> list[Applied]:
            answers = ledger.advance_operation(held.operation, held.stretch, Retried("ada"))
            if answers:
                ledger.apply([Change(held.ids[0], Cancelled("bob"))])
            return answers

        answers = at_once([moves.bench.another() for _ in range(4)], carry_out)
        assert sorted(decided(each) for each in answers) == [[], [], [], [True]]
        assert moves.trail(task_id)[-2:] == ["retried", "cancelled"]
    assert progress(moves)[1:] == (ROUNDS, ROUNDS, "")
    moves.assert_accounted_for()


def test_an_operation_that_is_stopped_at_the_same_instant_does_a_whole_batch_or_nothing(moves: Moves) -> None:
    for _ in range(ROUNDS):
        ids = moves.given(2)
        start(moves, "cancel", f"id:{','.join(ids)}")
        held = batch(moves)

        def either(nth: int, ledger: Ledger, held: Batch = held) -> bool:
            if nth:
                return ledger.cancel_operation(held.operation.id, by="bob")
            return bool(ledger.advance_operation(held.operation, held.stretch, Cancelled("ada")))

        done, stopped = at_once([moves.bench.another() for _ in range(2)], either)
        assert stopped
        assert {moves.state(task_id) for task_id in held.ids} == {"cancelled" if done else "pending/due"}
        assert progress(moves)[1:] == ((2, 2) if done else (0, 0)) + ("cancelled",)
    moves.assert_accounted_for()
