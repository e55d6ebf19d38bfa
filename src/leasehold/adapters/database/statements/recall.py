"""Machines that are gone for good, and what workers hold."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Executable, Integer, Text, and_, bindparam, delete, func, literal_column, or_, select

from leasehold.adapters.database.elements import each_row, unless_there
from leasehold.adapters.database.rows import TASK_COLUMNS
from leasehold.adapters.database.schema import gone, runs_now, tasks

LIMIT = bindparam("limit", type_=Integer)
named = each_row("names")
worker = tasks.c.worker
of_them = and_(
    worker >= named.c.value,
    worker < named.c.value + literal_column("'0'"),  # the sign after the slash: beyond all workers of that machine
    or_(worker == named.c.value, worker >= named.c.value + literal_column("'/'")),
)
"""A worker is called after its machine: ``MACHINE/PROCESS``."""

STATEMENTS: Mapping[str, Executable] = {
    "note gone": unless_there(gone),
    "forget gone": delete(gone).where(gone.c.at < bindparam("before", type_=BigInteger)),
    "gone": select(gone.c.name, gone.c.at, gone.c.source)
    .where(gone.c.at >= bindparam("since", type_=BigInteger))
    .order_by(gone.c.name),
    "held by": select(*(tasks.c[name] for name in TASK_COLUMNS))
    .select_from(named.join(tasks, and_(runs_now, of_them)))
    .where(tasks.c.receipt.is_not(None), tasks.c.lease_until >= bindparam("until", type_=BigInteger))
    .limit(LIMIT),
    "workers": select(worker, func.count(), func.min(tasks.c.lease_until), func.max(tasks.c.lease_until))
    .where(runs_now, worker.is_not(None), worker > bindparam("after", type_=Text))
    .group_by(worker)
    .order_by(worker)
    .limit(LIMIT),
}
