"""Requests to queues, by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TALLIED = ("requests", "billed", "empty", "failed", "messages")


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in TALLIED),
        sa.PrimaryKeyConstraint("hour", "queue", "action"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "request_deltas",
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in TALLIED),
        sa.PrimaryKeyConstraint("number"),
    )
