"""``connection=``: a task is part of the caller's own transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from leasehold import App, Batch
from leasehold.adapters.database.open import open_database
from leasehold.core.errors import KeyTaken, LedgerUnavailable, SchemaMismatch, UsageError
from leasehold.testing.queue_bench import BOUND, in_thread
from tests.servers.clusters import Clusters

KINDS = ("sqlite3", "sqlalchemy+sqlite", "psycopg", "sqlalchemy+psycopg")


Connection = sqlalchemy.Connection | psycopg.Connection[Any] | sqlite3.Connection


def run(connection: Connection, statement: str) -> Any:  # noqa: ANN401 - each driver's own cursor
    if isinstance(connection, sqlalchemy.Connection):
        return connection.exec_driver_sql(statement)
    if isinstance(connection, sqlite3.Connection):
        return connection.execute(statement)
    return connection.execute(statement.encode())


class Caller(NamedTuple):
    """A program with a table of its own beside the ledger's."""

    app: App
    url: str
    connect: Callable[[], Any]
    dialect: str

    def submit(self, connection: object, number: int = 1, key: str | None = None, batch: str | None = None) -> str:
        return self.app["bill"].options(connection=connection, key=key, batch=batch).submit(number).id

    def insert(self, connection: Connection) -> None:
        run(connection, "INSERT INTO orders VALUES (1)")

    def tasks(self) -> int:
        """How many tasks others see."""
        return self.app.connection.client.views.count("", 100)

    def orders(self) -> int:
        """How many orders others see."""
        with closing(self.connect()) as connection:
            return int(run(connection, "SELECT count(*) FROM orders").fetchone()[0])


def bill(number: int) -> int:
    return number


def made(url: str, connect: Callable[[], Any], dialect: str) -> Caller:
    app = App("shop", ledger=url)
    app.task(lease="30s")(bill)
    return Caller(app, url, connect, dialect)


@pytest.fixture
def caller(request: pytest.FixtureRequest, tmp_path: Path, clusters: Clusters) -> Iterator[Caller]:
    kind = request.param
    engines: list[sqlalchemy.Engine] = []

    def through(url: str) -> Callable[[], sqlalchemy.Connection]:
        engines.append(sqlalchemy.create_engine(url))
        return engines[-1].connect

    if "sqlite" in kind:
        file = tmp_path / "jobs.db"
        open_database(f"sqlite:///{file}").close()
        with closing(sqlite3.connect(file)) as raw:
            raw.execute("CREATE TABLE orders (id integer)")
        connect = through(f"sqlite:///{file}") if "+" in kind else lambda: sqlite3.connect(file)
        caller = made(f"sqlite:///{file}", connect, "sqlite")
    else:
        cluster = clusters["newest"]
        url = cluster.url(cluster.fresh())
        with psycopg.connect(url) as raw:
            raw.execute("CREATE TABLE orders (id integer)")
        connect = through(url.replace("://", "+psycopg://", 1)) if "+" in kind else lambda: psycopg.connect(url)
        caller = made(url, connect, "postgresql")
    yield caller
    caller.app.close()
    for engine in engines:
        engine.dispose()


every_kind = pytest.mark.parametrize("caller", KINDS, indirect=True)
on_postgres = pytest.mark.parametrize("caller", ["psycopg", "sqlalchemy+psycopg"], indirect=True)
with_psycopg = pytest.mark.parametrize("caller", ["psycopg"], indirect=True)
with_sqlite3 = pytest.mark.parametrize("caller", ["sqlite3"], indirect=True)
with_sqlalchemy = pytest.mark.parametrize("caller", ["sqlalchemy+sqlite", "sqlalchemy+psycopg"], indirect=True)


@every_kind
@pytest.mark.parametrize("first", ["order", "task"])
def test_nobody_sees_the_task_before_the_commit_and_everybody_after(caller: Caller, first: str) -> None:
    with closing(caller.connect()) as connection:
        if first == "order":
            caller.insert(connection)
        task_id = caller.submit(connection)
        if first == "task":
            caller.insert(connection)
        assert (caller.tasks(), caller.orders()) == (0, 0)
        connection.commit()
    assert (caller.tasks(), caller.orders()) == (1, 1)
    assert caller.app.connection.client.views.task(task_id) is not None


@every_kind
def test_a_rollback_takes_the_task_with_it(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        caller.insert(connection)
        caller.submit(connection)
        connection.rollback()
        caller.submit(connection, 2)
        connection.commit()
    assert (caller.tasks(), caller.orders()) == (1, 0)


@every_kind
def test_a_connection_that_is_closed_without_a_commit_has_submitted_nothing(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        caller.submit(connection)
    assert caller.tasks() == 0


@every_kind
def test_a_later_failure_of_the_caller_takes_the_task_with_it(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        caller.submit(connection)
        with pytest.raises((sqlite3.Error, psycopg.Error, DBAPIError)):
            fail(connection)
        connection.rollback()
    assert caller.tasks() == 0


def fail(connection: Connection) -> None:
    run(connection, "INSERT INTO nowhere VALUES (1)")


@every_kind
def test_keys_and_batches_work_as_ever(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        first = caller.submit(connection, 1, key="a", batch="b")
        assert caller.submit(connection, 1, key="a", batch="b") == first
        with pytest.raises(KeyTaken):
            caller.submit(connection, 2, key="a", batch="b")
        caller.insert(connection)
        connection.commit()
    assert (caller.tasks(), caller.orders()) == (1, 1)
    assert caller.submit(None, 1, key="a", batch="b") == first


@every_kind
def test_many_rows_are_part_of_the_transaction(caller: Caller) -> None:
    rows = [{"number": number} for number in range(2_500)]
    with closing(caller.connect()) as connection:
        batch: Batch[Any] = caller.app["bill"].submit_many(rows, key="number", batch="b", connection=connection)
        assert batch.submitted == 2_500
        assert caller.tasks() == 0
        connection.commit()
    assert caller.app.connection.client.alive("b") == 2_500


@every_kind
def test_retries_of_failed_tasks_cannot_be_part_of_it(caller: Caller) -> None:
    with closing(caller.connect()) as connection, pytest.raises(UsageError, match="leave out retry_failed"):
        caller.app["bill"].submit_many([], retry_failed=True, connection=connection)


@on_postgres
def test_two_transactions_at_once_each_keep_their_own(caller: Caller) -> None:
    """Each in a thread of its own; one commits, one rolls back."""

    def work(number: int) -> None:
        with closing(caller.connect()) as connection:
            caller.submit(connection, number, batch=f"b{number}")
            if number % 2:
                connection.commit()
            else:
                connection.rollback()

    for thread in [in_thread(lambda number=number: work(number)) for number in range(8)]:
        thread.result(timeout=BOUND)
    assert caller.tasks() == 4


@on_postgres
def test_who_waits_for_a_key_learns_who_was_faster(caller: Caller) -> None:
    with closing(caller.connect()) as faster, closing(caller.connect()) as slower:
        first = caller.submit(faster, 1, key="a")
        waiting = in_thread(lambda: caller.submit(slower, 1, key="a"))
        faster.commit()
        assert waiting.result(timeout=BOUND) == first
        slower.commit()
    assert caller.tasks() == 1


@on_postgres
def test_an_error_inside_does_not_end_the_callers_transaction(caller: Caller) -> None:
    """A failed statement would make PostgreSQL refuse all that follows."""
    with psycopg.connect(caller.url) as raw:
        raw.execute("ALTER TABLE audit RENAME TO elsewhere")
    with closing(caller.connect()) as connection:
        caller.insert(connection)
        with pytest.raises(SchemaMismatch, match="audit"):
            caller.submit(connection)
        caller.insert(connection)
        connection.commit()
    with psycopg.connect(caller.url) as raw:
        raw.execute("ALTER TABLE elsewhere RENAME TO audit")
    assert (caller.tasks(), caller.orders()) == (0, 2)


@with_psycopg
def test_a_lost_connection_is_said_in_a_sentence(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        caller.submit(connection)
        with psycopg.connect(caller.url, autocommit=True) as raw:
            raw.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
        with pytest.raises(LedgerUnavailable, match="the connection was lost"):
            caller.submit(connection)
    assert caller.tasks() == 0


@with_psycopg
def test_what_the_caller_chose_for_its_rows_does_not_matter(caller: Caller) -> None:
    with psycopg.Connection[dict[str, Any]].connect(caller.url, row_factory=dict_row) as connection:
        caller.submit(connection, key="a")
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    assert caller.tasks() == 1


@with_sqlite3
def test_what_the_caller_chose_for_its_rows_does_not_matter_to_sqlite(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        connection.row_factory = sqlite3.Row
        caller.submit(connection, key="a")
        connection.commit()
    assert caller.tasks() == 1


# -- refused, in a sentence --------------------------------------------------------------------------------------------


@with_psycopg
def test_a_psycopg_connection_that_commits_by_itself_is_refused_outside_of_a_transaction(caller: Caller) -> None:
    with psycopg.connect(caller.url, autocommit=True) as connection:
        with pytest.raises(UsageError, match="commits each statement by itself"):
            caller.submit(connection)
        with connection.transaction():
            caller.submit(connection)
    assert caller.tasks() == 1


@with_sqlite3
def test_a_sqlite3_connection_that_commits_by_itself_is_refused_outside_of_a_transaction(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        connection.isolation_level = None
        with pytest.raises(UsageError, match="commits each statement by itself"):
            caller.submit(connection)
        connection.execute("BEGIN")
        caller.submit(connection)
        connection.execute("ROLLBACK")
        with pytest.raises(UsageError, match="commits each statement by itself"):
            caller.submit(connection)
    assert caller.tasks() == 0


@with_sqlalchemy
def test_an_sqlalchemy_connection_that_commits_by_itself_is_refused(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(UsageError, match="commits each statement by itself"):
            caller.submit(alone)
    assert caller.tasks() == 0


@with_psycopg
def test_a_connection_in_pipeline_mode_is_refused(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        with connection.pipeline(), pytest.raises(UsageError, match="pipeline mode"):
            caller.submit(connection)
        caller.submit(connection)
        connection.commit()
    assert caller.tasks() == 1


@on_postgres
def test_a_transaction_that_has_failed_already_is_refused(caller: Caller) -> None:
    with closing(caller.connect()) as connection:
        with pytest.raises((psycopg.Error, DBAPIError)):
            fail(connection)
        with pytest.raises(UsageError, match="has failed already"):
            caller.submit(connection)


@every_kind
def test_another_database_is_refused_and_nothing_is_left_open(
    caller: Caller, tmp_path: Path, clusters: Clusters
) -> None:
    if caller.dialect == "sqlite":
        other = f"sqlite:///{tmp_path}/other.db"
        open_database(other).close()
    else:
        other = clusters["newest"].url(clusters["newest"].fresh())
    stranger = App("stranger", ledger=other)
    stranger.task(lease="30s")(bill)
    with closing(caller.connect()) as connection:
        with pytest.raises(UsageError, match="another database than the ledger"):
            stranger["bill"].options(connection=connection).submit(1)
        in_transaction = (
            connection.in_transaction()
            if isinstance(connection, sqlalchemy.Connection)
            else getattr(connection, "in_transaction", False)
        )
        assert not in_transaction
        caller.submit(connection)  # to its own ledger it may
        connection.commit()
    stranger.close()
    assert caller.tasks() == 1


@with_psycopg
def test_another_schema_of_the_same_database_is_refused(caller: Caller) -> None:
    with (
        psycopg.connect(caller.url, options="-c search_path=pg_catalog") as connection,
        pytest.raises(UsageError, match="does not find the ledger's tables"),
    ):
        caller.submit(connection)


@every_kind
def test_what_is_no_connection_is_refused(caller: Caller) -> None:
    with pytest.raises(UsageError, match=r"through a builtins\.str\. Pass a .*Connection"):
        caller.submit("postgresql://me@there/jobs")


@with_sqlalchemy
def test_of_an_engine_or_a_session_its_connection_is_asked_for(caller: Caller) -> None:
    with closing(caller.connect()) as connection, Session(connection) as session:
        with pytest.raises(UsageError, match=r"session\.connection\(\)"):
            caller.submit(session)
        with pytest.raises(UsageError, match=r"engine\.connect\(\)"):
            caller.submit(connection.engine)
        caller.submit(session.connection())
        assert caller.tasks() == 0
        session.commit()
    assert caller.tasks() == 1


@with_psycopg
def test_a_connection_of_the_other_kind_is_refused(caller: Caller) -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(UsageError, match=r"through a sqlite3\.Connection\. Pass a psycopg\.Connection"),
    ):
        caller.submit(connection)
