"""The tables by which tasks are found by their arguments, in the same metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, UniqueConstraint

from leasehold.adapters.database.schema import METADATA, NUMBER, TEXT, number, some, table, task_key, zero

__all__ = ["METADATA", "argument_values", "indexed_arguments"]

indexed_arguments = Table(
    "indexed_arguments",
    METADATA,
    number(),
    some("name", TEXT),
    some("argument", TEXT),
    some("declared_at", BigInteger),
    # Up to which task, from the oldest on, those are indexed that were there before; null: they are yet to be counted.
    Column("until", BigInteger),
    zero("reached"),
    UniqueConstraint("name", "argument"),
)
"""Arguments that handlers declare with ``find``: a submit indexes them, the sweeper those of older tasks."""

argument_values = table(
    "argument_values",
    task_key(),
    Column("argument", NUMBER, primary_key=True, autoincrement=False),
    some("value", TEXT),
    lasting=True,
)
"""The index: what ``finding.kept`` keeps of an argument, which is named by its number above."""
Index("argument_values_by_value", argument_values.c.argument, argument_values.c.value, argument_values.c.task)
