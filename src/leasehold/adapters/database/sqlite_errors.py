"""What SQLite's errors mean to a person, and what to do about each."""

from __future__ import annotations

import sqlite3

from leasehold.adapters.database.connection import Contended
from leasehold.core.errors import LeaseholdError, LedgerUnavailable, SchemaMismatch

ADVICE: dict[str, str] = {
    "SQLITE_READONLY": "it can be read but not written. Give this user write access to the file and to its folder.",
    "SQLITE_FULL": "the disk (or its quota) is full. Free some space; nothing that was accepted is lost.",
    "SQLITE_IOERR": "the disk reported an error ({error}). Check the disk and the space left on it.",
    "SQLITE_CANTOPEN": "it cannot be opened. Check that its folder exists and that this user may write there.",
    "SQLITE_NOTADB": "the file is no SQLite database, or is encrypted. Name another file, or move this one away.",
    "SQLITE_CORRUPT": (
        "the file is damaged ({error}). Stop every process that uses it, keep a copy, and recover it with: "
        "sqlite3 FILE .recover"
    ),
    "SQLITE_PERM": "this user may not use it. Give the user access to the file and to its folder.",
    "SQLITE_AUTH": "this user may not use it. Give the user access to the file and to its folder.",
    "SQLITE_NOMEM": "there is not enough memory to go on.",
    "SQLITE_TOOBIG": "a value is larger than SQLite can store. Put it into object storage and pass its address.",
}
CONTENDED = ("SQLITE_BUSY", "SQLITE_LOCKED")
FATAL = ("SQLITE_IOERR", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOMEM")
"""After these a connection is not used again."""


def translate(error: sqlite3.Error, url: str) -> LeaseholdError | None:
    """The error in our words; ``None`` when it is a mistake in the program."""
    name = name_of(error)
    if name.startswith(CONTENDED):
        return Contended(f"ledger {url}: another program keeps it locked. Close that program, or let it finish.")
    for prefix, advice in ADVICE.items():
        if name.startswith(prefix):
            return LedgerUnavailable(f"ledger {url}: {advice.format(error=error)}")
    if "no such table" in str(error) or "no such column" in str(error):
        return SchemaMismatch(f"ledger {url}: {error}: it has another schema. Run: leasehold migrate")
    return None


def is_fatal(error: BaseException) -> bool:
    """Whether the connection must be thrown away."""
    return isinstance(error, sqlite3.Error) and name_of(error).startswith(FATAL)


def name_of(error: sqlite3.Error) -> str:
    """SQLite's name of the error, such as ``SQLITE_IOERR_WRITE``; empty for errors of the driver itself."""
    name: object = getattr(error, "sqlite_errorname", "")
    return name if isinstance(name, str) else ""
