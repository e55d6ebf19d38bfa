"""Core statements to text: ``python -m leasehold.adapters.database.compile`` writes every book anew."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Delete,
    Insert,
    String,
    Table,
    Text,
    Update,
    column,
    func,
    select,
)
from sqlalchemy import bindparam as place
from sqlalchemy import cast as as_type
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import Compiled, SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.sql.visitors import ExternallyTraversible
from sqlalchemy.types import TypeEngine

from leasehold.adapters.database import sql
from leasehold.adapters.database.connection import Sql
from leasehold.adapters.database.elements import EACH, TELLS

DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="qmark"),
    "postgresql": lambda: psycopg.dialect(paramstyle="numeric_dollar"),
}
PLACE = re.compile(r"\?|\$(\d+)(::[A-Z]+)?")
"""SQLite's, and PostgreSQL's with the type that it is cast to."""


def compile_book(book: str, dialect: str) -> dict[str, Sql]:
    """Every statement of the book."""
    module = importlib.import_module(f"leasehold.adapters.database.statements.{book}")
    statements: dict[str, ClauseElement] = module.STATEMENTS
    made = DIALECTS[dialect]()
    compiler = in_sets if dialect == "postgresql" else one_by_one
    return {name: compiler(statement, made) for name, statement in statements.items()}


def one_by_one(statement: ClauseElement, dialect: Dialect) -> Sql:
    """A statement that is run once for each row of values."""
    if isinstance(statement, Insert) and (names := each_of(statement)):
        statement = statement.values({name: place(name) for name in names})
    return text_of(statement.compile(dialect=dialect))


def in_sets(statement: ClauseElement, dialect: Dialect) -> Sql:
    """A statement that takes all rows at once, where it is one for many: an array for each column."""
    names = each_of(statement)
    if not isinstance(statement, Insert | Update | Delete) or not isinstance(statement.table, Table) or not names:
        return text_of(statement.compile(dialect=dialect))
    table = cast("Table", statement.table)
    kinds = [kind_of(table, name) for name in names]
    rows = arrays(names, kinds)
    made = text_of(among(statement, names, rows).compile(dialect=dialect))
    copies = isinstance(statement, Insert) and " ON CONFLICT " not in made.text
    kept = made._replace(kinds=tuple(kind.compile(dialect) for kind in kinds))
    return kept._replace(copy=copy_of(made.text)) if copies else kept


def copy_of(insert: str) -> str:
    """The ``COPY`` that does what an insert does."""
    into, _, _ = insert.removeprefix("INSERT INTO ").partition(" SELECT ")
    return f"COPY {into} FROM STDIN"


def among(statement: Insert | Update | Delete, names: Sequence[str], rows: TableValuedAlias) -> ClauseElement:
    """The statement over ``rows`` in place of the values of one."""
    if isinstance(statement, Insert):
        inserted = statement.from_select(list(names), select(*(rows.c[name] for name in names)))
        return inserted.returning(*statement.table.primary_key) if options(statement).get(TELLS) else inserted

    def column_of(element: ExternallyTraversible, **_kw: object) -> ExternallyTraversible | None:
        return rows.c[element.key] if isinstance(element, BindParameter) and element.required else None

    return cast("Update | Delete", visitors.replacement_traverse(statement, {}, column_of))


def arrays(names: Sequence[str], kinds: Sequence[TypeEngine[object]]) -> TableValuedAlias:
    """Rows from one array for each column."""
    given = [as_type(place(name), ARRAY(kind)) for name, kind in zip(names, kinds, strict=True)]
    columns = [column(name, kind) for name, kind in zip(names, kinds, strict=True)]
    return func.unnest(*given).table_valued(*columns).render_derived("given")


def kind_of(table: Table, name: str) -> TypeEngine[object]:
    """The type of a column, or of a value that is called after one (with ``_`` behind, where it looks for the row)."""
    kind = table.c[name.removesuffix("_")].type
    return Text() if isinstance(kind, String) else kind


def each_of(statement: ClauseElement) -> tuple[str, ...]:
    """The values that it takes for each of many rows; none where it is run once."""
    return options(statement).get(EACH, ())


def options(statement: ClauseElement) -> Mapping[str, tuple[str, ...]]:
    """What ``elements.py`` says of it."""
    return statement.get_execution_options() if isinstance(statement, Insert | Update | Delete) else {}


def text_of(compiled: Compiled) -> Sql:
    """One line of SQL and the names of its places; values that stand in the statement become literals.

    Literals, because a partial index serves a query only where the planner sees the value.
    """
    text = " ".join(str(compiled).split())
    if not isinstance(compiled, SQLCompiler):
        return Sql(text, ())
    places, names = list(compiled.positiontup or ()), list[str]()
    left = iter(places)

    def sign(found: re.Match[str]) -> str:
        name = places[int(found[1]) - 1] if found[1] else next(left)
        if not compiled.binds[name].required:
            return literal(compiled, name)
        if not found[1]:
            names.append(name)
            return found[0]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}{found[2] or ''}"

    text = PLACE.sub(sign, text)
    return Sql(text, tuple(names))


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
