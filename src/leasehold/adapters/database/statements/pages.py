"""Pages of tasks: one statement per way of walking an index, each with every other condition of a filter beside it.

A *walk* is one range of one index in the order of the tasks' numbers, newest first (``down ...``) or oldest first
(``up ...``). Conditions that were not asked for are bound to null. No condition but the walk's own can be served by an
index, so the database has no choice to make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
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

from leasehold.adapters.database.elements import Beside, OneRange, each, each_number, total
from leasehold.adapters.database.schema import (
    CELL,
    IN_TROUBLE,
    counter_deltas,
    counters,
    error_groups,
    task_keys,
    tasks,
)
from leasehold.adapters.database.tally import HAPPENED

LIMIT = bindparam("limit", type_=Integer)


def one_of(column: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
    """The column is among the bound texts, if any are bound; null counts as ''."""
    return or_(bindparam(wanted, type_=Text).is_(None), func.coalesce(column, "").in_(each(wanted)))


def none_of(column: ColumnElement[str], unwanted: str) -> ColumnElement[bool]:
    """The column is not among the bound texts, if any are bound; null counts as ''."""
    return or_(bindparam(unwanted, type_=Text).is_(None), func.coalesce(column, "").not_in(each(unwanted)))


def instant(name: str) -> ColumnElement[int]:
    """A bound whole number."""
    return bindparam(name, type_=BigInteger)


def within() -> ColumnElement[bool]:
    """The part of a range that is asked for."""
    return and_(tasks.c.number > instant("above"), tasks.c.number < instant("below"))


def matches() -> ColumnElement[bool]:
    """All that a filter may ask of a row."""
    no_keys = select(task_keys.c.task).where(task_keys.c.key.in_(each("not_keys")))
    return and_(
        one_of(tasks.c.state, "states"),
        one_of(tasks.c.name, "names"),
        none_of(tasks.c.name, "not_names"),
        one_of(tasks.c.queue, "queues"),
        none_of(tasks.c.queue, "not_queues"),
        one_of(tasks.c.batch, "batches"),
        none_of(tasks.c.batch, "not_batches"),
        one_of(tasks.c.error_group, "groups"),
        none_of(tasks.c.error_group, "not_groups"),
        or_(bindparam("not_keys", type_=Text).is_(None), tasks.c.number.not_in(no_keys)),
        or_(bindparam("not_numbers", type_=Text).is_(None), tasks.c.number.not_in(each_number("not_numbers"))),
        or_(instant("newest").is_(None), tasks.c.created_at <= instant("newest")),
        or_(instant("oldest").is_(None), tasks.c.created_at >= instant("oldest")),
    )


Lead = Mapping[ColumnElement[str], ColumnElement[str]]
ONE, OTHER = bindparam("one", type_=Text), bindparam("other", type_=Text)
LEADS: Mapping[str, Lead] = {
    "state": {tasks.c.state: ONE},
    "batch": {tasks.c.batch: ONE},
    "name": {tasks.c.name: ONE, tasks.c.queue: OTHER},
    "group": {tasks.c.error_group: ONE, tasks.c.state: OTHER},
}
"""What leads to the numbers in each index, and the values of which its ranges consist."""


def walks() -> Iterator[tuple[str, Executable]]:
    """Both directions of every walk."""
    yield from both_ways("all", {}, tasks.c.number > 0, within(), Beside(matches()))
    yield from both_ways("numbers", {}, tasks.c.number.in_(each_number("numbers")), Beside(and_(within(), matches())))
    for name, lead in LEADS.items():
        one = OneRange(lead, (tasks.c.number, instant("above"), instant("below")))
        yield from both_ways(name, lead, one, Beside(matches()))
    for state in IN_TROUBLE:
        # the state as a literal: only then does the index over the states in trouble serve the query
        here = and_(tasks.c.batch == ONE, tasks.c.state == state)
        lead: Lead = {tasks.c.batch: ONE, tasks.c.state: literal(state)}
        one = OneRange(lead, (tasks.c.number, instant("above"), instant("below")))
        yield from both_ways(f"batch {state}", lead, here, one, Beside(matches()))


def both_ways(name: str, lead: Lead, *where: ColumnElement[bool]) -> Iterator[tuple[str, Executable]]:
    """In the order of the index, and against it."""
    found = select(tasks.c.number, tasks.c.id).where(*where).limit(LIMIT)
    yield f"down {name}", found.order_by(*(column.desc() for column in lead), tasks.c.number.desc())
    yield f"up {name}", found.order_by(*lead, tasks.c.number)


cells = union_all(
    *(select(*(each_cell.c[name] for name in (*CELL, "tasks"))) for each_cell in (counters, counter_deltas))
).subquery()
in_cell: Mapping[str, ColumnElement[str]] = {
    "states": cells.c.state,
    "names": cells.c.name,
    "queues": cells.c.queue,
    "batches": cells.c.batch,
    "groups": cells.c.error_group,
}


def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How many tasks are in the cells for which this holds."""
    return total(case((condition, cells.c.tasks), else_=0))


STATEMENTS: Mapping[str, Executable] = {
    **dict(walks()),
    "counted": select(total(cells.c.tasks)).where(
        func.substr(cells.c.state, 1, 1) != HAPPENED,
        *(one_of(column, plural) for plural, column in in_cell.items()),
        *(none_of(column, f"not_{plural}") for plural, column in in_cell.items() if plural != "states"),
    ),
    "sizes": select(
        counted(one_of(cells.c.state, "states")),
        counted(one_of(cells.c.batch, "batches")),
        counted(and_(one_of(cells.c.name, "names"), one_of(cells.c.queue, "queues"))),
    ),
    "lanes": select(cells.c.name, cells.c.queue)
    .where(one_of(cells.c.name, "names"), one_of(cells.c.queue, "queues"), cells.c.name != "")
    .distinct(),
    "ids like": select(tasks.c.number)
    .where(tasks.c.id >= bindparam("low"), tasks.c.id < bindparam("high"))
    .order_by(tasks.c.id)
    .limit(LIMIT),
    "keys like": select(task_keys.c.task).where(task_keys.c.key.in_(each("keys"))),
    "groups like": select(error_groups.c.id)
    .where(error_groups.c.id >= bindparam("low"), error_groups.c.id < bindparam("high"))
    .limit(LIMIT),
    "at or after": select(tasks.c.number, tasks.c.created_at)
    .where(tasks.c.number >= instant("number"))
    .order_by(tasks.c.number)
    .limit(1),
    "newest number": select(func.coalesce(func.max(tasks.c.number), 0)),
}
