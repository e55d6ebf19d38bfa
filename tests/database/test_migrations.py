"""A migrated schema is a fresh schema."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from leasehold.adapters.database.migrating import MIGRATIONS, check, migrate
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.core.errors import LedgerUnavailable, SchemaMismatch
from leasehold.testing.ledger_bench import Moves
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench

pytestmark = pytest.mark.migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def schema_of(path: Path) -> dict[str, list[str]]:
    """What SQLite keeps of every table and index, part by part: a column that is added later stands last."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {name: parts_of(sql) for name, sql in rows if "sqlite_sequence" not in name}


def parts_of(sql: str) -> list[str]:
    """The columns and constraints of a table, without its white space and in no order; an index as it is."""
    head, _, rest = " ".join(sql.split()).partition("(")
    if not head.startswith("CREATE TABLE"):
        return [f"{head}({rest}"]
    body, _, tail = rest.rpartition(")")
    parts = re.split(r", (?![^()]*\))", body)
    return [head, *sorted(part.strip() for part in parts), tail]


def test_a_migrated_schema_is_a_fresh_schema(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    open_database(f"sqlite:///{fresh}").close()
    assert migrate(f"sqlite:///{migrated}") == (None, SCHEMA_VERSION)
    assert schema_of(migrated) == schema_of(fresh)
    assert check(f"sqlite:///{migrated}") == check(f"sqlite:///{fresh}") == SCHEMA_VERSION


CATALOGUE = """
SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, column_default, collation_name,
       is_identity, identity_generation)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT relname, array_to_string(reloptions, ',') FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""


def catalogue_of(url: str) -> dict[str, str]:
    """What PostgreSQL keeps of every column, index, constraint and table."""
    with psycopg.connect(url) as connection:
        return {name: what or "" for name, what in connection.execute(CATALOGUE.encode())}


def test_a_migrated_schema_is_a_fresh_schema_on_postgresql_too(empty_url: str, postgres_url: str) -> None:
    assert check(empty_url) is None
    assert migrate(empty_url) == (None, SCHEMA_VERSION)
    assert catalogue_of(empty_url) == catalogue_of(postgres_url)
    assert check(empty_url) == check(postgres_url) == SCHEMA_VERSION
    assert migrate(empty_url) == (SCHEMA_VERSION, SCHEMA_VERSION)


def test_a_migrated_ledger_works_on_postgresql_too(empty_url: str) -> None:
    migrate(empty_url)
    bench = PostgresBench(empty_url)
    moves = Moves(bench)
    (task_id,) = moves.out()
    moves.complete(task_id)
    moves.assert_accounted_for()
    bench.close()


def test_a_migration_that_fails_leaves_nothing_behind_on_postgresql_too(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE runs (something_else TEXT)")
    before = catalogue_of(empty_url)
    with pytest.raises(Exception, match='"runs" already exists'):
        migrate(empty_url)
    assert catalogue_of(empty_url) == before


def test_a_ledger_of_a_newer_leasehold_is_left_alone_on_postgresql_too(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE schema_version SET version_num = '9999'")
    for what in (check, migrate):
        with pytest.raises(SchemaMismatch, match="made by a newer Leasehold"):
            what(postgres_url)


def test_the_newest_migration_is_the_schema_that_the_code_needs() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [SCHEMA_VERSION]
    assert [script.revision for script in scripts.walk_revisions()][-1] == "0001"


def test_migrating_what_is_up_to_date_changes_nothing(path: Path) -> None:
    bench = SqliteBench.around(SqliteDatabase(str(path)))
    (task_id,) = Moves(bench).given()
    assert migrate(f"sqlite:///{path}") == (SCHEMA_VERSION, SCHEMA_VERSION)
    assert Moves(bench).state(task_id) == "pending/due"
    bench.close()


def test_a_migrated_ledger_works(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    bench = SqliteBench.around(SqliteDatabase(str(path)))
    moves = Moves(bench)
    (task_id,) = moves.out()
    moves.complete(task_id)
    moves.assert_accounted_for()
    bench.close()


def test_checking_changes_nothing(path: Path) -> None:
    assert check(f"sqlite:///{path}") is None
    assert not path.exists()


@pytest.mark.parametrize("what", [check, migrate])
def test_a_ledger_of_a_newer_leasehold_is_left_alone(path: Path, what: object) -> None:
    open_database(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE schema_version SET version_num = '9999'")
    before = schema_of(path)
    assert callable(what)
    with pytest.raises(SchemaMismatch, match="made by a newer Leasehold"):
        what(f"sqlite:///{path}")
    assert schema_of(path) == before


def test_an_older_ledger_is_told_to_migrate(path: Path) -> None:
    open_database(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE schema_version SET version_num = '0000'")
    with pytest.raises(SchemaMismatch, match="Run: leasehold migrate"):
        check(f"sqlite:///{path}")


def test_a_migration_that_fails_leaves_nothing_behind(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (something_else TEXT)")
    before = schema_of(path)
    with pytest.raises(Exception, match="runs already exists"):
        migrate(f"sqlite:///{path}")
    assert schema_of(path) == before


def test_a_file_that_is_no_ledger_is_told(path: Path) -> None:
    path.write_text("a song of ice and fire\n" * 100)
    with pytest.raises(LedgerUnavailable, match="no SQLite database"):
        migrate(f"sqlite:///{path}")


def at_version(url: str, version: str) -> Engine:
    """A ledger as an older Leasehold made it."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    return engine


@pytest.mark.parametrize("where", ["file", "server"])
def test_what_an_older_ledger_has_counted_is_kept_and_added_up(where: str, path: Path, empty_url: str) -> None:
    """0003: counters by batch, and their sums without the batches."""
    url = f"sqlite:///{path}" if where == "file" else empty_url
    engine = at_version(url, "0002")
    counted = [
        ("q", "completed", "h", "b1", "", 3),
        ("q", "completed", "h", "b2", "", 4),
        ("q", "+started", "", "", "", 9),
    ]
    with engine.begin() as connection:
        for row in counted:
            connection.exec_driver_sql(f"INSERT INTO counters VALUES {row}")  # noqa: S608 - rows of this test
    migrate(url)
    with engine.begin() as connection:
        assert sorted(map(tuple, connection.exec_driver_sql("SELECT * FROM counters"))) == sorted(counted)
        totals = connection.exec_driver_sql("SELECT state, queue, name, error_group, tasks FROM totals").fetchall()
    assert sorted(map(tuple, totals)) == [("+started", "q", "", "", 9), ("completed", "q", "h", "", 7)]
    engine.dispose()
