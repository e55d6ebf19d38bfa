"""Core statements to text: ``python -m leasehold.adapters.database.compile`` writes every book anew."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping

from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import Compiled, SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from leasehold.adapters.database import sql

DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="qmark"),
}
PLACE = "?"


def compile_book(book: str, dialect: str) -> dict[str, tuple[str, list[str]]]:
    """Text and names of every statement of the book."""
    module = importlib.import_module(f"leasehold.adapters.database.statements.{book}")
    statements: dict[str, ClauseElement] = module.STATEMENTS
    made = DIALECTS[dialect]()
    return {name: text_of(statement.compile(dialect=made)) for name, statement in statements.items()}


def text_of(compiled: Compiled) -> tuple[str, list[str]]:
    """One line of SQL and the names of its places; values that stand in the statement become literals.

    Literals, because a partial index serves a query only where the planner sees the value.
    """
    text = " ".join(str(compiled).split())
    if not isinstance(compiled, SQLCompiler):
        return text, []
    places = list(compiled.positiontup or ())
    first, *rest = text.split(PLACE)
    named = [name for name in places if compiled.binds[name].required]
    signs = [PLACE if name in named else literal(compiled, name) for name in places]
    return first + "".join(sign + part for sign, part in zip(signs, rest, strict=True)), named


def literal(compiled: SQLCompiler, name: str) -> str:
    """A value that stands in the statement, as SQL."""
    place = compiled.binds[name]
    return compiled.render_literal_value(place.value, place.type)


def books() -> list[str]:
    """The names of all books."""
    return sorted(path.stem for path in (sql.HERE / "statements").glob("[!_]*.py"))


def main() -> None:
    """Write every book for every database."""
    for dialect in DIALECTS:
        for book in books():
            text = json.dumps(sql.compile_now(book, dialect), indent=1, ensure_ascii=False)
            sql.path_of(book, dialect).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
