"""Opening a database by its URL, with a schema that fits."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from leasehold.adapters.database.connection import Database, Transaction
from leasehold.adapters.database.sqlite import PATIENCE, SqliteDatabase
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.core.errors import BadSettings, SchemaMismatch
from leasehold.ports.clock import Clock


def open_database(url: str, *, clock: Clock | None = None, patience: int = PATIENCE) -> Database:
    """The database at ``sqlite:///PATH`` (``?mode=ro``: only to look). A file that does not exist is made.

    Raises ``SchemaMismatch`` when another version of Leasehold made it, ``LedgerUnavailable`` when it cannot be used.
    """
    database = connect(url, clock=clock, patience=patience)
    ensure_schema(database)
    return database


def connect(url: str, *, clock: Clock | None = None, patience: int = PATIENCE) -> SqliteDatabase:
    """The database at ``url``, whatever its schema; nothing is opened yet."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise BadSettings(f"ledger {url!r}: its address must begin with sqlite:/// (a file, such as sqlite:///jobs.db)")
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or path in {"", ":memory:"}:
        raise BadSettings(f"ledger {url!r}: name a file, such as sqlite:///jobs.db or sqlite:////var/lib/jobs.db")
    read_only = parse_qs(parts.query).get("mode") == ["ro"]
    return SqliteDatabase(str(Path(path).absolute()), clock=clock, read_only=read_only, patience=patience)


def ensure_schema(database: Database) -> None:
    """Make the schema in an empty database; raise ``SchemaMismatch`` where it is another version's."""
    with database.read() as tx:
        version = schema_version(database, tx)
    if version is None:
        version = database.transact(lambda tx: schema_version(database, tx) or create(database, tx))
    if version != SCHEMA_VERSION:
        raise mismatch(database.url, version)


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
