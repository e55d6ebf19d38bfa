"""What metrics and live pages ask for again and again: a few rows of an index each, however large the ledger is."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Executable,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from leasehold.adapters.database.elements import OneRange, each_row, total
from leasehold.adapters.database.schema import counter_deltas, is_due, quarantine, sleeps, tasks, totals
from leasehold.adapters.database.tally import HAPPENED
from leasehold.core.transitions import DUE, IN_PROGRESS, LAPSED, QUEUED, SCHEDULED
from leasehold.core.units import CEILING
from leasehold.ports.pulse import OLDEST

NOW = bindparam("now", type_=BigInteger)
NEXT = chr(ord(HAPPENED) + 1)
"""The sign after the one that begins all that happened: together a range of the key."""
BEYOND = 1 << 62
WAITING = (DUE, QUEUED, LAPSED, SCHEDULED)


at_first = or_(
    and_(tasks.c.state == literal(DUE, Text), tasks.c.n == literal(0, BigInteger)),
    and_(tasks.c.state == literal(QUEUED, Text), tasks.c.n == literal(1, BigInteger)),
)
since = case((at_first, tasks.c.due_at), else_=tasks.c.created_at)
"""``core.happening.waits_since``."""


def first_in(state: str) -> Subquery:
    """The tasks in a state that were submitted first, as one range of the index over states."""
    there = OneRange({tasks.c.state: literal(state, Text)}, (tasks.c.number, literal(0, BigInteger), literal(BEYOND)))
    found = select(tasks.c.queue, tasks.c.state, since.label("since")).where(there)
    return found.order_by(tasks.c.state, tasks.c.number).limit(OLDEST).subquery()


def oldest(state: str) -> Select[str, str, int]:
    """Of each queue among them the oldest."""
    first = first_in(state)
    return select(first.c.queue, first.c.state, func.min(first.c.since)).group_by(first.c.queue, first.c.state)


named = each_row("queues")
head = (
    select(since)
    .where(tasks.c.queue == named.c.value, is_due)
    .order_by(tasks.c.priority.desc(), tasks.c.due_at, tasks.c.number)
    .limit(1)
    .correlate(named)
    .scalar_subquery()
)
happened = union_all(
    *(
        select(each.c.queue, each.c.state, each.c.tasks).where(each.c.state >= HAPPENED, each.c.state < NEXT)
        for each in (totals, counter_deltas)
    )
).subquery()
alarmed = (
    select(tasks.c.state, tasks.c.alarm)
    .where(tasks.c.alarm.is_not(None), ~sleeps, tasks.c.alarm <= NOW)
    .order_by(tasks.c.alarm)
    .limit(CEILING)
    .subquery()
)
asleep = select(tasks.c.alarm).where(sleeps, tasks.c.alarm <= NOW).order_by(tasks.c.alarm).limit(CEILING).subquery()
notes = select(counter_deltas.c.number).limit(CEILING).subquery()

STATEMENTS: Mapping[str, Executable] = {
    "happened": select(happened.c.queue, happened.c.state, total(happened.c.tasks)).group_by(
        happened.c.queue, happened.c.state
    ),
    "oldest waiting": union_all(*map(oldest, WAITING)),
    "heads": select(named.c.value, head).select_from(named),
    "overdue": select(
        func.count().filter(alarmed.c.state == IN_PROGRESS), func.count(), func.min(alarmed.c.alarm)
    ).select_from(alarmed),
    "overslept": select(func.count(), func.min(asleep.c.alarm)).select_from(asleep),
    "unfolded": select(func.count()).select_from(notes),
    "kept in quarantine": select(func.count()).select_from(quarantine),
}
