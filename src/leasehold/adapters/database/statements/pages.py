"""Pages of tasks: one statement per way of walking an index, each with every other condition of a filter beside it.

A *walk* is one range of one index in the order of the tasks' numbers, newest first (``down ...``) or oldest first
(``up ...``). Conditions that were not asked for are bound to null. No condition but the walk's own can be served by an
index, so the database has no choice to make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from leasehold.adapters.database.argument_schema import argument_values, indexed_arguments
from leasehold.adapters.database.elements import Beside, InOrder, OneRange, each, each_number, each_row, total
from leasehold.adapters.database.schema import (
    IN_TROUBLE,
    SUM,
    bodies,
    counter_deltas,
    counters,
    error_groups,
    failed_in_silence,
    in_trouble,
    of_batch,
    task_keys,
    tasks,
    totals,
)
from leasehold.adapters.database.tally import CELL, HAPPENED

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


Lead = Mapping[ColumnElement[Any], ColumnElement[Any]]
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
    silent: Lead = {tasks.c.name: ONE}
    one = OneRange(silent, (tasks.c.number, instant("above"), instant("below")))
    yield from both_ways("silence", silent, failed_in_silence, one, Beside(matches()))
    for state in IN_TROUBLE:
        # the state as a literal: only then does SQLite take the index over the states in trouble
        lead: Lead = {of_batch: ONE, tasks.c.state: literal(state)}
        one = OneRange(lead, (tasks.c.number, instant("above"), instant("below")))
        yield from both_ways(f"batch {state}", lead, in_trouble, one, Beside(matches()))
    yield from by_argument()


def both_ways(name: str, lead: Lead, *where: ColumnElement[bool]) -> Iterator[tuple[str, Executable]]:
    """In the order of the index, and against it."""
    found = select(tasks.c.number, tasks.c.id).where(*where).limit(LIMIT)
    yield f"down {name}", found.order_by(InOrder(lead, tasks.c.number, "DESC"))
    yield f"up {name}", found.order_by(InOrder(lead, tasks.c.number, "ASC"))


values = argument_values.c
OF_VALUE: Lead = {values.argument: bindparam("one", type_=BigInteger), values.value: OTHER}


def of_value() -> OneRange:
    """What the index of arguments has of one value of one of them."""
    return OneRange(OF_VALUE, (values.task, instant("above"), instant("below")))


def by_argument() -> Iterator[tuple[str, Executable]]:
    """Both directions of it."""
    # row by row: where PostgreSQL knows little of a young index, it would rather join by looking at every task
    its_id = select(tasks.c.id).where(tasks.c.number == values.task).correlate(argument_values)
    matching = its_id.where(Beside(matches())).scalar_subquery().is_not(None)
    found = select(values.task, its_id.scalar_subquery()).where(of_value(), matching).limit(LIMIT)
    yield "down argument", found.order_by(InOrder(OF_VALUE, values.task, "DESC"))
    yield "up argument", found.order_by(InOrder(OF_VALUE, values.task, "ASC"))


def either(names: Sequence[str], kept: Table) -> Subquery:
    """Counts and what is to be added to them, with these columns."""
    parts = [select(*(each_cell.c[name] for name in (*names, "tasks"))) for each_cell in (kept, counter_deltas)]
    return union_all(*parts).subquery()


cells, sums = either(CELL, counters), either(SUM, totals)
of_batches = union_all(
    *(
        select(*(each_cell.c[name] for name in (*CELL, "tasks"))).where(each_cell.c.batch.in_(each("batches")))
        for each_cell in (counters, counter_deltas)
    )
).subquery()
COLUMNS: Mapping[str, str] = {
    "states": "state",
    "names": "name",
    "queues": "queue",
    "batches": "batch",
    "groups": "error_group",
}


def counted(among: Subquery) -> Select[int]:
    """How many tasks a filter means, if it asks for nothing but what is counted."""
    columns = {plural: among.c[name] for plural, name in COLUMNS.items() if name in among.c}
    return select(total(among.c.tasks)).where(
        func.substr(among.c.state, 1, 1) != HAPPENED,
        *(one_of(column, plural) for plural, column in columns.items()),
        *(none_of(column, f"not_{plural}") for plural, column in columns.items() if plural != "states"),
    )


def size(among: Subquery, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """How many tasks are in the cells for which this holds."""
    return (
        select(total(among.c.tasks)).where(func.substr(among.c.state, 1, 1) != HAPPENED, *conditions).scalar_subquery()
    )


in_lanes = (one_of(sums.c.name, "names"), one_of(sums.c.queue, "queues"))

places = each_row("places")


def at_or_after(column: ColumnElement[int]) -> ColumnElement[int]:
    """Of the first task from each of some numbers on."""
    first = select(column).where(tasks.c.number >= cast(places.c.value, BigInteger)).order_by(tasks.c.number).limit(1)
    return first.correlate(places).scalar_subquery()


STATEMENTS: Mapping[str, Executable] = {
    **dict(walks()),
    "counted": counted(sums),
    "counted in batches": counted(of_batches),
    "counted beside batches": counted(cells),
    "sizes": select(size(sums, one_of(sums.c.state, "states")), size(of_batches), size(sums, *in_lanes)),
    "lanes": select(sums.c.name, sums.c.queue)
    .where(*in_lanes, func.substr(sums.c.state, 1, 1) != HAPPENED, sums.c.name != "")
    .distinct(),
    "groups in states": select(sums.c.error_group, sums.c.state)
    .where(one_of(sums.c.state, "states"), one_of(sums.c.error_group, "groups"), sums.c.error_group != "")
    .where(func.substr(sums.c.state, 1, 1) != HAPPENED)
    .distinct(),
    "names": select(sums.c.name)
    .where(one_of(sums.c.name, "names"), sums.c.state == "failed", sums.c.error_group == "")
    .distinct(),
    "ids like": select(tasks.c.number)
    .where(tasks.c.id >= bindparam("low"), tasks.c.id < bindparam("high"), tasks.c.number < instant("below"))
    .order_by(tasks.c.id)
    .limit(LIMIT),
    "keys like": select(task_keys.c.task).where(task_keys.c.key.in_(each("keys"))),
    "groups like": select(error_groups.c.id)
    .where(error_groups.c.id >= bindparam("low"), error_groups.c.id < bindparam("high"))
    .limit(LIMIT),
    "at or after": select(at_or_after(tasks.c.number), at_or_after(tasks.c.created_at)).select_from(places),
    "values up to": select(func.count()).select_from(
        select(argument_values.c.task).where(of_value()).limit(LIMIT).subquery()
    ),
    "indexed arguments": select(
        indexed_arguments.c.number,
        indexed_arguments.c.name,
        indexed_arguments.c.argument,
        indexed_arguments.c.until,
        indexed_arguments.c.reached,
    ).order_by(indexed_arguments.c.number),
    "first above": select(tasks.c.number).where(within()).order_by(tasks.c.number).limit(1),
    "last below": select(tasks.c.number, tasks.c.id).where(within()).order_by(tasks.c.number.desc()).limit(1),
    "arguments of": select(bodies.c.task, bodies.c.arguments).where(bodies.c.task.in_(each_number("numbers"))),
    "newest number": select(func.coalesce(func.max(tasks.c.number), 0)),
}
