"""What the ledger writes, and what it reads in order to write."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Executable, Integer, bindparam, select, update

from leasehold.adapters.database.argument_schema import argument_values, indexed_arguments
from leasehold.adapters.database.elements import added, each, each_of, learned, new_alone, next_numbers, unless_there
from leasehold.adapters.database.rows import CHANGING, SUBMITTED, TASK_COLUMNS
from leasehold.adapters.database.schema import (
    audit,
    batches,
    bodies,
    counter_deltas,
    error_groups,
    is_due,
    quarantine,
    queues,
    results,
    run_outputs,
    runs,
    sleeps,
    status_ids,
    task_keys,
    tasks,
)

LIMIT = bindparam("limit", type_=Integer)
HOT = [tasks.c.number, tasks.c.ended_no, *(tasks.c[name] for name in TASK_COLUMNS)]
BODY = [bodies.c.arguments, bodies.c.arguments_ref, bodies.c.tenant, bodies.c.trace]

FAILED_AGAIN = added(error_groups)

STATEMENTS: Mapping[str, Executable] = {
    # submit
    "numbers": next_numbers("nths"),
    # one statement, so that submits pay nothing for indexed arguments where there are none
    "last": select(
        select(tasks.c.created_at).order_by(tasks.c.number.desc()).limit(1).scalar_subquery(),
        select(indexed_arguments.c.number).limit(1).scalar_subquery(),
    ),
    "index argument": unless_there(indexed_arguments, "name", "argument", "declared_at"),
    "add value": added(argument_values),
    "add task": added(tasks, *SUBMITTED),
    "add body": added(bodies),
    "add key": unless_there(task_keys),
    "keys": select(
        task_keys.c.key, task_keys.c.name, task_keys.c.batch, task_keys.c.fingerprint, tasks.c.id, tasks.c.state
    )
    .select_from(task_keys.join(tasks, tasks.c.number == task_keys.c.task))
    .where(task_keys.c.key.in_(each("keys"))),
    "there": select(tasks.c.id).where(tasks.c.id.in_(each("ids"))),
    "add batch": unless_there(batches, "name", "created_at"),
    "add queue": unless_there(queues, "name"),
    # dispatch
    "due": select(*HOT, *BODY)
    .select_from(tasks.join(bodies, bodies.c.task == tasks.c.number))
    .where(tasks.c.queue == bindparam("queue"), is_due)
    .order_by(tasks.c.priority.desc(), tasks.c.due_at, tasks.c.number)
    .limit(LIMIT)
    .with_for_update(of=tasks, skip_locked=True),
    "paused": select(queues.c.paused).where(queues.c.name == bindparam("queue")),
    # apply
    "read": select(*HOT).where(tasks.c.id.in_(each("ids"))).order_by(tasks.c.number).with_for_update(of=tasks),
    "add status id": new_alone(status_ids),
    "change task": each_of(
        update(tasks)
        .where(tasks.c.number == bindparam("number_"))
        .values({name: bindparam(name) for name in CHANGING}),
        *CHANGING,
        "number_",
    ),
    "add audit": added(audit),
    "learn run": learned(runs, "started_at"),
    "learn output": learned(run_outputs),
    "add result": unless_there(results),
    "end in batch": update(batches)
    .where(batches.c.name == bindparam("batch"))
    .values(ended=batches.c.ended + bindparam("more"))
    .returning(batches.c.ended),
    "learn group": FAILED_AGAIN.on_conflict_do_update(
        index_elements=["id"], set_={"last_at": FAILED_AGAIN.excluded.last_at}
    ),
    "add malformed": unless_there(quarantine, "at", "source", "digest", "body", "reason"),
    "add delta": added(counter_deltas, "queue", "state", "name", "batch", "error_group", "tasks"),
    # alarms
    "asleep": select(*HOT).where(sleeps, tasks.c.alarm <= bindparam("now")).order_by(tasks.c.alarm).limit(LIMIT),
    "alarmed": select(*HOT)
    .where(tasks.c.alarm.is_not(None), ~sleeps, tasks.c.alarm <= bindparam("now"))
    .order_by(tasks.c.alarm)
    .limit(LIMIT),
}
