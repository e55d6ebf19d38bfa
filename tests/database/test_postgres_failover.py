"""Servers that come and go: what happens between two transactions, in the middle of one, and at its commit."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from leasehold.adapters.database.connection import InDoubt, Sql, Transaction
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import create_schema
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.core.errors import LedgerUnavailable
from leasehold.testing.ledger_bench import Moves
from leasehold.testing.postgres import PostgresServer, Server
from tests.database.postgres_bench import PostgresBench
from tests.servers.clusters import Cluster


@pytest.fixture
def bench(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


@pytest.mark.parametrize(
    "farewell", [psycopg.errors.CrashShutdown, psycopg.errors.AdminShutdown, psycopg.OperationalError]
)
def test_a_server_that_takes_its_leave_leaves_a_commit_in_doubt(
    bench: PostgresBench, monkeypatch: pytest.MonkeyPatch, farewell: type[psycopg.Error]
) -> None:
    """Libpq may not have noticed the end of the connection by then."""

    def leave(*_args: object, **_more: object) -> None:
        raise farewell("bye")

    def work(tx: Transaction) -> None:
        del tx
        monkeypatch.setattr(psycopg.Connection, "execute", leave)

    with pytest.raises(InDoubt):
        bench.database.transact(work)
    monkeypatch.undo()
    assert len(Moves(bench).given()) == 1


def test_a_restart_between_two_transactions_is_nobodys_business(cluster: Cluster, bench: PostgresBench) -> None:
    moves = Moves(bench)
    moves.given()
    cluster.restart("immediate")
    moves.given()
    assert len(moves.dispatch()) == 2
    moves.assert_accounted_for()


def test_a_connection_lost_in_the_middle_is_a_transaction_begun_again(bench: PostgresBench) -> None:
    chores, tries = bench.database.sql("chores"), list[int]()
    pid = Sql("SELECT pg_backend_pid()", ())

    def work(tx: Transaction) -> None:
        tries.append(1)
        tx.run(chores["add secret"], {"name": str(len(tries)), "value": b"x"})
        if len(tries) == 1:
            with psycopg.connect(bench.address) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", tx.rows(pid)[0])
        tx.run(chores["add secret"], {"name": "end", "value": b"x"})

    bench.database.transact(work)
    with bench.database.read() as tx:
        assert [len(tx.rows(chores["secret"], {"name": name})) for name in ("1", "2", "end")] == [0, 1, 1]


def test_after_a_failover_the_new_writer_is_found() -> None:
    with PostgresServer() as server:
        server.create("jobs")
        standby = server.standby()
        url = server.url("jobs").replace(f":{server.port}/", f":{server.port},127.0.0.1:{standby.port}/")
        create_schema(url)
        bench = PostgresBench(url)
        moves = Moves(bench)
        ids = moves.given(3)
        followed(server, standby)
        with pytest.raises(LedgerUnavailable, match=r"it is a standby\. Name the writer's address"):
            DatabaseLedger(PostgresDatabase(standby.url("jobs"))).fold_counters()
        server.stop("fast")  # waits until the standby has it all
        with pytest.raises(LedgerUnavailable):
            moves.given()
        standby.promote()
        ids += moves.given(2)
        assert [each.task.id for each in moves.dispatch()] == ids
        moves.assert_accounted_for()
        bench.close()


def followed(server: Server, standby: Server) -> None:
    """Wait until the standby has applied all that is committed: it follows in its own time."""
    with psycopg.connect(server.url("jobs"), autocommit=True) as asked:
        written = asked.execute("SELECT pg_current_wal_lsn()").fetchone()
    with psycopg.connect(standby.url("jobs"), autocommit=True) as asked:
        while asked.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written).fetchone() != (True,):
            os.sched_yield()
