"""Many writers of one ledger on PostgreSQL at once, and a server that crashes under them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier, Event
from typing import TypeVar

import psycopg
import pytest

from leasehold.adapters.database import submitting
from leasehold.adapters.database.connection import Contended, Sql, Transaction
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.model import Failure, FailureKind
from leasehold.ports.ledger import Accepted, Applied, Change, Existing, Ledger, NewTask, Repeated, Terms
from leasehold.testing.ledger_bench import VALIDITY, Moves, no_messages
from tests.database.postgres_bench import PostgresBench
from tests.servers.clusters import Cluster

AT_ONCE = 4


@pytest.fixture
def bench(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


@pytest.fixture
def moves(bench: PostgresBench) -> Moves:
    return Moves(bench)


T = TypeVar("T")


def at_once(ledgers: Sequence[Ledger], work: Callable[[int, Ledger], T]) -> list[T]:
    """All begin at the same instant."""
    start = Barrier(len(ledgers))

    def one(nth: int) -> T:
        start.wait(60)
        return work(nth, ledgers[nth])

    with ThreadPoolExecutor(len(ledgers)) as pool:
        return list(pool.map(one, range(len(ledgers))))


def reports_of(moves: Moves, ids: Sequence[str]) -> list[Change]:
    """Started of each, then a success or one of three failures."""
    changes: list[Change] = []
    for nth, task_id in enumerate(ids):
        failure = Failure(FailureKind.EXCEPTION, f"Error{nth % 3}", "broken", "a.py:f", "")
        ended = moves.failed(failure=failure) if nth % 4 == 0 else moves.completed()
        changes += [Change(task_id, moves.started(), f"{nth}-s"), Change(task_id, ended, f"{nth}-e")]
    return changes


def test_four_recorders_apply_each_report_once_whatever_their_order(moves: Moves, bench: PostgresBench) -> None:
    """All of them have all reports, each in an order of its own: no deadlock is left to anybody."""
    ids = [task_id for batch in ("a", "b", "c") for task_id in moves.out(40, batch=batch)]
    changes = reports_of(moves, ids)

    def record(nth: int, ledger: Ledger) -> list[Applied]:
        random, mine, answers = Random(nth), list(changes), list[Applied]()
        random.shuffle(mine)
        for start in range(0, len(mine), 17):
            answers += ledger.apply(mine[start : start + 17])
            ledger.fold_counters()
        return answers

    answers = at_once([bench.another() for _ in range(AT_ONCE)], record)
    repeated = Counter(isinstance(each, Repeated) for part in answers for each in part)
    assert repeated == {False: len(changes), True: len(changes) * (AT_ONCE - 1)}
    states = Counter(moves.state(task_id) for task_id in ids)
    assert states == {"completed": 90, "failed": 30}
    for batch in ("a", "b", "c"):
        assert len(moves.views.ended(batch).rows) == 40
    moves.assert_accounted_for()


def test_of_submits_at_once_with_the_same_keys_one_gets_each(moves: Moves, bench: PostgresBench) -> None:
    keys = [str(nth) for nth in range(60)]
    new: list[list[NewTask]] = []
    for nth in range(AT_ONCE):
        Random(nth).shuffle(keys)
        new.append([moves.new(key=key, batch="b") for key in keys])
    answers = at_once([bench.another() for _ in range(AT_ONCE)], lambda nth, ledger: ledger.submit(new[nth]))
    flat = [answer for part in answers for answer in part]
    assert Counter(type(answer) for answer in flat) == {Accepted: 60, Existing: 60 * (AT_ONCE - 1)}
    assert moves.views.count("") == 60
    moves.assert_accounted_for()


def test_pages_by_age_miss_nothing_of_submits_at_once(moves: Moves, bench: PostgresBench) -> None:
    """A task may have a lower number than one that was submitted before it."""
    late = PostgresDatabase(bench.address, clock=bench.clock)
    first, second = moves.new(), moves.new()
    began, go_on = Event(), Event()

    def submit_late() -> None:
        ledger = DatabaseLedger(late)
        with late.write() as tx:
            began.set()
            assert go_on.wait(60)
            submitting.submit(tx, {**late.sql("ledger")}, [first])
        ledger.close()

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(submit_late)
        assert began.wait(60)
        bench.let_pass(3_000)
        moves.submit(second)
        go_on.set()
        pending.result(60)
    bench.let_pass(1_000)
    asked = {age: {row.task.id for row in moves.views.tasks(f"age:{age}").rows} for age in ("<2s", ">2s", "<10s")}
    seen = {task_id: moves.ledger.now() - moves.task(task_id).created_at for task_id in (first.task.id, second.task.id)}
    assert asked["<2s"] == {task_id for task_id, age in seen.items() if age < 2_000}
    assert asked[">2s"] == {task_id for task_id, age in seen.items() if age > 2_000}
    assert len(asked["<10s"]) == 2


def test_a_deadlock_is_nobodys_business(bench: PostgresBench) -> None:
    """The server ends one of the two; it is tried again."""
    database, other = bench.database, PostgresDatabase(bench.address, clock=bench.clock)
    lock = Sql("SELECT pg_advisory_xact_lock($1::BIGINT)", ("key",))
    met, tries = Barrier(2), list[int]()

    def cross(one: PostgresDatabase, first: int, second: int) -> None:
        def work(tx: Transaction) -> None:
            tries.append(first)
            tx.rows(lock, {"key": first})
            if tries.count(first) == 1:
                met.wait(60)
            tx.rows(lock, {"key": second})

        one.transact(work)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(cross, database, 1, 2), pool.submit(cross, other, 2, 1)]:
            done.result(60)
    assert len(tries) == 3
    other.close()


def test_a_row_that_somebody_holds_is_told_and_then_written(moves: Moves, bench: PostgresBench) -> None:
    (task_id,) = moves.out()
    impatient = DatabaseLedger(PostgresDatabase(bench.address, clock=bench.clock, patience=5))
    changes = [Change(task_id, moves.completed(), "c")]
    with psycopg.connect(bench.address) as holder:
        holder.execute("SELECT * FROM tasks FOR UPDATE")
        with pytest.raises(Contended, match="another transaction is in the way"):
            impatient.apply(changes)
        assert moves.state(task_id) == "pending/queued"  # readers do not wait
    impatient.apply(changes)
    assert moves.state(task_id) == "completed"
    impatient.close()


def test_a_crash_of_the_server_loses_nothing_and_does_nothing_twice(cluster: Cluster, moves: Moves) -> None:
    """Three writers go on through two crashes: whatever was acknowledged is there, once."""
    enough, bench = Event(), moves.bench
    new = [moves.new(batch="crash", key=str(nth)) for nth in range(2_000)]
    acknowledged: list[str] = []

    def submit(ledger: Ledger) -> None:
        for start in range(0, len(new), 10):
            if enough.is_set() and start > 100:
                return
            chunk = new[start : start + 10]
            answers = insistently(lambda chunk=chunk: ledger.submit(chunk))
            assert all(isinstance(answer, Accepted | Existing) for answer in answers)
            acknowledged.extend(each.task.id for each in chunk)

    def work_off(ledger: Ledger) -> None:
        while not (enough.is_set() and moves_on.is_set()):
            outgoing = insistently(lambda: ledger.dispatch("default", 20, Terms(VALIDITY), no_messages, None))
            changes = [Change(each.task.id, moves.completed(each.task.n), each.task.id) for each in outgoing]
            insistently(lambda changes=changes: ledger.apply(changes))

    moves_on = Event()
    with ThreadPoolExecutor(3) as pool:
        submitting = pool.submit(submit, bench.another())
        working = [pool.submit(work_off, bench.another()) for _ in range(2)]
        try:
            for _ in range(2):
                cluster.restart("immediate")
            enough.set()
            submitting.result(60)
        finally:
            enough.set()
            moves_on.set()
        for each in working:
            each.result(60)
    assert len(acknowledged) >= 100
    there = {task.id for chunk in moves.views.scan() for task in chunk}
    assert there == set(acknowledged)
    moves.assert_accounted_for()


def insistently(work: Callable[[], T]) -> T:
    """Again until the ledger is there, as every role does."""
    while True:
        try:
            return work()
        except LedgerUnavailable:
            Event().wait(0.01)  # let the server come up
