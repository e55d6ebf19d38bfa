"""The first ledger: tasks and all that is kept of them, queues, counters, bulk operations."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

TABLES: dict[str, Sequence[SchemaItem]] = {
    "audit": (
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("before", TEXT, nullable=False),
        sa.Column("after", TEXT, nullable=False),
        sa.Column("n", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("r", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_id", TEXT),
        sa.Column("detail", TEXT),
        sa.PrimaryKeyConstraint("task", "seq"),
    ),
    "batches": (
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("name"),
    ),
    "bodies": (
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("arguments", TEXT),
        sa.Column("arguments_ref", TEXT),
        sa.Column("key", TEXT),
        sa.Column("tenant", TEXT),
        sa.Column("trace", TEXT),
        sa.PrimaryKeyConstraint("task"),
    ),
    "counter_deltas": (
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("batch", TEXT, nullable=False),
        sa.Column("error_group", TEXT, nullable=False),
        sa.Column("tasks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    ),
    "counters": (
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("batch", TEXT, nullable=False),
        sa.Column("error_group", TEXT, nullable=False),
        sa.Column("tasks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue", "state", "name", "batch", "error_group"),
    ),
    "error_groups": (
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("frame", TEXT, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    ),
    "operations": (
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("filter", TEXT, nullable=False),
        sa.Column("ceiling", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("cursor", TEXT, nullable=False),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("finished", TEXT, nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
    ),
    "quarantine": (
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("source", "digest"),
    ),
    "queue_messages": (
        sa.Column("id", NUMBER, sa.Identity(), nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("visible_at", sa.BigInteger(), nullable=False),
        sa.Column("receives", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    ),
    "queues": (
        sa.Column("name", TEXT, nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paused_by", TEXT),
        sa.Column("paused_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name"),
    ),
    "results": (
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("result", TEXT),
        sa.Column("result_ref", TEXT),
        sa.PrimaryKeyConstraint("task"),
    ),
    "run_outputs": (
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("r", sa.BigInteger(), nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("log", TEXT),
        sa.Column("log_ref", TEXT),
        sa.Column("log_bytes", sa.BigInteger()),
        sa.Column("result", TEXT),
        sa.Column("result_ref", TEXT),
        sa.PrimaryKeyConstraint("task", "n", "r", "run_id"),
    ),
    "runs": (
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("r", sa.BigInteger(), nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("worker", TEXT),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("outcome", TEXT),
        sa.Column("lost_at", sa.BigInteger()),
        sa.Column("fraction", sa.Float()),
        sa.Column("note", TEXT),
        sa.Column("failure", TEXT),
        sa.PrimaryKeyConstraint("task", "n", "r", "run_id"),
    ),
    "secrets": (
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    ),
    "status_ids": (
        sa.Column("task", NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("task", "id"),
    ),
    "task_keys": (
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("batch", TEXT, nullable=False),
        sa.Column("task", NUMBER, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", "name", "batch"),
    ),
    "tasks": (
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("max_losses", sa.Integer(), nullable=False),
        sa.Column("backoff_base", sa.BigInteger(), nullable=False),
        sa.Column("backoff_cap", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("batch", TEXT),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("open", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("void_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("r", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_id", TEXT),
        sa.Column("run_open", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("worker", TEXT),
        sa.Column("receipt", TEXT),
        sa.Column("lease_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_charged", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("losses", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("charged", TEXT),
        sa.Column("inferred", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reason", TEXT),
        sa.Column("error_group", TEXT),
        sa.Column("cancelled_by", TEXT),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("alarm", sa.BigInteger()),
        sa.Column("ended_no", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
    ),
}

IN_ORDER_OF_THE_KEY = frozenset(
    {"audit", "counters", "error_groups", "queues", "runs", "secrets", "status_ids", "task_keys"}
)
NUMBERED_ONCE = frozenset({"queue_messages"})

STORAGE = {
    "tasks": {"fillfactor": 85},
    "queue_messages": {
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 5_000,
        "autovacuum_vacuum_cost_delay": 0,
        "vacuum_truncate": "false",
    },
}

IN_TROUBLE = ("failed", "cancelled", "pending/scheduled", "pending/lapsed", "pending/blocked")

INDEXES: dict[str, tuple[str, Sequence[str], str | None]] = {
    "counters_by_batch": ("counters", ["batch", "state"], None),
    "queue_messages_line": ("queue_messages", ["queue", "visible_at"], None),
    "status_ids_by_age": ("status_ids", ["at"], None),
    "tasks_alarmed": ("tasks", ["alarm"], "alarm IS NOT NULL AND state != 'pending/scheduled'"),
    "tasks_asleep": ("tasks", ["state", "alarm"], "state = 'pending/scheduled'"),
    "tasks_by_batch": ("tasks", ["batch", "number"], "batch IS NOT NULL"),
    "tasks_by_group": ("tasks", ["error_group", "state", "number"], "error_group IS NOT NULL"),
    "tasks_by_name": ("tasks", ["name", "queue", "number"], None),
    "tasks_by_state": ("tasks", ["state", "number"], None),
    "tasks_by_trouble": (
        "tasks",
        ["batch", "state", "number"],
        " OR ".join(f"state = '{state}'" for state in IN_TROUBLE),
    ),
    "tasks_due": ("tasks", ["queue", "priority DESC", "due_at", "number"], "state = 'pending/due'"),
    "tasks_ended": ("tasks", ["batch", "ended_no"], "ended_no IS NOT NULL"),
}


def upgrade() -> None:
    for name, items in TABLES.items():
        op.create_table(
            name,
            *items,
            sqlite_with_rowid=name not in IN_ORDER_OF_THE_KEY,
            sqlite_autoincrement=name in NUMBERED_ONCE,
            postgresql_with=STORAGE.get(name, {}),
        )
    for name, (table, columns, where) in INDEXES.items():
        condition = None if where is None else sa.text(where)
        parts = [sa.text(column) for column in columns]
        op.create_index(name, table, parts, sqlite_where=condition, postgresql_where=condition)
