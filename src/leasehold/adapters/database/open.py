"""Opening a database by its URL, with a schema that fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from leasehold.adapters.database.connection import Database, Transaction
from leasehold.adapters.database.sqlite import PATIENCE, SqliteDatabase
from leasehold.adapters.database.version import SCHEMA_LOCK, SCHEMA_VERSION
from leasehold.core.addresses import not_by_api, without_secrets
from leasehold.core.errors import BadSettings, SchemaMismatch
from leasehold.ports.clock import Clock

if TYPE_CHECKING:
    from leasehold.adapters.database.postgres import PostgresDatabase


def open_database(url: str, *, clock: Clock | None = None, patience: int | None = None) -> Database:
    """The database at ``sqlite:///PATH`` (``?mode=ro``: only to look) or ``postgresql://USER@HOST/NAME``.

    An SQLite file that does not exist is made; in PostgreSQL, ``create_schema`` makes the tables. Raises
    ``SchemaMismatch`` when it has none, or another version of Leasehold made them, ``LedgerUnavailable`` when it cannot
    be used.
    """
    database = connect(url, clock=clock, patience=patience)
    ensure_schema(database)
    return database


def connect(url: str, *, clock: Clock | None = None, patience: int | None = None) -> SqliteDatabase | PostgresDatabase:
    """The database at ``url``, whatever its schema; nothing is opened yet.

    ``clock`` replaces the database's own. ``patience``: ms that a writer waits for others.
    """
    parts = urlsplit(url)
    if parts.scheme in {"postgresql", "postgres"}:
        made = postgres()
        return made(url, clock=clock) if patience is None else made(url, clock=clock, patience=patience)
    if parts.scheme in {"http", "https"}:
        raise not_by_api(url)
    if parts.scheme != "sqlite":
        raise BadSettings(
            f"ledger {parts.scheme or without_secrets(url)!r}: its address must begin with sqlite:/// (a file, such as "
            "sqlite:///jobs.db) or postgresql:// (such as postgresql://USER@HOST/NAME)"
        )
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or path in {"", ":memory:"}:
        raise BadSettings(f"ledger {url!r}: name a file, such as sqlite:///jobs.db or sqlite:////var/lib/jobs.db")
    read_only = parse_qs(parts.query).get("mode") == ["ro"]
    patience = PATIENCE if patience is None else patience
    return SqliteDatabase(str(Path(path).absolute()), clock=clock, read_only=read_only, patience=patience)


def postgres() -> type[PostgresDatabase]:
    """The adapter, whose driver is an extra."""
    try:
        from leasehold.adapters.database.postgres import PostgresDatabase  # noqa: PLC0415 - SQLite needs no psycopg
    except ImportError as error:
        if error.name is None or not error.name.startswith("psycopg"):
            raise
        raise BadSettings(
            "a ledger on PostgreSQL needs its driver, psycopg. Run: pip install 'leasehold[postgres]'"
        ) from error
    return PostgresDatabase


def ensure_schema(database: Database) -> None:
    """Make the schema in an empty SQLite file; raise ``SchemaMismatch`` where there is none, or another version's."""
    with database.read() as tx:
        version = schema_version(database, tx)
    if version is None and database.dialect == "sqlite":
        version = database.transact(lambda tx: schema_version(database, tx) or create(database, tx))
    if version is None:
        raise SchemaMismatch(f"ledger {database.url}: there are no tables of Leasehold's. Run: leasehold init")
    if version != SCHEMA_VERSION:
        raise mismatch(database.url, version)


def create_schema(url: str) -> tuple[str | None, str]:
    """Make the schema in an empty database; the version before (``None``: it was empty) and after.

    Changes nothing where there is one. Of several that do this at once, one does it. Raises ``SchemaMismatch`` where
    another version made it.
    """
    database = connect(url)
    made: list[str] = []

    def work(tx: Transaction) -> str:
        made.clear()
        if database.dialect == "postgresql":
            tx.rows(database.sql("meta")["alone"], {"lock": SCHEMA_LOCK})
            check_encoding(database, tx)
        version = schema_version(database, tx)
        if version is None:
            made.append(create(database, tx))
        return version or SCHEMA_VERSION

    try:
        version = database.transact(work, repeatable=True)
    finally:
        database.close()
    if version != SCHEMA_VERSION:
        raise mismatch(database.url, version)
    return (None if made else version), SCHEMA_VERSION


def check_encoding(database: Database, tx: Transaction) -> None:
    """Texts of every language must fit, and be ordered by their signs."""
    ((encoding,),) = tx.rows(database.sql("meta")["encoding"], {"of": "server_encoding"})
    if encoding != "UTF8":
        raise BadSettings(
            f"ledger {database.url}: the database has the encoding {encoding}; make one with: CREATE DATABASE ... "
            "ENCODING 'UTF8' TEMPLATE template0"
        )


def create(database: Database, tx: Transaction) -> str:
    """Write the newest schema; its version."""
    for statement in database.sql("create").values():
        tx.run(statement)
    tx.run(database.sql("meta")["stamp"], {"version_num": SCHEMA_VERSION})
    return SCHEMA_VERSION


def schema_version(database: Database, tx: Transaction) -> str | None:
    """The version that the database says it has; ``None`` when it is empty."""
    book = database.sql("meta")
    if not tx.rows(book["exists"]):
        return None
    found = tx.rows(book["version"])
    return str(found[0][0]) if found else ""


def mismatch(url: str, version: str) -> SchemaMismatch:
    """What to do about another schema."""
    if version > SCHEMA_VERSION:
        return SchemaMismatch(
            f"ledger {url}: its schema is {version}, made by a newer Leasehold; this one knows {SCHEMA_VERSION}. "
            "Update Leasehold on this machine."
        )
    return SchemaMismatch(
        f"ledger {url}: its schema is {version or 'unknown'}, this Leasehold needs {SCHEMA_VERSION}. "
        "Run: leasehold migrate"
    )
