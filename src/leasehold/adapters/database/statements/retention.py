"""How tasks that ended long ago go, a few hundred at a time."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Delete,
    Executable,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    union_all,
)

from leasehold.adapters.database.argument_schema import argument_values
from leasehold.adapters.database.elements import OneRange, added, each, each_number, each_of, unless_there
from leasehold.adapters.database.rows import TASK_COLUMNS
from leasehold.adapters.database.schema import (
    audit,
    bodies,
    counter_deltas,
    forgotten,
    leftovers,
    operations,
    results,
    run_outputs,
    runs,
    task_keys,
    tasks,
)
from leasehold.adapters.database.statements.views import COLD, LINE, RUN, TASK, same_run, with_body

LIMIT = bindparam("limit", type_=Integer)
STATE = bindparam("state", type_=Text)
beyond = OneRange(
    {tasks.c.state: STATE}, (tasks.c.number, bindparam("after", type_=BigInteger), bindparam("below", type_=BigInteger))
)
newest = select(func.max(tasks.c.number)).scalar_subquery()


def drop(table: Table) -> Delete:
    """Rows of these tasks."""
    return delete(table).where(table.c.task.in_(each_number("numbers")))


def stored(table: Table, *names: str) -> list[Select[str]]:
    """What these tasks have in the store, by these columns."""
    return [
        select(table.c[name]).where(table.c.task.in_(each_number("numbers")), table.c[name].is_not(None))
        for name in names
    ]


STATEMENTS: Mapping[str, Executable] = {
    "aged": select(tasks.c.number, *(tasks.c[name] for name in TASK_COLUMNS), bodies.c.key.is_not(None))
    .select_from(tasks.outerjoin(bodies, bodies.c.task == tasks.c.number))
    .where(beyond)
    .order_by(tasks.c.state, tasks.c.number)
    .limit(LIMIT),
    "busy": select(operations.c.number).where(operations.c.finished == "").limit(1),
    # in the order of their numbers, as all who lock several; whoever holds one keeps it
    "hold": select(
        tasks.c.number,
        tasks.c.version,
        tasks.c.id,
        tasks.c.queue,
        tasks.c.state,
        tasks.c.name,
        tasks.c.batch,
        tasks.c.error_group,
        tasks.c.ended_at,
        tasks.c.n,
        tasks.c.r,
        bodies.c.key,
    )
    .select_from(tasks.outerjoin(bodies, bodies.c.task == tasks.c.number))
    .where(tasks.c.id.in_(each("ids")), tasks.c.number < newest)
    .order_by(tasks.c.number)
    .with_for_update(of=tasks, skip_locked=True),
    "stored": union_all(
        *stored(bodies, "arguments_ref"), *stored(results, "result_ref"), *stored(run_outputs, "log_ref", "result_ref")
    ),
    "drop tasks": delete(tasks).where(tasks.c.number.in_(each_number("numbers"))),
    "drop bodies": drop(bodies),
    "drop values": drop(argument_values),
    "drop results": drop(results),
    "drop runs": drop(runs),
    "drop outputs": drop(run_outputs),
    "drop trails": drop(audit),
    "drop key": each_of(
        delete(task_keys).where(
            task_keys.c.key == bindparam("key"),
            task_keys.c.name == bindparam("name"),
            task_keys.c.batch == bindparam("batch"),
            task_keys.c.task == bindparam("task"),
        ),
        "key",
        "name",
        "batch",
        "task",
    ),
    "add delta": added(counter_deltas, "queue", "state", "name", "batch", "error_group", "tasks"),
    # trails without their tasks
    "add forgotten": unless_there(forgotten),
    "old trails": select(forgotten.c.task)
    .where(forgotten.c.ended_at < bindparam("before", type_=BigInteger))
    .order_by(forgotten.c.ended_at)
    .limit(LIMIT)
    .with_for_update(skip_locked=True),
    "drop forgotten": drop(forgotten),
    # the store
    "add leftover": added(leftovers, "key"),
    "leftovers": select(leftovers.c.number, leftovers.c.key).order_by(leftovers.c.number).limit(LIMIT),
    "drop leftovers": delete(leftovers).where(leftovers.c.number.in_(each_number("numbers"))),
    # stories
    "bodies of": select(*TASK, *COLD)
    .select_from(with_body)
    .where(tasks.c.id.in_(each("ids")))
    .order_by(tasks.c.number),
    "runs of": select(tasks.c.id, *RUN)
    .select_from(tasks.join(runs, runs.c.task == tasks.c.number).outerjoin(run_outputs, same_run))
    .where(tasks.c.id.in_(each("ids")))
    .order_by(runs.c.task, runs.c.n, runs.c.r, runs.c.started_at, runs.c.run_id),
    "trails of": select(tasks.c.id, *LINE)
    .select_from(tasks.join(audit, audit.c.task == tasks.c.number))
    .where(tasks.c.id.in_(each("ids")))
    .order_by(audit.c.task, audit.c.seq),
}
