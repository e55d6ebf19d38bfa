"""Every table of the ledger, once, for SQLite and PostgreSQL. The queues' tables are in ``queue_schema.py``."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, Text

METADATA = MetaData()

meta = Table(
    "meta",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
