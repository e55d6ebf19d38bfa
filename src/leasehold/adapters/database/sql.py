"""Statements as text, without importing SQLAlchemy: it takes most of a second, opening a ledger a tenth of that.

Each module in ``statements/`` is a book of Core statements. ``compile.py`` writes the text of every book for every
database beside them; a book whose sources have changed since is compiled on the spot, so a stale file costs time only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

from leasehold.adapters.database.connection import Sql

HERE = Path(__file__).parent
SHARED = ("compile.py", "elements.py", "schema.py", "argument_schema.py", "access_schema.py", "queue_schema.py")
"""What every book is compiled from, beside itself."""


class Compiled(TypedDict):
    """A compiled book as it is kept: each statement's text and the names of its values."""

    sources: str
    statements: dict[str, list[Any]]
    """The parts of each ``Sql`` that are not empty, in its order."""


def load(book: str, dialect: str) -> dict[str, Sql]:
    """Every statement of the book, by name."""
    compiled = saved(book, dialect)
    if compiled is None or compiled["sources"] != digest(book):
        compiled = compile_now(book, dialect)
    return {name: sql_of(*parts) for name, parts in compiled["statements"].items()}


def sql_of(text: str, names: Sequence[str] = (), kinds: Sequence[str] = (), copy: str = "") -> Sql:
    """One statement, as it was kept."""
    return Sql(text, tuple(names), tuple(kinds), copy)


def saved(book: str, dialect: str) -> Compiled | None:
    """What was compiled before, however old."""
    path = path_of(book, dialect)
    return cast("Compiled", json.loads(path.read_text("utf-8"))) if path.exists() else None


def path_of(book: str, dialect: str) -> Path:
    """Where a book's text for one database is kept."""
    return HERE / "compiled" / f"{book}.{dialect}.json"


def digest(book: str) -> str:
    """A hash over everything that a book is compiled from."""
    hashed = hashlib.sha256()
    for name in (*SHARED, f"statements/{book}.py"):
        path = HERE / name
        if path.exists():
            hashed.update(name.encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()


def compile_now(book: str, dialect: str) -> Compiled:
    """Compile with SQLAlchemy."""
    from leasehold.adapters.database.compile import compile_book  # noqa: PLC0415 - the import is what we avoid

    made = {name: [part for part in each if part] for name, each in compile_book(book, dialect).items()}
    return Compiled(sources=digest(book), statements=made)
