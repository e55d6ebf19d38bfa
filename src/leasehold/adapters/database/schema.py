"""Every table of the ledger, once, for SQLite and PostgreSQL. The queues' tables are in ``queue_schema.py``.

Tasks are numbered as they are submitted, and every other table speaks of a task by that number: a tenth of the space
of its id, and rows of tasks that were submitted together lie together. Instants and durations are ms.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    not_,
    or_,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")
ZERO = text("0")


def number(name: str = "number") -> Column[int]:
    """A primary key that the database counts up."""
    return Column(name, NUMBER, primary_key=True, autoincrement=True)


def task_key() -> Column[int]:
    """The number of the task that a row belongs to, as (part of) its primary key."""
    return Column("task", NUMBER, primary_key=True, autoincrement=False)


def some(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any]) -> Column[Any]:
    """A column that is never null and has to be given."""
    return Column(name, kind, nullable=False)


def zero(name: str) -> Column[int]:
    """A count or instant that starts at 0."""
    return Column(name, BigInteger, nullable=False, server_default=ZERO)


def no(name: str) -> Column[bool]:
    """A flag that starts as false."""
    return Column(name, Boolean, nullable=False, server_default=false())


def table(name: str, *items: SchemaItem) -> Table:
    """A table of small rows that lie in the order of their primary key."""
    return Table(name, METADATA, *items, sqlite_with_rowid=False)


tasks = Table(
    "tasks",
    METADATA,
    number(),
    Column("id", Text, nullable=False, unique=True),
    # what never changes
    some("name", Text),
    some("queue", Text),
    some("lease", BigInteger),
    some("max_attempts", Integer),
    some("max_losses", Integer),
    some("backoff_base", BigInteger),
    some("backoff_cap", BigInteger),
    some("created_at", BigInteger),
    some("priority", Integer),
    Column("batch", Text),
    # the state
    some("due_at", BigInteger),
    some("state", Text),
    some("version", Integer),
    zero("n"),
    no("open"),
    zero("not_after"),
    zero("void_at"),
    zero("r"),
    Column("run_id", Text),
    no("run_open"),
    Column("worker", Text),
    Column("receipt", Text),
    zero("lease_until"),
    no("run_charged"),
    zero("seen"),
    zero("attempts"),
    zero("losses"),
    Column("charged", Text),
    no("inferred"),
    Column("reason", Text),
    Column("error_group", Text),
    Column("cancelled_by", Text),
    some("updated_at", BigInteger),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    # what only the ledger needs to know
    Column("alarm", BigInteger),
    Column("ended_no", BigInteger),
)

IN_TROUBLE = ("failed", "cancelled", "pending/scheduled", "pending/lapsed", "pending/blocked")
"""States that a task on the straight road never takes: an index over them alone costs that road nothing."""

is_due = tasks.c.state == "pending/due"
sleeps = tasks.c.state == "pending/scheduled"
in_trouble = or_(*(tasks.c.state == state for state in IN_TROUBLE))


def index(name: str, *columns: ColumnElement[Any], where: ColumnElement[bool] | None = None) -> None:
    """An index over the tasks for which ``where`` holds."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


# Pages, newest first. Numbers come last, so that each page is one range.
index("tasks_by_state", tasks.c.state, tasks.c.number)
index("tasks_by_name", tasks.c.name, tasks.c.queue, tasks.c.number)
index("tasks_by_batch", tasks.c.batch, tasks.c.number, where=tasks.c.batch.is_not(None))
index("tasks_by_trouble", tasks.c.batch, tasks.c.state, tasks.c.number, where=in_trouble)
index("tasks_by_group", tasks.c.error_group, tasks.c.state, tasks.c.number, where=tasks.c.error_group.is_not(None))
# What the roles take.
index("tasks_due", tasks.c.queue, tasks.c.priority.desc(), tasks.c.due_at, tasks.c.number, where=is_due)
index("tasks_asleep", tasks.c.state, tasks.c.alarm, where=sleeps)  # the state, or SQLite prefers tasks_by_state
index("tasks_alarmed", tasks.c.alarm, where=and_(tasks.c.alarm.is_not(None), not_(sleeps)))
index("tasks_ended", tasks.c.batch, tasks.c.ended_no, where=tasks.c.ended_no.is_not(None))

bodies = Table(
    "bodies",
    METADATA,
    task_key(),
    Column("arguments", Text),
    Column("arguments_ref", Text),
    Column("key", Text),
    Column("tenant", Text),
    Column("trace", Text),
)

task_keys = table(
    "task_keys",
    # A task without a batch has the batch '': null would be equal to nothing, and the key not unique.
    Column("key", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("batch", Text, primary_key=True),
    some("task", NUMBER),
    some("fingerprint", Text),
)

results = Table("results", METADATA, task_key(), Column("result", Text), Column("result_ref", Text))

runs = table(
    "runs",
    task_key(),
    Column("n", BigInteger, primary_key=True),
    Column("r", BigInteger, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("worker", Text),
    Column("started_at", BigInteger),
    Column("lease_until", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    Column("lost_at", BigInteger),
    Column("fraction", Float),
    Column("note", Text),
    Column("failure", Text),
)

run_outputs = Table(
    "run_outputs",
    METADATA,
    task_key(),
    Column("n", BigInteger, primary_key=True),
    Column("r", BigInteger, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("log", Text),
    Column("log_ref", Text),
    Column("log_bytes", BigInteger),
    # a result that came too late to be the task's
    Column("result", Text),
    Column("result_ref", Text),
)

audit = table(
    "audit",
    task_key(),
    Column("seq", Integer, primary_key=True),
    some("at", BigInteger),
    some("kind", Text),
    some("before", Text),
    some("after", Text),
    zero("n"),
    zero("r"),
    Column("run_id", Text),
    Column("detail", Text),
)

status_ids = table(
    "status_ids",
    task_key(),
    Column("id", Text, primary_key=True),
    some("at", BigInteger),
)
Index("status_ids_by_age", status_ids.c.at)

error_groups = table(
    "error_groups",
    Column("id", Text, primary_key=True),
    some("name", Text),
    some("type", Text),
    some("message", Text),
    some("frame", Text),
    some("first_at", BigInteger),
    some("last_at", BigInteger),
)

# Counts of tasks by cell, and under a state that begins with "+" how often something happened in a queue so far. A
# transaction appends its deltas, since several recorders must not wait for one cell; the sweeper folds them.
# In these two tables '' stands for "none".
CELL = ("queue", "state", "name", "batch", "error_group")

counters = table(
    "counters",
    *(Column(name, Text, primary_key=True) for name in CELL),
    some("tasks", BigInteger),
)
Index("counters_by_batch", counters.c.batch, counters.c.state)

counter_deltas = Table(
    "counter_deltas",
    METADATA,
    number(),
    *(some(name, Text) for name in CELL),
    some("tasks", BigInteger),
)

batches = Table(
    "batches",
    METADATA,
    number(),
    Column("name", Text, nullable=False, unique=True),
    some("created_at", BigInteger),
    zero("ended"),
)

queues = table(
    "queues",
    Column("name", Text, primary_key=True),
    no("paused"),
    Column("paused_by", Text),
    Column("paused_at", BigInteger),
)

operations = Table(
    "operations",
    METADATA,
    number(),
    Column("id", Text, nullable=False, unique=True),
    some("kind", Text),
    some("filter", Text),
    some("ceiling", Text),
    some("by", Text),
    some("reason", Text),
    some("created_at", BigInteger),
    some("cursor", Text),
    some("matched", BigInteger),
    some("changed", BigInteger),
    some("finished", Text),
    Column("finished_at", BigInteger),
)

quarantine = Table(
    "quarantine",
    METADATA,
    number(),
    some("at", BigInteger),
    some("source", Text),
    some("digest", Text),
    some("body", Text),
    some("reason", Text),
    UniqueConstraint("source", "digest"),
)

schema_version = Table(
    "schema_version",
    METADATA,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="schema_version_pkc"),
)
"""The number of the newest migration that was made here: one row, as Alembic keeps it."""

secrets = table("secrets", Column("name", Text, primary_key=True), some("value", LargeBinary))
