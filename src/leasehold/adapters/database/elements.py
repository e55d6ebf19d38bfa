"""SQL that the two databases spell differently, as Core elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnClause,
    ColumnElement,
    Delete,
    Select,
    Table,
    TableClause,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import Insert
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
    return f"(SELECT unnest(CAST({compiler.process(element.clauses, **kw)} AS TEXT[])) AS value)"


def each_row(name: str) -> TableValuedAlias:
    """The texts bound under ``name`` (made by ``Transaction.array``), as rows with one column ``value``."""
    return Each(bindparam(name)).table_valued(text_column("value"), name=f"{name}_rows")


def each(name: str) -> Select[str]:
    """A subquery over the texts bound under ``name``."""
    value = text_column("value")
    return select(value).select_from(each_row(name))


class OneRange(FunctionElement[bool]):
    """One range of the index over some columns and, behind them, a number: their values, and the numbers' bounds.

    It says nothing of its type: SQLite would be asked whether a truth value is 1, and use no index for that.
    """

    name = "one_range"
    inherit_cache = True

    def __init__(self, columns: Mapping[ColumnElement[Any], ColumnElement[Any]], number: Bounded) -> None:
        self.width = len(columns)
        super().__init__(*columns, *columns.values(), *number)


Bounded = tuple[ColumnElement[int], ColumnElement[int], ColumnElement[int]]
"""A number, the one that it is above of, and the one that it is below of."""


def parts_of(element: OneRange, compiler: SQLCompiler, kw: dict[str, object]) -> tuple[list[str], list[str], list[str]]:
    """Columns, values and number, as text."""
    texts = [compiler.process(clause, **kw) for clause in element.clauses]
    return texts[: element.width], texts[element.width : -3], texts[-3:]


@compiles(OneRange, "sqlite")
def one_range_sqlite(element: OneRange, compiler: SQLCompiler, **kw: object) -> str:
    """SQLite takes the index that most of the conditions fit."""
    columns, values, (number, above, below) = parts_of(element, compiler, kw)
    equal = [f"{column} = {value}" for column, value in zip(columns, values, strict=True)]
    return " AND ".join([*equal, f"{number} > {above}", f"{number} < {below}"])


@compiles(OneRange, "postgresql")
def one_range_postgresql(element: OneRange, compiler: SQLCompiler, **kw: object) -> str:
    """PostgreSQL might take the index over the numbers alone, and look at every task for some rare ones.

    Rows as a whole can be compared, and be in their order (which the statement has to ask for), in this index only.
    """
    columns, values, (number, above, below) = parts_of(element, compiler, kw)
    row, start = ", ".join([*columns, number]), ", ".join(values)
    return f"{columns[0]} IS NOT NULL AND ({row}) > ({start}, {above}) AND ({row}) < ({start}, {below})"


class InOrder(FunctionElement[int]):
    """The order of ``OneRange``: by the columns of one value each, and the number behind them."""

    name = "in_order"
    inherit_cache = False

    def __init__(self, columns: Iterable[ColumnElement[Any]], number: ColumnElement[int], way: str) -> None:
        self.way = way
        super().__init__(*columns, number)


@compiles(InOrder, "sqlite")
def in_order_sqlite(element: InOrder, compiler: SQLCompiler, **kw: object) -> str:
    """SQLite knows that a column of one value orders nothing, but not that of an expression."""
    *_, number = element.clauses
    return f"{compiler.process(number, **kw)} {element.way}"


@compiles(InOrder, "postgresql")
def in_order_postgresql(element: InOrder, compiler: SQLCompiler, **kw: object) -> str:
    """PostgreSQL does not know that the range holds one value of each."""
    return ", ".join(f"{compiler.process(clause, **kw)} {element.way}" for clause in element.clauses)


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


EACH, TELLS = "each", "tells"
"""Options of statements for ``compile.py``: run for each row of these values; tell the keys of the rows written."""


def added(into: Table, *names: str) -> Insert:
    """An insert of rows with these columns (all of them, where none is named), each bound under its name.

    Both databases take PostgreSQL's ``ON CONFLICT`` clauses.
    """
    return postgresql.insert(into).execution_options(**{EACH: names or tuple(into.columns.keys())})


def unless_there(into: Table, *names: str) -> Insert:
    """As ``added``; a row whose key is taken is left out."""
    return added(into, *names).on_conflict_do_nothing()


def new_alone(into: Table) -> Insert:
    """As ``unless_there``, for ``Transaction.new_of``, which tells the keys that were free."""
    return unless_there(into).execution_options(**{TELLS: True})


Changes = TypeVar("Changes", Update, Delete)


def each_of(statement: Changes, *names: str) -> Changes:
    """A statement that is run for many rows of values, bound under these names, in this order."""
    return statement.execution_options(**{EACH: names})


def learned(into: Table, *lasting: str) -> Insert:
    """As ``added``; of a row whose key is taken, what is given replaces what was known, and null leaves it.

    Of ``lasting`` columns, what was known first stays.
    """
    insert = added(into)
    known = {
        c.name: func.coalesce(c, insert.excluded[c.name])
        if c.name in lasting
        else func.coalesce(insert.excluded[c.name], c)
        for c in into.columns
        if not c.primary_key
    }
    return insert.on_conflict_do_update(index_elements=[c.name for c in into.primary_key.columns], set_=known)


def each_number(name: str) -> Select[int]:
    """As ``each``, over whole numbers that are bound as texts."""
    return select(cast(text_column("value"), BigInteger)).select_from(each_row(name))


class Beside(FunctionElement[bool]):
    """A condition that the planner shall not reckon with: it neither picks an index for it nor counts on it."""

    name = "beside"
    inherit_cache = True
    type = Boolean()


@compiles(Beside, "sqlite")
def beside_sqlite(element: Beside, compiler: SQLCompiler, **kw: object) -> str:
    """Without it, SQLite takes many conditions for so rare a match that sorting seems as good as an index."""
    return f"likely({compiler.process(element.clauses, **kw)})"


@compiles(Beside, "postgresql")
def beside_postgresql(element: Beside, compiler: SQLCompiler, **kw: object) -> str:
    """Without it, PostgreSQL multiplies the conditions into so rare a match that sorting seems as good as an index."""
    return f"(CASE WHEN {compiler.process(element.clauses, **kw)} THEN true ELSE false END)"


class NextNumber(FunctionElement[int]):
    """A number that no task has had; its argument counts from 1 within the statement."""

    name = "next_number"
    inherit_cache = True
    type = BigInteger()


@compiles(NextNumber, "sqlite")
def next_number_sqlite(element: NextNumber, compiler: SQLCompiler, **kw: object) -> str:
    """The writer is alone."""
    newest = "(SELECT coalesce(max(number), 0) FROM tasks)"
    return f"{newest} + {compiler.process(element.clauses, **kw)}"


@compiles(NextNumber, "postgresql")
def next_number_postgresql(_element: NextNumber, _compiler: SQLCompiler, **_kw: object) -> str:
    """Writers take turns at the sequence, and wait for nobody's commit."""
    return "nextval('tasks_number_seq')"


def next_numbers(nths: str) -> Select[int]:
    """As many numbers for new tasks as texts are bound: 1, 2, 3 and so on."""
    return select(NextNumber(cast(text_column("value"), BigInteger))).select_from(each_row(nths))


def total(of: ColumnElement[int]) -> ColumnElement[int]:
    """A sum as a whole number: PostgreSQL's own is a decimal."""
    return cast(func.coalesce(func.sum(of), 0), BigInteger)
