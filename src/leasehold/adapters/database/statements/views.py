"""What viewers see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Executable,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    union_all,
)

from leasehold.adapters.database.elements import each, each_number, total
from leasehold.adapters.database.rows import TASK_COLUMNS
from leasehold.adapters.database.schema import (
    SUM,
    audit,
    batches,
    bodies,
    counter_deltas,
    counters,
    error_groups,
    forgotten,
    operations,
    quarantine,
    queues,
    results,
    run_outputs,
    runs,
    tasks,
    totals,
)
from leasehold.adapters.database.tally import CELL, FORGOTTEN, HAPPENED

LIMIT = bindparam("limit", type_=Integer)
BELOW = bindparam("below", type_=BigInteger)
TASK = [tasks.c[name] for name in TASK_COLUMNS]
FAILED = "failed"

LINE = [audit.c[name] for name in ("seq", "at", "kind", "before", "after", "n", "r", "run_id", "detail")]
FROM_N, FROM_R = bindparam("n", type_=BigInteger), bindparam("r", type_=BigInteger)
of_task = select(tasks.c.number).where(tasks.c.id == bindparam("id")).scalar_subquery()
of_forgotten = select(forgotten.c.task).where(forgotten.c.id == bindparam("id")).scalar_subquery()
current_run = and_(
    runs.c.task == tasks.c.number, runs.c.n == tasks.c.n, runs.c.r == tasks.c.r, runs.c.run_id == tasks.c.run_id
)
with_body = (
    tasks.outerjoin(bodies, bodies.c.task == tasks.c.number)
    .outerjoin(results, results.c.task == tasks.c.number)
    .outerjoin(runs, current_run)
)
COLD = [
    bodies.c.key,
    bodies.c.arguments,
    bodies.c.arguments_ref,
    results.c.result,
    results.c.result_ref,
    runs.c.fraction,
    runs.c.note,
    bodies.c.tenant,
]
OUTCOME = [
    tasks.c.number,
    tasks.c.ended_no,
    tasks.c.id,
    tasks.c.state,
    tasks.c.ended_at,
    results.c.result,
    results.c.result_ref,
    tasks.c.reason,
    tasks.c.inferred,
]
outcomes = select(*OUTCOME).select_from(tasks.outerjoin(results, results.c.task == tasks.c.number))
same_run = and_(*(run_outputs.c[name] == runs.c[name] for name in ("task", "n", "r", "run_id")))

RUN = [
    runs.c.n,
    runs.c.r,
    runs.c.run_id,
    runs.c.worker,
    runs.c.started_at,
    runs.c.lease_until,
    runs.c.ended_at,
    runs.c.outcome,
    runs.c.lost_at,
    runs.c.fraction,
    runs.c.note,
    runs.c.failure,
    run_outputs.c.log,
    run_outputs.c.log_ref,
    func.coalesce(run_outputs.c.log_bytes, 0),
]


def trail_of(task: ScalarSelect[int]) -> Select[Any]:
    """A trail, from behind a line on."""
    after = bindparam("after", type_=BigInteger)
    return select(*LINE).where(audit.c.task == task, audit.c.seq > after).order_by(audit.c.seq).limit(LIMIT)


def cells(*conditions: str) -> Select[str, str, str, str, str, int]:
    """Cells that are not zero, deltas included; each condition names a column that must equal the value so named."""
    parts = [
        select(*(table.c[name] for name in CELL), table.c.tasks).where(
            func.substr(table.c.state, 1, 1) != HAPPENED, *(table.c[name] == bindparam(name) for name in conditions)
        )
        for table in (counters, counter_deltas)
    ]
    both = union_all(*parts).subquery()
    cell = [both.c[name] for name in CELL]
    return select(*cell, total(both.c.tasks)).group_by(*cell).having(total(both.c.tasks) != 0)


def sums(*conditions: str) -> Select[str, str, str, str, int]:
    """As ``cells``, of all batches together."""
    parts = [
        select(*(table.c[name] for name in SUM), table.c.tasks).where(
            func.substr(table.c.state, 1, 1) != HAPPENED, *(table.c[name] == bindparam(name) for name in conditions)
        )
        for table in (totals, counter_deltas)
    ]
    both = union_all(*parts).subquery()
    key = [both.c[name] for name in SUM]
    return select(*key, total(both.c.tasks)).group_by(*key).having(total(both.c.tasks) != 0)


in_batch = union_all(
    *(
        select(table.c.tasks).where(
            table.c.batch == bindparam("batch"), or_(*(table.c.state == state for state in FORGOTTEN))
        )
        for table in (counters, counter_deltas)
    )
).subquery()
true_cell = [tasks.c.queue, tasks.c.state, tasks.c.name, tasks.c.batch, tasks.c.error_group]
operation = select(
    *(operations.c[name] for name in ("id", "kind", "filter", "ceiling", "by", "reason", "created_at")),
    *(operations.c[name] for name in ("cursor", "matched", "changed", "finished", "finished_at", "stopped_by")),
)

STATEMENTS: Mapping[str, Executable] = {
    "task": select(*TASK, *COLD).select_from(with_body).where(tasks.c.id == bindparam("id")),
    "page": select(*TASK, *COLD)
    .select_from(with_body)
    .where(tasks.c.number.in_(each_number("numbers")))
    .order_by(tasks.c.number.desc()),
    "ids from": select(tasks.c.id)
    .where(tasks.c.id >= bindparam("low"), tasks.c.id < bindparam("high"))
    .order_by(tasks.c.id)
    .limit(LIMIT),
    "newest from": select(tasks.c.id)
    .where(tasks.c.number <= select(func.max(tasks.c.number) - bindparam("nth", type_=BigInteger)).scalar_subquery())
    .order_by(tasks.c.number.desc())
    .limit(1),
    "ids ending": select(tasks.c.id)
    .where(tasks.c.id.like(bindparam("ending")), tasks.c.id >= bindparam("low"))
    .order_by(tasks.c.id.desc())
    .limit(LIMIT),
    "outcomes": outcomes.where(tasks.c.id.in_(each("ids")), tasks.c.ended_at.is_not(None)),
    "ended": outcomes.where(tasks.c.batch == bindparam("batch"), tasks.c.ended_no > bindparam("after"))
    .order_by(tasks.c.ended_no)
    .limit(LIMIT),
    "failures of": select(runs.c.task, runs.c.failure)
    .where(runs.c.task.in_(each_number("numbers")), runs.c.failure.is_not(None))
    .order_by(runs.c.task, runs.c.n, runs.c.r),
    "runs": select(*RUN)
    .select_from(runs.outerjoin(run_outputs, same_run))
    .where(runs.c.task == of_task, tuple_(runs.c.n, runs.c.r) >= tuple_(FROM_N, FROM_R))
    .order_by(runs.c.n, runs.c.r, runs.c.started_at, runs.c.run_id)
    .limit(LIMIT),
    "audit": trail_of(of_task),
    "audit of forgotten": trail_of(of_forgotten),
    "counts": cells(),
    "counts of queue": cells("queue"),
    "counts of batch": cells("batch"),
    "forgotten of batch": select(total(in_batch.c.tasks)),
    "sums": sums(),
    "sums of state": sums("state"),
    "groups": select(
        error_groups.c.id,
        error_groups.c.type,
        error_groups.c.message,
        error_groups.c.frame,
        error_groups.c.first_at,
        error_groups.c.last_at,
    ).where(error_groups.c.id.in_(each("groups"))),
    "newest in group": select(tasks.c.id)
    .where(tasks.c.error_group == bindparam("group"), tasks.c.state == FAILED)
    .order_by(tasks.c.number.desc())
    .limit(1),
    "batches": select(batches.c.name, batches.c.created_at)
    .where(batches.c.number < BELOW)
    .order_by(batches.c.number.desc())
    .limit(LIMIT),
    "place of batch": select(batches.c.number).where(batches.c.name == bindparam("name")),
    "batch": select(batches.c.created_at).where(batches.c.name == bindparam("batch")),
    "queues": select(queues.c.name, queues.c.paused).order_by(queues.c.name),
    "operations": operation.where(operations.c.number < BELOW).order_by(operations.c.number.desc()).limit(LIMIT),
    "operation": operation.where(operations.c.id == bindparam("id")),
    "place of operation": select(operations.c.number).where(operations.c.id == bindparam("id")),
    "quarantine": select(*(quarantine.c[name] for name in ("at", "source", "digest", "body", "reason")))
    .where(quarantine.c.number < BELOW)
    .order_by(quarantine.c.number.desc())
    .limit(LIMIT),
    "place of damaged": select(quarantine.c.number).where(
        quarantine.c.source == bindparam("source"), quarantine.c.digest == bindparam("digest")
    ),
    "scan": select(*TASK).where(tasks.c.id > bindparam("after")).order_by(tasks.c.id).limit(LIMIT),
    "true counts": select(*true_cell, func.count()).group_by(*true_cell),
}
