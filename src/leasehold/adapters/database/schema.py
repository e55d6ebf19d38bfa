"""Every table of the ledger, for SQLite and PostgreSQL; more are in ``*_schema.py`` beside it.

Tasks are numbered as they are submitted, and every other table speaks of a task by that number: a tenth of the space
of its id, and rows of tasks that were submitted together lie together. Instants and durations are ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Identity,
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
    func,
    not_,
    or_,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from leasehold.adapters.database.tally import CELL

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte in both databases: ranges of texts mean the same in each, and no update of a library moves an
index's order."""
ZERO = text("0")
LASTING: Mapping[str, object] = {
    "autovacuum_vacuum_scale_factor": 0.05,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.05,
    "vacuum_truncate": "false",
}
"""For PostgreSQL, of tables that grow with the tasks: by its own defaults a fifth of ten million rows would have to be
dead before any is cleared away, and pages of what is under way would walk past them. The file is never cut: whoever
cuts it locks everybody out."""


def number(name: str = "number") -> Column[int]:
    """A primary key that the database counts up."""
    return Column(name, NUMBER, Identity(), primary_key=True)


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


def table(name: str, *items: SchemaItem, lasting: bool = False) -> Table:
    """A table of small rows that lie in the order of their primary key. ``lasting``: it grows with the tasks."""
    return Table(name, METADATA, *items, sqlite_with_rowid=False, postgresql_with=LASTING if lasting else {})


tasks = Table(
    "tasks",
    METADATA,
    number(),
    Column("id", TEXT, nullable=False, unique=True),
    # what never changes
    some("name", TEXT),
    some("queue", TEXT),
    some("lease", BigInteger),
    some("max_attempts", Integer),
    some("max_losses", Integer),
    some("backoff_base", BigInteger),
    some("backoff_cap", BigInteger),
    Column("bundle", Integer, nullable=False, server_default=text("1")),
    some("created_at", BigInteger),
    some("priority", Integer),
    Column("batch", TEXT),
    # the state
    some("due_at", BigInteger),
    some("state", TEXT),
    some("version", Integer),
    zero("n"),
    no("open"),
    zero("not_after"),
    zero("void_at"),
    zero("r"),
    Column("run_id", TEXT),
    no("run_open"),
    Column("worker", TEXT),
    Column("receipt", TEXT),
    zero("lease_until"),
    no("run_charged"),
    zero("seen"),
    zero("attempts"),
    zero("losses"),
    Column("charged", TEXT),
    no("inferred"),
    Column("reason", TEXT),
    Column("error_group", TEXT),
    Column("cancelled_by", TEXT),
    some("updated_at", BigInteger),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("members", Integer, nullable=False, server_default=text("1")),
    # what only the ledger needs to know
    Column("alarm", BigInteger),
    Column("ended_no", BigInteger),
    postgresql_with={"fillfactor": 85, **LASTING},  # room for a task's next version beside it
)

IN_TROUBLE = ("failed", "cancelled", "pending/scheduled", "pending/lapsed", "pending/blocked")
"""States that a task on the straight road never takes: an index over them alone costs that road nothing."""

is_due = tasks.c.state == "pending/due"
sleeps = tasks.c.state == "pending/scheduled"
runs_now = tasks.c.state == "in_progress"
in_trouble = or_(*(tasks.c.state == state for state in IN_TROUBLE))
failed_in_silence = and_(tasks.c.state == "failed", tasks.c.error_group.is_(None))
"""Given up because its machines went away: few among many failures, and a group of their own."""


of_batch = func.coalesce(tasks.c.batch, "")
"""The batch, as no other index has it: where two begin alike, PostgreSQL may take the one that it then has to sort."""


def index(name: str, *columns: ColumnElement[Any], where: ColumnElement[bool] | None = None) -> None:
    """An index over the tasks for which ``where`` holds."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


# Pages, newest first. Numbers come last, so that each page is one range.
index("tasks_by_state", tasks.c.state, tasks.c.number)
index("tasks_by_name", tasks.c.name, tasks.c.queue, tasks.c.number)
index("tasks_by_batch", tasks.c.batch, tasks.c.number, where=tasks.c.batch.is_not(None))
index("tasks_by_trouble", of_batch, tasks.c.state, tasks.c.number, where=in_trouble)
index("tasks_by_group", tasks.c.error_group, tasks.c.state, tasks.c.number, where=tasks.c.error_group.is_not(None))
index("tasks_by_silence", tasks.c.name, tasks.c.number, where=failed_in_silence)
# What the roles take.
index("tasks_due", tasks.c.queue, tasks.c.priority.desc(), tasks.c.due_at, tasks.c.number, where=is_due)
index("tasks_asleep", tasks.c.state, tasks.c.alarm, where=sleeps)  # the state, or SQLite prefers tasks_by_state
index("tasks_alarmed", tasks.c.alarm, where=and_(tasks.c.alarm.is_not(None), not_(sleeps)))
index("tasks_held", tasks.c.state, tasks.c.worker, where=runs_now)  # the state for the same reason
index("tasks_ended", tasks.c.batch, tasks.c.ended_no, where=tasks.c.ended_no.is_not(None))

bodies = Table(
    "bodies",
    METADATA,
    task_key(),
    Column("arguments", TEXT),
    Column("arguments_ref", TEXT),
    Column("key", TEXT),
    Column("tenant", TEXT),
    Column("trace", TEXT),
    postgresql_with=LASTING,
)

task_keys = table(
    "task_keys",
    # A task without a batch has the batch '': null would be equal to nothing, and the key not unique.
    Column("key", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("batch", TEXT, primary_key=True),
    some("task", NUMBER),
    some("fingerprint", TEXT),
    lasting=True,
)

results = Table(
    "results", METADATA, task_key(), Column("result", TEXT), Column("result_ref", TEXT), postgresql_with=LASTING
)

runs = table(
    "runs",
    task_key(),
    Column("n", BigInteger, primary_key=True),
    Column("r", BigInteger, primary_key=True),
    Column("run_id", TEXT, primary_key=True),
    Column("worker", TEXT),
    Column("started_at", BigInteger),
    Column("lease_until", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", TEXT),
    Column("lost_at", BigInteger),
    Column("fraction", Float),
    Column("note", TEXT),
    Column("failure", TEXT),
    lasting=True,
)

run_outputs = Table(
    "run_outputs",
    METADATA,
    task_key(),
    Column("n", BigInteger, primary_key=True),
    Column("r", BigInteger, primary_key=True),
    Column("run_id", TEXT, primary_key=True),
    Column("log", TEXT),
    Column("log_ref", TEXT),
    Column("log_bytes", BigInteger),
    # a result that came too late to be the task's
    Column("result", TEXT),
    Column("result_ref", TEXT),
    postgresql_with=LASTING,
)

audit = table(
    "audit",
    task_key(),
    Column("seq", Integer, primary_key=True),
    some("at", BigInteger),
    some("kind", TEXT),
    some("before", TEXT),
    some("after", TEXT),
    zero("n"),
    zero("r"),
    Column("run_id", TEXT),
    Column("detail", TEXT),
    lasting=True,
)

status_ids = table(
    "status_ids",
    task_key(),
    Column("id", TEXT, primary_key=True),
    some("at", BigInteger),
    lasting=True,
)
Index("status_ids_by_age", status_ids.c.at)

error_groups = table(
    "error_groups",
    Column("id", TEXT, primary_key=True),
    some("name", TEXT),
    some("type", TEXT),
    some("message", TEXT),
    some("frame", TEXT),
    some("first_at", BigInteger),
    some("last_at", BigInteger),
)

# Counts of tasks by cell, and under a state that begins with "+" how often something happened in a queue so far. A
# transaction appends its deltas, since several recorders must not wait for one cell; the sweeper folds them.
# In these two tables '' stands for "none".

counters = table(
    "counters",
    *(some(name, TEXT) for name in CELL),
    some("tasks", BigInteger),
    PrimaryKeyConstraint("batch", "state", "queue", "name", "error_group"),
)

# The same without the batches, of which there may be thousands: what most readers ask for.
SUM = ("state", "queue", "name", "error_group")

totals = table(
    "totals",
    *(Column(name, TEXT, primary_key=True) for name in SUM),
    some("tasks", BigInteger),
)

counter_deltas = Table(
    "counter_deltas",
    METADATA,
    number(),
    *(some(name, TEXT) for name in CELL),
    some("tasks", BigInteger),
)

# Requests to queues by the hour. Whoever counted appends; the sweeper folds, as above.
METERED = ("hour", "queue", "action")
TALLIED = ("requests", "billed", "empty", "failed", "messages")

requests = table(
    "requests",
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("queue", TEXT, primary_key=True),
    Column("action", TEXT, primary_key=True),
    *(some(name, BigInteger) for name in TALLIED),
)

request_deltas = Table(
    "request_deltas",
    METADATA,
    number(),
    some("hour", BigInteger),
    some("queue", TEXT),
    some("action", TEXT),
    *(some(name, BigInteger) for name in TALLIED),
)

batches = Table(
    "batches",
    METADATA,
    number(),
    Column("name", TEXT, nullable=False, unique=True),
    some("created_at", BigInteger),
    zero("ended"),
)

queues = table(
    "queues",
    Column("name", TEXT, primary_key=True),
    no("paused"),
    Column("paused_by", TEXT),
    Column("paused_at", BigInteger),
)

operations = Table(
    "operations",
    METADATA,
    number(),
    Column("id", TEXT, nullable=False, unique=True),
    some("kind", TEXT),
    some("filter", TEXT),
    some("ceiling", TEXT),
    some("by", TEXT),
    some("reason", TEXT),
    some("created_at", BigInteger),
    some("cursor", TEXT),
    some("matched", BigInteger),
    some("changed", BigInteger),
    some("finished", TEXT),
    Column("finished_at", BigInteger),
    Column("stopped_by", TEXT),
)

gone = table("gone", Column("name", TEXT, primary_key=True), some("at", BigInteger), some("source", TEXT))
"""Machines and workers that will never be heard of again (R13)."""

forgotten = Table(
    "forgotten",
    METADATA,
    task_key(),
    Column("id", TEXT, nullable=False, unique=True),
    some("state", TEXT),
    some("ended_at", BigInteger),
    postgresql_with=LASTING,
)
"""Tasks that are gone, but for their trails."""
Index("forgotten_by_age", forgotten.c.ended_at)

leftovers = Table("leftovers", METADATA, number(), some("key", TEXT))
"""What forgotten tasks have left in the store."""

quarantine = Table(
    "quarantine",
    METADATA,
    number(),
    some("at", BigInteger),
    some("source", TEXT),
    some("digest", TEXT),
    some("body", TEXT),
    some("reason", TEXT),
    UniqueConstraint("source", "digest"),
)

schema_version = Table(
    "schema_version",
    METADATA,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="schema_version_pkc"),
)
"""The number of the newest migration that was made here: one row, as Alembic keeps it."""

secrets = table("secrets", Column("name", TEXT, primary_key=True), some("value", LargeBinary))
