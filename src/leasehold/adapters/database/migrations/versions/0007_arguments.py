"""Arguments that handlers declare, and an index of what they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LASTING = {
    "autovacuum_vacuum_scale_factor": 0.05,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.05,
    "vacuum_truncate": "false",
}


def upgrade() -> None:
    op.create_table(
        "indexed_arguments",
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("argument", TEXT, nullable=False),
        sa.Column("declared_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reached", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("name", "argument"),
    )
    op.create_table(
        "argument_values",
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("argument", NUMBER, autoincrement=False, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("task", "argument"),
        sqlite_with_rowid=False,
        postgresql_with=LASTING,
    )
    op.create_index("argument_values_by_value", "argument_values", ["argument", "value", "task"])
