"""The tables of the queues that live in the ledger's database, in the same metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table

from leasehold.adapters.database.access_schema import METADATA
from leasehold.adapters.database.schema import TEXT

__all__ = ["METADATA", "queue_messages"]

BRISK = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 5_000,
    "autovacuum_vacuum_cost_delay": 0,
    "vacuum_truncate": "false",
}
"""For PostgreSQL: rows die within seconds, and every receive would walk past them. They are removed by their number,
not when a fifth of the table is dead; the file is never cut, since whoever cuts it locks everybody out."""

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
    postgresql_with=BRISK,
    sqlite_autoincrement=True,  # an id is never used again: a receipt that is repeated late must not hit a stranger
)
"""Every message of every queue. Of one that is received, ``visible_at`` is the end of its visibility."""
