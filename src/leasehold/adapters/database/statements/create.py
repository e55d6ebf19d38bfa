"""The newest schema in an empty database, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from leasehold.adapters.database.queue_schema import METADATA


def statements() -> Iterator[tuple[str, ExecutableDDLElement]]:
    """Tables before their indexes, in the order of their names."""
    for table in sorted(METADATA.tables.values(), key=lambda table: table.name):
        yield f"table {table.name}", CreateTable(table)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield f"index {index.name}", CreateIndex(index)


STATEMENTS: Mapping[str, ExecutableDDLElement] = dict(statements())
