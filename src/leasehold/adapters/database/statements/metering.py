"""What requests to queues and runs of handlers cost: counts by the hour, and the times of the newest runs."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Select,
    Text,
    bindparam,
    delete,
    func,
    literal,
    select,
    union_all,
)

from leasehold.adapters.database.elements import OneRange, added, each_number, total
from leasehold.adapters.database.schema import METERED, TALLIED, queues, request_deltas, requests, runs, tasks

Lead = Mapping[ColumnElement[str], ColumnElement[str]]
LIMIT = bindparam("limit", type_=Integer)
hours = union_all(
    *(
        select(*(table.c[name] for name in (*METERED, *TALLIED))).where(
            table.c.hour >= bindparam("since", type_=BigInteger), table.c.hour < bindparam("until", type_=BigInteger)
        )
        for table in (requests, request_deltas)
    )
).subquery()
fold = added(requests)
BEYOND = 1 << 62
"""More than any task's number."""
RAN = ("completed", "failed", "in_progress", "pending/lapsed")
"""States of tasks that surely have a run: the newest of each is found in an index at once."""
lane: Lead = {tasks.c.name: bindparam("name", type_=Text), tasks.c.queue: bindparam("queue", type_=Text)}
one = OneRange(lane, (tasks.c.number, literal(0, BigInteger), bindparam("below", type_=BigInteger)))


def newest_in(state: str) -> Select[int]:
    """The number of the newest task in a state; the state as a part of the range, or PostgreSQL walks all tasks."""
    lead: Lead = {tasks.c.state: literal(state, Text)}
    there = OneRange(lead, (tasks.c.number, literal(0, BigInteger), literal(BEYOND, BigInteger)))
    found = select(tasks.c.number).where(there).order_by(tasks.c.state.desc(), tasks.c.number.desc()).limit(1)
    return select(found.subquery().c.number)


last = union_all(*(newest_in(state) for state in RAN)).subquery()
newest = (
    select(tasks.c.number, tasks.c.batch, tasks.c.lease, tasks.c.bundle)
    .where(one)
    .order_by(*(column.desc() for column in lane), tasks.c.number.desc())
    .limit(LIMIT)
    .subquery()
)
TIMES = ("started_at", "lease_until", "ended_at", "outcome", "lost_at", "failure")

STATEMENTS: Mapping[str, Executable] = {
    "note requests": added(request_deltas, *METERED, *TALLIED),
    "request deltas": select(*(request_deltas.c[name] for name in ("number", *METERED, *TALLIED)))
    .order_by(request_deltas.c.number)
    .limit(LIMIT)
    .with_for_update(skip_locked=True),
    "known queues": select(queues.c.name),
    "fold requests": fold.on_conflict_do_update(
        index_elements=list(METERED), set_={name: requests.c[name] + fold.excluded[name] for name in TALLIED}
    ),
    "drop request deltas": delete(request_deltas).where(request_deltas.c.number.in_(each_number("numbers"))),
    "forget requests": delete(requests).where(requests.c.hour < bindparam("before", type_=BigInteger)),
    "requests": select(
        func.min(hours.c.hour), hours.c.queue, hours.c.action, *(total(hours.c[name]) for name in TALLIED)
    )
    .group_by(hours.c.queue, hours.c.action)
    .order_by(hours.c.queue, hours.c.action),
    "last that ran": select(func.max(last.c.number)),
    "run times": select(
        *(newest.c[name] for name in ("number", "batch", "lease", "bundle")), *(runs.c[name] for name in TIMES)
    )
    .select_from(newest.outerjoin(runs, runs.c.task == newest.c.number))
    .order_by(newest.c.number.desc(), runs.c.n, runs.c.r),
}
