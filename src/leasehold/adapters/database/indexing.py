"""The index of arguments that handlers declare: written with each submit, and filled for tasks that are older.

A submit reads what is declared in its own transaction. So whoever submits is bound by it, with or without the
application's code; and once every submit has ended that began before the declaration, no later task is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from leasehold.adapters.database.connection import Contended, Database, Sql, Transaction
from leasehold.adapters.database.filtering import Bounds, plan
from leasehold.core.filters import Choice, Filter
from leasehold.core.finding import hidden_by, indexable, kept, members_of, text_in
from leasehold.core.redaction import Redaction
from leasehold.ports.ledger import NewTask

PATIENCE = Sql("SET LOCAL lock_timeout = '300ms'", ())
"""Submits wait behind whoever wants the lock below: rather later than long."""
EVERY_SUBMIT = Sql("LOCK TABLE indexed_arguments IN ACCESS EXCLUSIVE MODE", ())
"""On PostgreSQL: wait until every submit has ended that may have read what was declared before. SQLite has one writer
at a time."""


class Indexed(NamedTuple):
    """An argument of a handler that is in the index: for tasks up to ``until`` only as far as it has ``reached``."""

    number: int
    name: str
    argument: str
    until: int | None
    reached: int

    @property
    def whole(self) -> bool:
        """Whether the index has it of all tasks."""
        return self.until is not None and self.reached >= self.until


def indexed(tx: Transaction, sql: Mapping[str, Sql]) -> list[Indexed]:
    """All that is declared."""
    return [Indexed(*row) for row in tx.rows(sql["indexed arguments"])]


def declared(tx: Transaction, sql: Mapping[str, Sql], redaction: Redaction, new: Sequence[NewTask]) -> list[Indexed]:
    """What is declared of the handlers of new tasks, by these tasks or before."""
    wanted = {(each.task.name, each.find) for each in new if each.find}
    pairs = {(name, argument) for name, find in wanted for argument in indexable(find, redaction)}
    found = indexed(tx, sql)
    if missing := pairs - {(each.name, each.argument) for each in found}:
        tx.run_many(sql["index argument"], [(*pair, tx.now) for pair in sorted(missing)])
        found = indexed(tx, sql)
    return [each for each in found if not hidden_by(redaction, each.argument)]


def add(tx: Transaction, sql: Mapping[str, Sql], found: Sequence[Indexed], new: Sequence[tuple[int, NewTask]]) -> None:
    """Index new tasks, each with its number."""
    of_name = by_name(found)
    rows = [row for number, each in new for row in values(number, each.arguments, of_name.get(each.task.name, ()))]
    tx.run_many(sql["add value"], rows)


def by_name(found: Sequence[Indexed]) -> Mapping[str, Sequence[Indexed]]:
    """What is declared of each handler."""
    return {name: [each for each in found if each.name == name] for name in {each.name for each in found}}


def values(number: int, arguments: str | None, found: Sequence[Indexed]) -> Iterator[tuple[int, int, str]]:
    """The rows of one task."""
    members = members_of(arguments) if found else None
    for each in found:
        if (text := text_in(members, each.argument)) is not None:
            yield number, each.number, kept(text)


def fill(database: Database, sql: Mapping[str, Sql], redaction: Redaction, limit: int) -> int:
    """Index one declared argument of up to ``limit`` older tasks; how many there were, or 1 where a first step is done.

    0: nothing is left to do, or (on PostgreSQL) some submit has been going on for so long that it is tried later.
    """
    with database.read() as tx:
        left = [each for each in indexed(tx, sql) if not (each.whole or hidden_by(redaction, each.argument))]
    if not left:
        return 0
    first = left[0]
    try:
        if first.until is None:
            with database.write() as tx:
                return count_older(tx, sql, first, alone=database.dialect == "sqlite")
        return database.transact(lambda tx: fill_further(tx, sql, first, limit), repeatable=True)
    except Contended:
        return 0


def count_older(tx: Transaction, sql: Mapping[str, Sql], one: Indexed, *, alone: bool) -> int:
    """Find out up to which task the index may lack something."""
    if not alone:
        tx.run(PATIENCE)
        tx.run(EVERY_SUBMIT)
    tx.run(sql["count older"], {"number_": one.number})
    return 1


def fill_further(tx: Transaction, sql: Mapping[str, Sql], one: Indexed, limit: int) -> int:
    """Index the next tasks of its handler. Done twice at once, it is done once."""
    until = one.until or 0
    bounds = Bounds(one.reached, until + 1)
    found = plan(tx, sql, Filter(name=Choice((one.name,)))).oldest(tx, sql, limit, bounds)
    numbers = tx.array([str(number) for number, _ in found])
    held = tx.rows(sql["hold arguments"], {"numbers": numbers}) if found else []
    tx.run_many(sql["fill value"], [row for number, text in held for row in values(number, text, [one])])
    tx.run(sql["fill further"], {"number_": one.number, "to": found[-1][0] if len(found) == limit else until})
    return max(1, len(found))
