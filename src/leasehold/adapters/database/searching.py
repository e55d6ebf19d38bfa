"""Filters of arguments: by the index where handlers declare what is asked for, else task by task among the newest ones.

The tasks that may match come from ranges of indexes as those of every filter. What an index of arguments does not say
is asked of the arguments themselves.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.filtering import LAST, Bounds, Found, Plan, Walk, plan
from leasehold.adapters.database.indexing import Indexed, indexed
from leasehold.core import finding
from leasehold.core.filters import Choice, Filter, fits
from leasehold.core.finding import Asked, fitting, kept
from leasehold.ports.views import Bound

READ = 200
"""Tasks whose arguments are read together: large ones take 200 KiB each."""


class Part(NamedTuple):
    """Tasks that may match, in the order of their numbers; ``asked``: what their arguments still have to say."""

    plan: Plan
    asked: Asked

    def newest(self, tx: Transaction, sql: Mapping[str, Sql], limit: int, below: int) -> Iterator[Found]:
        """Those that match, newest first; without a limit where their arguments are read."""
        if not self.asked:
            yield from self.plan.newest(tx, sql, limit, below)
            return
        while found := self.plan.newest(tx, sql, READ, below):
            yield from self._fitting(tx, sql, found)
            below = found[-1][0]

    def oldest(self, tx: Transaction, sql: Mapping[str, Sql], limit: int, bounds: Bounds) -> Iterator[Found]:
        """Those that match within ``bounds``, oldest first; without a limit where their arguments are read."""
        if not self.asked:
            yield from self.plan.oldest(tx, sql, limit, bounds)
            return
        while found := self.plan.oldest(tx, sql, READ, bounds):
            yield from self._fitting(tx, sql, found)
            bounds = bounds._replace(above=found[-1][0])

    def at_most(self, tx: Transaction, sql: Mapping[str, Sql], ceiling: int) -> int:
        """How many match, stopping at ``ceiling``."""
        if not self.asked:
            return self.plan.at_most(tx, sql, ceiling)
        return sum(1 for _ in islice(self.newest(tx, sql, ceiling, LAST), ceiling))

    def _fitting(self, tx: Transaction, sql: Mapping[str, Sql], found: Sequence[Found]) -> list[Found]:
        numbers = tx.array([str(number) for number, _ in found])
        arguments = dict(tx.rows(sql["arguments of"], {"numbers": numbers}))
        return [each for each in found if fitting(arguments.get(each[0]), self.asked)]


class Search(NamedTuple):
    """A filter of arguments made ready for one transaction, to be used as ``Plan`` is."""

    parts: Sequence[Part]
    bound: Bound | None
    """What was left out, if anything."""

    def newest(self, tx: Transaction, sql: Mapping[str, Sql], limit: int, below: int = LAST) -> list[Found]:
        """Up to ``limit`` matching tasks, newest first."""
        walked = [part.newest(tx, sql, limit, below) for part in self.parts]
        return list(islice(heapq.merge(*walked, reverse=True), limit))

    def oldest(self, tx: Transaction, sql: Mapping[str, Sql], limit: int, bounds: Bounds) -> list[Found]:
        """Up to ``limit`` matching tasks within ``bounds``, oldest first."""
        walked = [part.oldest(tx, sql, limit, bounds) for part in self.parts]
        return list(islice(heapq.merge(*walked), limit))

    def bounded(self, numbers: int) -> int:
        """So many numbers, or as few as make no more work where arguments are read; all where tasks are named."""
        if all(walk.name == "numbers" for part in self.parts for walk in part.plan.walks):
            return LAST
        return min(numbers, finding.LOOKED_AT) if any(part.asked for part in self.parts) else numbers

    def at_most(self, tx: Transaction, sql: Mapping[str, Sql], ceiling: int) -> int:
        """How many match, stopping at ``ceiling``."""
        total = 0
        for part in self.parts:
            total += part.at_most(tx, sql, ceiling - total)
        return total


def search(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, most: int | None, below: int = LAST) -> Search:
    """Choose where to look. Raises ``BadFilter`` as ``plan``, of which ``below`` is.

    ``most``: of how many tasks that are in no index the arguments are looked through; ``None``: of all.
    """
    if not filter_.args:
        return Search([Part(plan(tx, sql, filter_, below), ())], None)
    by_index, others = split(tx, sql, filter_)
    rest = plan(tx, sql, filter_._replace(args=()), below)
    walks = walks_of(filter_, by_index)
    if by_index and fewer(tx, sql, filter_, rest, walks):
        return Search([Part(rest, filter_.args)], None)
    parts = [of_index(filter_, rest, walks)] if by_index else []
    if by_index and not others:
        return Search(parts, None)
    if by_index:
        rest = plan(tx, sql, filter_._replace(args=(), name=Choice(tuple(others))), below)
    looked, cut = looked_through(tx, sql, rest, most)
    bound = Bound(cut, others if by_index else (), filter_.args[0][0]) if cut else None
    return Search([*parts, Part(looked, filter_.args)], bound)


def split(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter) -> tuple[list[Indexed], list[str]]:
    """Of each handler that is meant, an indexed argument that is asked for; and handlers that have none.

    Tasks that a filter names by id or key need no index.
    """
    wanted = {name for name, choice in filter_.args if choice.wanted}
    if not wanted or filter_.id.wanted or filter_.key.wanted:
        return [], []
    names = {"names": tx.array(list(filter_.name.wanted)) if filter_.name.wanted else None, "queues": None}
    handlers = sorted({name for name, _ in tx.rows(sql["lanes"], names) if fits(filter_.name, name)})
    whole = {each.name: each for each in indexed(tx, sql) if each.whole and each.argument in wanted}
    return [whole[name] for name in handlers if name in whole], [name for name in handlers if name not in whole]


def walks_of(filter_: Filter, by_index: Sequence[Indexed]) -> list[Walk]:
    """The ranges of the index of arguments."""
    wanted = {name: choice.wanted for name, choice in filter_.args}
    return [
        Walk("argument", each.number, kept(value))
        for each in by_index
        for value in dict.fromkeys(wanted[each.argument])
    ]


def of_index(filter_: Filter, rest: Plan, walks: Sequence[Walk]) -> Part:
    """What the index of arguments has. One argument that is asked for alone needs no second look."""
    alone = len(filter_.args) == 1 and not filter_.args[0][1].unwanted
    return Part(rest._replace(walks=walks), () if alone else filter_.args)


def fewer(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, rest: Plan, walks: Sequence[Walk]) -> bool:
    """Whether the tasks that fit the rest of a filter are few, and not more than the index has of these values.

    The counters know it, all but the ages: by these each range is cut anyhow.
    """
    of = "counted in batches" if filter_.batch.wanted else "counted"
    ((fitting_rest,),) = tx.rows(sql[of], rest.asked)
    if fitting_rest > finding.LOOKED_AT:
        return False
    left = fitting_rest
    for walk in walks:
        place = {"one": walk.one, "other": walk.other, "limit": left, **rest.bounds._asdict()}
        ((there,),) = tx.rows(sql["values up to"], place)
        left -= there
        if left <= 0:
            return True
    return False


def looked_through(tx: Transaction, sql: Mapping[str, Sql], rest: Plan, most: int | None) -> tuple[Plan, int]:
    """The tasks whose arguments are looked through; how many, if those are not all that fit the rest, else 0."""
    if most is None:
        return rest, 0
    newest = rest.newest(tx, sql, most + 1)
    if len(newest) <= most:
        return rest, 0
    return rest._replace(bounds=rest.bounds.within(Bounds(above=newest[most - 1][0] - 1))), most
