"""A queue in the ledger's own database: a dispatch and its send are one transaction (R10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from leasehold.adapters.bell import LocalBell
from leasehold.adapters.database.queue import DatabaseQueue, QueueTerms
from leasehold.adapters.memory import MemoryQueue, MemoryTerms
from leasehold.ports.ledger import Outgoing, Terms
from leasehold.ports.queue import Message
from leasehold.testing.ledger_bench import VALIDITY, Moves
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench
from tests.servers.clusters import Clusters

Bench = SqliteBench | PostgresBench


@pytest.fixture(params=["sqlite", "oldest", pytest.param("newest", marks=pytest.mark.prove)])
def bench(request: pytest.FixtureRequest, tmp_path: Path, clusters: Clusters) -> Iterator[Bench]:
    """A ledger on SQLite, and on each version of PostgreSQL."""
    if request.param == "sqlite":
        bench: Bench = SqliteBench(tmp_path)
    else:
        cluster = clusters[request.param]
        bench = PostgresBench(cluster.url(cluster.fresh()))
    yield bench
    bench.close()


@pytest.fixture
def moves(bench: Bench) -> Moves:
    return Moves(bench)


@pytest.fixture
def queue(bench: Bench) -> DatabaseQueue:
    return DatabaseQueue(
        "default", bench.database, clock=bench.clock, bell=LocalBell(), topic="tasks:default", terms=QueueTerms()
    )


def by_id(outgoing: Sequence[Outgoing]) -> list[Message]:
    return [Message(f"{each.task.id} {each.task.n}") for each in outgoing]


def test_what_is_dispatched_is_on_the_queue(moves: Moves, queue: DatabaseQueue) -> None:
    ids = moves.given(3)
    outgoing = moves.ledger.dispatch("default", 10, Terms(VALIDITY), by_id, queue)
    assert [each.task.id for each in outgoing] == ids
    received = queue.receive(10, wait=0, visibility=1_000)
    assert [delivery.body for delivery in received.deliveries] == [f"{task_id} 1" for task_id in ids]


def test_a_dispatch_that_cannot_be_sent_has_not_happened(moves: Moves, queue: DatabaseQueue) -> None:
    (task_id,) = moves.given()

    def broken(outgoing: Sequence[Outgoing]) -> list[Message]:
        raise ValueError(f"{len(outgoing)} messages cannot be made")

    with pytest.raises(ValueError, match="1 messages cannot be made"):
        moves.ledger.dispatch("default", 10, Terms(VALIDITY), broken, queue)
    assert moves.state(task_id) == "pending/due"
    assert moves.task(task_id).n == 0
    assert not queue.receive(10, wait=0, visibility=1_000).deliveries
    moves.assert_accounted_for()


def test_nothing_due_makes_no_messages(moves: Moves, queue: DatabaseQueue) -> None:
    def never(outgoing: Sequence[Outgoing]) -> list[Message]:
        raise AssertionError(outgoing)

    assert moves.ledger.dispatch("default", 10, Terms(VALIDITY), never, queue) == []


def test_a_queue_elsewhere_is_refused(moves: Moves, bench: Bench) -> None:
    (task_id,) = moves.given()
    elsewhere = MemoryQueue("default", bench.clock, MemoryTerms())
    with pytest.raises(TypeError, match="'default' does not live in the ledger's database"):
        moves.ledger.dispatch("default", 10, Terms(VALIDITY), by_id, elsewhere)
    assert moves.state(task_id) == "pending/due"


def test_what_the_queue_will_never_take_says_so_in_the_same_transaction(moves: Moves, queue: DatabaseQueue) -> None:
    good, bad = moves.given(2)

    def with_a_forbidden_character(outgoing: Sequence[Outgoing]) -> list[Message]:
        return [Message("\0" if each.task.id == bad else each.task.id) for each in outgoing]

    outgoing = moves.ledger.dispatch("default", 10, Terms(VALIDITY), with_a_forbidden_character, queue)
    assert [each.task.id for each in outgoing] == [good]
    assert [delivery.body for delivery in queue.receive(10, wait=0, visibility=1_000).deliveries] == [good]
    assert (moves.state(good), moves.state(bad)) == ("pending/queued", "pending/scheduled")
    reason = moves.task(bad).reason
    assert reason is not None
    assert reason.startswith("queue 'default' does not take its message: ")
    moves.assert_accounted_for()
