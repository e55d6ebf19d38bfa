"""SQL that the two databases spell differently, as Core elements."""

from __future__ import annotations

from sqlalchemy import ColumnClause, Select, TableClause, Text, bindparam, column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias


class Each(FunctionElement[str]):
    """Rows with one column ``value``, from one bound array of texts."""

    name = "each"
    inherit_cache = True


@compiles(Each, "sqlite")
def each_sqlite(element: Each, compiler: SQLCompiler, **kw: object) -> str:
    """A JSON array."""
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(Each, "postgresql")
def each_postgresql(element: Each, compiler: SQLCompiler, **kw: object) -> str:
    """A text array literal: psycopg's own adaptation of lists costs three times as much."""
    return f"unnest(CAST({compiler.process(element.clauses, **kw)} AS TEXT[]))"


def each_row(name: str) -> TableValuedAlias:
    """The texts bound under ``name`` (made by ``Transaction.array``), as rows with one column ``value``."""
    return Each(bindparam(name)).table_valued(text_column("value"), name=f"{name}_rows")


def each(name: str) -> Select[str]:
    """A subquery over the texts bound under ``name``."""
    value = text_column("value")
    return select(value).select_from(each_row(name))


class Catalog(TableClause):
    """The database's own list of tables, with one column ``name``."""

    inherit_cache = False


@compiles(Catalog, "sqlite")
def catalog_sqlite(_element: Catalog, _compiler: SQLCompiler, **_kw: object) -> str:
    """SQLite's catalogue."""
    return "sqlite_master"


@compiles(Catalog, "postgresql")
def catalog_postgresql(_element: Catalog, _compiler: SQLCompiler, **_kw: object) -> str:
    """Of the schema that new tables go to."""
    return "(SELECT tablename AS name FROM pg_catalog.pg_tables WHERE schemaname = current_schema()) AS tables_here"


def table_names() -> Select[str]:
    """The names of the tables (and, in SQLite, of indexes)."""
    return select(text_column("name")).select_from(Catalog("catalog"))


def text_column(name: str) -> ColumnClause[str]:
    """A column that belongs to no table."""
    return column(name, Text)
