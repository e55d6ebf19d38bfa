"""Machines that are gone for good, and what each worker holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
RUNS = "state = 'in_progress'"


def upgrade() -> None:
    op.create_table(
        "gone",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "tasks_held",
        "tasks",
        [sa.text("state"), sa.text("worker")],
        sqlite_where=sa.text(RUNS),
        postgresql_where=sa.text(RUNS),
    )
