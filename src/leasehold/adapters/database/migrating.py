"""Bringing a ledger's schema up to date. The only place that knows Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from leasehold.adapters.database.connection import Database
from leasehold.adapters.database.open import connect, mismatch, schema_version
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.core.errors import SchemaMismatch

MIGRATIONS = Path(__file__).with_name("migrations")
ENGINES = {
    "sqlite": ("sqlite://", "BEGIN IMMEDIATE"),  # the driver leaves it to us
    "postgresql": ("postgresql+psycopg://", "SET LOCAL lock_timeout = '60s'"),  # the driver has begun by then
}
"""How SQLAlchemy reaches each database, and the first statement of the transaction."""


def check(url: str) -> str | None:
    """The version of the schema at ``url``; ``None`` where there is no ledger yet. Changes nothing.

    Raises ``SchemaMismatch`` where it is not the version that this Leasehold needs, with what to do about it.
    """
    database = connect(url)
    try:
        if isinstance(database, SqliteDatabase) and not Path(database.path).exists():
            return None
        version = version_of(database)
    finally:
        database.close()
    if version not in {None, SCHEMA_VERSION}:
        raise mismatch(database.url, str(version))
    return version


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the schema at ``url`` up to date, in one transaction; the version before and after.

    Writers wait meanwhile. Raises ``SchemaMismatch`` where a newer Leasehold made it, ``LedgerUnavailable`` where it
    cannot be written.
    """
    database = connect(url)
    try:
        with database.alone() as raw:
            before = version_of(database)
            if before is not None and before > SCHEMA_VERSION:
                raise mismatch(database.url, before)
            upgrade(*ENGINES[database.dialect], raw)
    except CommandError as error:
        raise SchemaMismatch(
            f"ledger {database.url}: no step leads from its schema to {SCHEMA_VERSION} ({error}). "
            "Restore a backup of it"
        ) from error
    finally:
        database.close()
    return before, SCHEMA_VERSION


def upgrade(engine_url: str, begin: str, raw: object) -> None:
    """Let Alembic make what is missing, all of it or nothing."""
    engine = create_engine(engine_url, creator=lambda: raw, poolclass=StaticPool)

    def first(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", first)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def version_of(database: Database) -> str | None:
    """The version of the schema; ``None`` where there is none."""
    with database.read() as tx:
        return schema_version(database, tx)
