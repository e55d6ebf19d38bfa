"""What the ledger does beside moving tasks: counters, pauses, secrets, bulk operations, forgetting."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Executable, Integer, and_, bindparam, delete, func, or_, select, union_all, update

from leasehold.adapters.database.argument_schema import argument_values, indexed_arguments
from leasehold.adapters.database.elements import added, each_number, each_of, total, unless_there
from leasehold.adapters.database.rows import STATES
from leasehold.adapters.database.schema import (
    SUM,
    bodies,
    counter_deltas,
    counters,
    operations,
    quarantine,
    queues,
    secrets,
    status_ids,
    tasks,
    totals,
)
from leasehold.adapters.database.tally import CELL, EXPIRED, STARTED

LIMIT = bindparam("limit", type_=Integer)
FLOWN = (*(state for state in STATES if state.startswith("pending")), "in_progress", STARTED, EXPIRED)
OPERATION = [operations.c[name] for name in ("id", "kind", "filter", "ceiling", "by", "reason", "created_at")]
PROGRESS = [operations.c[name] for name in ("cursor", "matched", "changed", "finished", "finished_at", "stopped_by")]

in_flight = union_all(
    # a few ranges of the key: outcomes fill the rest of it
    select(totals.c.queue, totals.c.state, totals.c.tasks).where(or_(*(totals.c.state == state for state in FLOWN))),
    select(counter_deltas.c.queue, counter_deltas.c.state, counter_deltas.c.tasks),
).subquery()
fold_cell = added(counters)
fold_sum = added(totals)
pause = added(queues)
unfinished = operations.c.finished == ""
newest_quarantined = select(func.max(quarantine.c.number)).scalar_subquery()
old_ids = (
    select(status_ids.c.task, status_ids.c.id)
    .where(status_ids.c.at < bindparam("before"))
    .order_by(status_ids.c.at)
    .limit(LIMIT)
)

number_of_argument = indexed_arguments.c.number == bindparam("number_", type_=BigInteger)

STATEMENTS: Mapping[str, Executable] = {
    # the index of arguments
    "count older": update(indexed_arguments)
    .where(number_of_argument, indexed_arguments.c.until.is_(None))
    .values(until=select(func.coalesce(func.max(tasks.c.number), 0)).scalar_subquery()),
    # those that are being forgotten meanwhile go first, or with what is written of them here
    "hold arguments": select(tasks.c.number, bodies.c.arguments)
    .select_from(tasks.join(bodies, bodies.c.task == tasks.c.number))
    .where(tasks.c.number.in_(each_number("numbers")))
    .order_by(tasks.c.number)
    .with_for_update(of=tasks, read=True, key_share=True),
    "fill value": unless_there(argument_values),
    "fill further": update(indexed_arguments)
    .where(number_of_argument, indexed_arguments.c.reached < bindparam("to", type_=BigInteger))
    .values(reached=bindparam("to", type_=BigInteger)),
    # counters
    "flights": select(in_flight.c.queue, in_flight.c.state, total(in_flight.c.tasks)).group_by(
        in_flight.c.queue, in_flight.c.state
    ),
    "paused queues": select(queues.c.name).where(queues.c.paused),
    "deltas": select(counter_deltas.c.number, counter_deltas.c.tasks, *(counter_deltas.c[name] for name in CELL))
    .order_by(counter_deltas.c.number)
    .limit(LIMIT)
    .with_for_update(skip_locked=True),
    "fold cell": fold_cell.on_conflict_do_update(
        index_elements=[column.name for column in counters.primary_key],
        set_={"tasks": counters.c.tasks + fold_cell.excluded.tasks},
    ),
    "drop empty cell": each_of(
        delete(counters).where(and_(*(counters.c[name] == bindparam(name) for name in CELL)), counters.c.tasks == 0),
        *CELL,
    ),
    "fold sum": fold_sum.on_conflict_do_update(
        index_elements=list(SUM), set_={"tasks": totals.c.tasks + fold_sum.excluded.tasks}
    ),
    "drop empty sum": each_of(
        delete(totals).where(and_(*(totals.c[name] == bindparam(name) for name in SUM)), totals.c.tasks == 0), *SUM
    ),
    "drop deltas": delete(counter_deltas).where(counter_deltas.c.number.in_(each_number("numbers"))),
    # queues
    "pause": pause.on_conflict_do_update(
        index_elements=["name"], set_={name: pause.excluded[name] for name in ("paused", "paused_by", "paused_at")}
    ),
    # secrets
    "secret": select(secrets.c.value).where(secrets.c.name == bindparam("name")),
    "add secret": unless_there(secrets),
    # forgetting
    "old status ids": old_ids,
    "drop status id": each_of(
        delete(status_ids).where(status_ids.c.task == bindparam("task"), status_ids.c.id == bindparam("id")),
        "task",
        "id",
    ),
    "drop quarantined": delete(quarantine).where(quarantine.c.number <= newest_quarantined - bindparam("kept")),
    # bulk operations
    "add operation": unless_there(operations, *(column.name for column in (*OPERATION, *PROGRESS))),
    "next operation": select(*OPERATION, *PROGRESS).where(unfinished).order_by(operations.c.number).limit(1),
    "advance operation": update(operations)
    .where(operations.c.id == bindparam("id_"), operations.c.cursor == bindparam("since"), unfinished)
    .values(
        cursor=bindparam("cursor"),
        matched=operations.c.matched + bindparam("more", type_=BigInteger),
        finished=bindparam("finished"),
        finished_at=bindparam("finished_at"),
    ),
    "count changed": update(operations)
    .where(operations.c.id == bindparam("id_"))
    .values(changed=operations.c.changed + bindparam("moved", type_=BigInteger)),
    "end operation": update(operations)
    .where(operations.c.id == bindparam("id_"), unfinished)
    .values(finished=bindparam("finished"), finished_at=bindparam("finished_at"), stopped_by=bindparam("by")),
    "newest task": select(tasks.c.id).order_by(tasks.c.number.desc()).limit(1),
    "number of": select(tasks.c.number).where(tasks.c.id == bindparam("id")),
}
