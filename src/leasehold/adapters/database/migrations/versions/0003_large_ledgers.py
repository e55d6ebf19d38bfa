"""Large ledgers: counts without the batches, an index of failures without an error, what forgotten tasks leave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SILENT = "state = 'failed' AND error_group IS NULL"
GROWING = ("tasks", "bodies", "task_keys", "results", "runs", "run_outputs", "audit", "status_ids", "forgotten")
LASTING = (
    "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05, "
    "autovacuum_analyze_scale_factor = 0.05, vacuum_truncate = false"
)


IN_TROUBLE = (
    "state = 'failed' OR state = 'cancelled' OR state = 'pending/scheduled' OR state = 'pending/lapsed' "
    "OR state = 'pending/blocked'"
)
CELL = ("queue", "state", "name", "batch", "error_group")


def batches_first() -> None:
    """Counters are asked for by batch: their key begins with it, and needs no index beside it."""
    op.drop_index("counters_by_batch", "counters")
    op.execute("CREATE TEMPORARY TABLE counted AS SELECT * FROM counters")
    op.drop_table("counters")
    op.create_table(
        "counters",
        *(sa.Column(name, TEXT, nullable=False) for name in CELL),
        sa.Column("tasks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "state", "queue", "name", "error_group"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO counters SELECT * FROM counted")
    op.execute("DROP TABLE counted")


def what_stays_of_tasks() -> None:
    """Trails may be kept longer than their tasks, and the store is cleared behind them."""
    op.create_table(
        "forgotten",
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("task"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("forgotten_by_age", "forgotten", ["ended_at"])
    op.create_table(
        "leftovers",
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )


def upgrade() -> None:
    batches_first()
    op.drop_index("tasks_by_trouble", "tasks")
    op.create_index(
        "tasks_by_trouble",
        "tasks",
        [sa.text("state"), sa.text("batch"), sa.text("number")],
        sqlite_where=sa.text(IN_TROUBLE),
        postgresql_where=sa.text(IN_TROUBLE),
    )
    op.create_table(
        "totals",
        sa.Column("state", TEXT, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("error_group", TEXT, nullable=False),
        sa.Column("tasks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state", "queue", "name", "error_group"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO totals SELECT state, queue, name, error_group, sum(tasks) FROM counters "
        "GROUP BY state, queue, name, error_group HAVING sum(tasks) <> 0"
    )
    what_stays_of_tasks()
    op.create_index(
        "tasks_by_silence",
        "tasks",
        [sa.text("name"), sa.text("number")],
        sqlite_where=sa.text(SILENT),
        postgresql_where=sa.text(SILENT),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in GROWING:
            op.execute(f"ALTER TABLE {table} SET ({LASTING})")
