"""The tables of the queues that live in the ledger's database, in the same metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table

from leasehold.adapters.database.schema import METADATA, TEXT

__all__ = ["METADATA", "queue_messages"]

queue_messages = Table(
    "queue_messages",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("queue", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("visible_at", BigInteger, nullable=False),
    Column("receives", Integer, nullable=False),
    Index("queue_messages_line", "queue", "visible_at"),
    sqlite_autoincrement=True,  # an id is never used again: a receipt that is repeated late must not hit a stranger
)
"""Every message of every queue. Of one that is received, ``visible_at`` is the end of its visibility."""
