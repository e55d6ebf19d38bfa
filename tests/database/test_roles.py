"""Roles: each grant is needed, and nothing more is granted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import psycopg
import pytest

from leasehold.adapters.bell import LocalBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.adapters.database.roles import (
    MESSAGES,
    OPENS,
    Compared,
    Grant,
    compare,
    orchestrator_grants,
    schema_of,
    statements,
    tables_of,
    worker_grants,
)
from leasehold.core.errors import LedgerUnavailable, QueueUnavailable
from leasehold.core.events import Claimed
from leasehold.core.metering import Action, Count, Tally
from leasehold.core.reports import Malformed, Payload
from leasehold.ports.ledger import Change, Need, Terms
from leasehold.testing.ledger_bench import LEASE, VALIDITY, Moves, no_messages
from leasehold.testing.queue_bench import LONG, given, take
from tests.database.postgres_bench import PostgresBench
from tests.servers.clusters import Cluster, Clusters

NAMES = (f"role {number}" for number in count(1))
SINGLE = worker_grants(ledger=True, queues=False)


class Deployment(NamedTuple):
    """A ledger that belongs to its owner, on a server where roles can be made."""

    cluster: Cluster
    name: str
    moves: Moves

    def role(self, grants: Sequence[Grant]) -> str:
        """A role with these grants; its address."""
        role = self.cluster.role(next(NAMES))
        bench = self.moves.bench
        assert isinstance(bench, PostgresBench)
        with bench.database.read() as tx:
            made = statements(role, grants, schema_of(tx), exists=True)
        with psycopg.connect(self.cluster.url(self.name), autocommit=True) as owner:
            for statement in made:
                owner.execute(statement.encode())
        return self.cluster.url(self.name, role)

    def compared(self, url: str, grants: Sequence[Grant]) -> Compared:
        bench = self.moves.bench
        assert isinstance(bench, PostgresBench)
        with bench.database.read() as tx:
            return compare(tx, psycopg.conninfo.conninfo_to_dict(url)["user"], grants)  # type: ignore[arg-type] - a text

    def tables(self) -> list[str]:
        bench = self.moves.bench
        assert isinstance(bench, PostgresBench)
        with bench.database.read() as tx:
            return tables_of(tx)


@pytest.fixture(scope="module")
def deployment(clusters: Clusters) -> Iterator[Deployment]:
    cluster = clusters["oldest"]
    name = cluster.fresh()
    bench = PostgresBench(cluster.url(name))
    yield Deployment(cluster, name, Moves(bench))
    bench.close()


def work_as(url: str, moves: Moves) -> None:
    """All that a worker in ``single-queue`` does in the ledger, as this role."""
    done, failed = moves.out(2, batch="b")
    late = moves.out(1)[0]
    moves.complete(late)
    database = open_database(url, clock=moves.bench.clock)  # type: ignore[attr-defined] - both benches have one
    ledger = DatabaseLedger(database)
    try:
        for task_id in (done, failed):
            claim = Claimed(1, 1, "run-1.1", "i-1/boot", LEASE, "receipt")
            ledger.apply([Change(task_id, claim)])
        ledger.apply([Change(done, moves.started(), "s-1")], [Malformed("status report", "00" * 16, "?", "no JSON")])
        ledger.apply([Change(done, moves.completed(), "s-2", Payload(result="1", log="said"))])
        ledger.apply([Change(failed, moves.failed(), "s-3", Payload(log="said"))])
        ledger.note_requests([Count(0, "tasks:default", Action.RECEIVE, Tally(1, 1))])
    finally:
        ledger.close()
    assert [moves.state(task_id) for task_id in (done, failed)] == ["completed", "failed"]


def test_a_worker_does_its_work_with_exactly_its_grants(deployment: Deployment) -> None:
    work_as(deployment.role(SINGLE), deployment.moves)


@pytest.mark.parametrize("grant", SINGLE, ids=str)
def test_each_grant_of_a_worker_is_needed(deployment: Deployment, grant: Grant) -> None:
    url = deployment.role([each for each in SINGLE if each != grant])
    with pytest.raises(LedgerUnavailable, match=f"this role lacks a grant .*{grant.table}"):
        work_as(url, deployment.moves)


@pytest.mark.parametrize(
    ("grant", "column"), [(grant, column) for grant in SINGLE for column in grant.columns], ids=str
)
def test_each_column_of_a_grant_is_needed(deployment: Deployment, grant: Grant, column: str) -> None:
    less = grant._replace(columns=tuple(each for each in grant.columns if each != column))
    url = deployment.role([*(each for each in SINGLE if each != grant), *([less] if less.columns else [])])
    with pytest.raises(LedgerUnavailable, match=f"this role lacks a grant .*{grant.table}"):
        work_as(url, deployment.moves)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tasks",
        "UPDATE tasks SET name = 'mine'",
        "UPDATE tasks SET lease = 1",
        "INSERT INTO tasks (number) VALUES (1)",
        "SELECT * FROM secrets",
        "SELECT * FROM bodies",
        "SELECT * FROM results",
        "SELECT * FROM audit",
        "DELETE FROM audit",
        "SELECT * FROM queue_messages",
        "UPDATE schema_version SET version_num = '9999'",
        "TRUNCATE audit",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE tasks ADD COLUMN mine int",
        "DROP TABLE audit",
        "SELECT nextval('tasks_number_seq')",
    ],
)
def test_a_worker_may_do_nothing_else(deployment: Deployment, statement: str) -> None:
    with (
        psycopg.connect(deployment.role(SINGLE)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_the_doctor_finds_a_role_that_is_as_it_should_be(deployment: Deployment) -> None:
    assert deployment.compared(deployment.role(SINGLE), SINGLE) == Compared(exists=True)


def test_the_doctor_finds_what_is_missing_and_what_is_too_much(deployment: Deployment) -> None:
    grants = [each for each in SINGLE if each != Grant("results", "INSERT")]
    url = deployment.role([*grants, Grant("tasks", "DELETE"), Grant("secrets", "SELECT"), Grant("tasks", "UPDATE")])
    missing, excess = deployment.compared(url, SINGLE)[1:]
    assert missing == ('INSERT ON "results"',)
    assert excess[:2] == ('SELECT ON "secrets"', 'DELETE ON "tasks"')
    assert excess[2] == (
        'UPDATE ("number", "id", "name", "queue", "lease", "max_attempts", "max_losses", "backoff_base", '
        '"backoff_cap", "bundle", "created_at", "priority", "batch") ON "tasks"'
    )


def test_the_doctor_finds_no_role_and_too_mighty_a_role(deployment: Deployment) -> None:
    assert deployment.compared("postgresql://nobody@localhost/x", SINGLE) == Compared(exists=False)
    (excess,) = deployment.compared("postgresql://postgres@localhost/x", SINGLE).excess
    assert "superuser" in excess


def test_a_worker_whose_queues_are_here_reads_and_writes_messages_and_nothing_else(deployment: Deployment) -> None:
    grants = worker_grants(ledger=False, queues=True)
    url = deployment.role(grants)
    exchange_as(url)
    assert deployment.compared(url, grants) == Compared(exists=True)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM tasks")


@pytest.mark.parametrize("grant", [*OPENS, *MESSAGES], ids=str)
def test_each_grant_on_messages_is_needed(deployment: Deployment, grant: Grant) -> None:
    url = deployment.role([each for each in (*OPENS, *MESSAGES) if each != grant])
    with pytest.raises((LedgerUnavailable, QueueUnavailable), match=f"this role lacks a grant .*{grant.table}"):
        exchange_as(url)


def exchange_as(url: str) -> None:
    database = open_database(url)
    queue = DatabaseQueue("q", database, clock=SystemClock(), bell=LocalBell(), topic="t")
    try:
        given(queue, "a")
        receipts = [delivery.receipt for delivery in take(queue, 1, LONG)]
        queue.change_visibility([(receipt, LONG) for receipt in receipts])
        queue.delete(receipts)
    finally:
        database.close()


def test_an_orchestrator_does_its_work_without_owning_the_tables(deployment: Deployment) -> None:
    grants = orchestrator_grants(deployment.tables())
    url = deployment.role(grants)
    database = open_database(url, clock=deployment.moves.bench.clock)  # type: ignore[attr-defined] - as above
    ledger = DatabaseLedger(database)
    deployment.moves.given(2)
    assert ledger.dispatch("default", 10, Terms(VALIDITY), no_messages, None)
    assert len(ledger.secret("capability")) == 32
    ledger.alarms(Need.SWEEPER, 10)
    ledger.flights()
    ledger.fold_counters()
    ledger.prune(0, 10)
    ledger.pause("default", paused=True, by="me")
    ledger.close()
    assert deployment.compared(url, grants) == Compared(exists=True)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DROP TABLE audit")


def test_what_is_printed_can_be_run_and_holds_no_password(deployment: Deployment) -> None:
    made = statements('a "b"', [Grant("tasks", "UPDATE", ("open",))], "public", exists=False)
    assert made == [
        'CREATE ROLE "a ""b""" LOGIN',
        'GRANT USAGE ON SCHEMA "public" TO "a ""b"""',
        'GRANT UPDATE ("open") ON "public"."tasks" TO "a ""b"""',
    ]
    with psycopg.connect(deployment.cluster.url(deployment.name), autocommit=True) as owner:
        for statement in made:
            owner.execute(statement.encode())
