"""What an audit reads. Each statement walks one range of task numbers, so that none grows with the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Executable,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
)

from leasehold.adapters.database.elements import each_number, total
from leasehold.adapters.database.rows import TASK_COLUMNS
from leasehold.adapters.database.schema import (
    SUM,
    audit,
    counter_deltas,
    counters,
    quarantine,
    runs,
    status_ids,
    tasks,
    totals,
)
from leasehold.adapters.database.tally import CELL, HAPPENED

LIMIT = bindparam("limit", type_=Integer)
ABOVE, UP_TO = bindparam("above", type_=BigInteger), bindparam("up_to", type_=BigInteger)
RUN = ("n", "r", "run_id", "worker", "started_at", "lease_until", "ended_at", "outcome", "lost_at")


def in_range(column: Column[int]) -> ColumnElement[bool]:
    """Of the tasks of this chunk."""
    return and_(column > ABOVE, column <= UP_TO)


def how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """In how many rows this holds."""
    return total(case((condition, 1), else_=0))


def before(column: Column[object], nothing: object) -> ColumnElement[object]:
    """The value in the line before, of the same task."""
    return func.lag(column, 1, nothing).over(partition_by=audit.c.task, order_by=audit.c.seq)


line = (
    select(
        audit.c.task,
        audit.c.seq,
        audit.c.kind,
        audit.c.before,
        audit.c.after,
        audit.c.at,
        before(audit.c.after, "new").label("came_to"),
        before(audit.c.at, 0).label("came_at"),
        func.count().over(partition_by=audit.c.task).label("lines"),
    )
    .where(in_range(audit.c.task))
    .subquery()
)
jumps = or_(line.c.before != line.c.came_to, line.c.at < line.c.came_at)


def counted(names: Sequence[str], kept: Table) -> Select[object]:
    """What is counted under these columns, with what is to be added."""
    parts = [
        select(*(each.c[name] for name in names), each.c.tasks).where(func.substr(each.c.state, 1, 1) != HAPPENED)
        for each in (kept, counter_deltas)
    ]
    both = union_all(*parts).subquery()
    key = [both.c[name] for name in names]
    return select(*key, total(both.c.tasks)).group_by(*key).having(total(both.c.tasks) != 0)


happened = union_all(
    *(
        select(each.c.state, each.c.tasks).where(func.substr(each.c.state, 1, 1) == HAPPENED)
        for each in (totals, counter_deltas)
    )
).subquery()

STATEMENTS: Mapping[str, Executable] = {
    "chunk": select(tasks.c.number, *(tasks.c[name] for name in TASK_COLUMNS))
    .where(tasks.c.number > ABOVE)
    .order_by(tasks.c.number)
    .limit(LIMIT),
    "trails": select(
        line.c.task,
        func.count(),
        func.max(line.c.seq),
        func.max(case((line.c.seq == line.c.lines, line.c.after), else_="")),
        how_many(jumps),
        how_many(line.c.kind == "dispatched"),
        how_many(line.c.kind == "completed"),
    ).group_by(line.c.task),
    "lines": select(audit.c.kind, audit.c.before, audit.c.after, func.count(), func.min(audit.c.task))
    .where(in_range(audit.c.task))
    .group_by(audit.c.kind, audit.c.before, audit.c.after),
    "runs": select(runs.c.task, func.count(), how_many(runs.c.outcome == "completed"))
    .where(in_range(runs.c.task))
    .group_by(runs.c.task),
    "runs of": select(runs.c.task, *(runs.c[name] for name in RUN))
    .where(runs.c.task.in_(each_number("numbers")))
    .order_by(runs.c.task, runs.c.n, runs.c.r, runs.c.started_at, runs.c.run_id),
    "id of": select(tasks.c.id).where(tasks.c.number == bindparam("number", type_=BigInteger)),
    "counted cells": counted(CELL, counters),
    "counted sums": counted(SUM, totals),
    "happened": select(happened.c.state, total(happened.c.tasks)).group_by(happened.c.state),
    "quarantined": select(func.count(), how_many(quarantine.c.reason.startswith(bindparam("forged", type_=Text)))),
    "last report": select(func.max(status_ids.c.at)),
}
