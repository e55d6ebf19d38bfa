"""A connection that is lost while it commits: nobody knows whether it happened, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leasehold.adapters.database.connection import InDoubt
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.core.events import Cancelled
from leasehold.core.model import Decision, Status
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Accepted, Change, Existing, KeyConflict, Need, Repeated, Stretch, Terms
from leasehold.testing.ledger_bench import LEASE, VALIDITY, Moves, decided, no_messages
from leasehold.testing.operations_suite import progress, start
from tests.database.postgres_bench import PostgresBench
from tests.database.proxies import AFTER, BEFORE, Proxy

pytestmark = pytest.mark.parametrize("when", [BEFORE, AFTER])


@pytest.fixture
def bench(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


@pytest.fixture
def moves(bench: PostgresBench) -> Moves:
    return Moves(bench)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    proxy = Proxy(postgres_url)
    yield proxy
    proxy.close()


@pytest.fixture
def ledger(bench: PostgresBench, proxy: Proxy) -> Iterator[DatabaseLedger]:
    """The same ledger, by a way that can be cut."""
    ledger = DatabaseLedger(PostgresDatabase(proxy.url, clock=bench.clock))
    yield ledger
    ledger.close()


def test_what_is_submitted_is_there_once(moves: Moves, ledger: DatabaseLedger, proxy: Proxy, when: str) -> None:
    there = moves.new(key="taken", batch="b")
    moves.submit(there)
    keyed, plain = moves.new(key="k", batch="b"), moves.new(batch="b")
    again, other = moves.new(key="taken", batch="b"), moves.new(key="taken", batch="b", arguments="{}")
    proxy.cut(when)
    assert ledger.submit([keyed, plain, again, other]) == [
        Accepted(keyed.task.id),
        Accepted(plain.task.id),
        Existing(there.task.id, Status.PENDING),
        KeyConflict(there.task.id),
    ]
    assert proxy.is_cut
    assert sum(cell.tasks for cell in moves.views.counts()) == 3
    moves.assert_accounted_for()


def test_a_large_submit_is_there_once(moves: Moves, ledger: DatabaseLedger, proxy: Proxy, when: str) -> None:
    new = [moves.new(batch="b") for _ in range(500)]
    proxy.cut(when)
    assert ledger.submit(new) == [Accepted(each.task.id) for each in new]
    assert proxy.is_cut
    assert moves.views.count("", ceiling=1_000) == 500
    moves.assert_accounted_for()


def test_what_is_reported_is_applied_once(moves: Moves, ledger: DatabaseLedger, proxy: Proxy, when: str) -> None:
    (task_id,) = moves.out()
    changes = [
        Change(task_id, moves.started(), "s"),
        Change(task_id, moves.completed(), "c", Payload(result='"text"')),
    ]
    proxy.cut(when)
    answers = ledger.apply(changes)
    assert proxy.is_cut
    assert all(isinstance(answer, Decision | Repeated) for answer in answers)
    assert moves.trail(task_id) == ["submitted", "dispatched", "started", "completed"]
    assert moves.view(task_id).result == '"text"'
    moves.assert_accounted_for()


def test_no_task_goes_out_twice_under_one_number(moves: Moves, ledger: DatabaseLedger, proxy: Proxy, when: str) -> None:
    """Those of the answer that was lost come due again when their dispatch is void (R7)."""
    ids = moves.given(6)
    proxy.cut(when)
    outgoing = ledger.dispatch("default", 2, Terms(VALIDITY), no_messages, None)
    assert proxy.is_cut
    out = [each.task.id for each in outgoing]
    lost = [task_id for task_id in ids if moves.task(task_id).n == 1 and task_id not in out]
    assert len(out) == 2
    assert len(lost) in {0, 2}
    moves.assert_accounted_for()
    moves.bench.let_pass(VALIDITY + LEASE + 5_000)
    for task_id, event in ledger.alarms(Need.SWEEPER, 10):
        moves.apply(task_id, event)
    again = {each.task.id: each.task.n for each in moves.dispatch()}
    assert sorted(again) == sorted(ids)
    assert all(again[task_id] == 2 for task_id in (*out, *lost))
    moves.assert_accounted_for()


def test_a_batch_of_an_operation_is_done_once(moves: Moves, ledger: DatabaseLedger, proxy: Proxy, when: str) -> None:
    """Asked again, it is somebody else's by then, and counted all the same."""
    ids = moves.given(3)
    asked = start(moves, "cancel", "")
    proxy.cut(when)
    answers = ledger.advance_operation(asked, Stretch(ids, ids[-1], last=False), Cancelled("ada"))
    assert proxy.is_cut
    assert decided(answers) in ([], [True] * 3)
    assert [moves.trail(task_id) for task_id in ids] == [["submitted", "cancelled"]] * 3
    assert progress(moves) == (ids[-1], 3, 3, "")
    moves.assert_accounted_for()


def test_work_that_must_not_be_done_twice_is_left_to_whoever_asked(
    moves: Moves, ledger: DatabaseLedger, proxy: Proxy, when: str
) -> None:
    database, sql = ledger.database, ledger.database.sql("chores")["add secret"]
    done: list[bool] = []
    proxy.cut(when)
    with pytest.raises(InDoubt, match=r"lost during a commit .* nobody knows whether it happened"):
        database.transact(lambda tx: done.append(tx.run(sql, {"name": "a", "value": b"b"}) > 0))
    assert done == [True]
    moves.assert_accounted_for()
