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

    def at_most(self, tx: Transaction, sql: Mapping[str, Sql], ceiling: int) -> int:
        """How many match, stopping at ``ceiling``."""
        total = 0
        for part in self.parts:
            total += part.at_most(tx, sql, ceiling - total)
        return total


def search(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, most: int | None) -> Search:
    """Choose where to look. Raises ``BadFilter`` as ``plan``.

    ``most``: of how many tasks that are in no index the arguments are looked through; ``None``: of all.
    """
    if not filter_.args:
        return Search([Part(plan(tx, sql, filter_), ())], None)
    by_index, others = split(tx, sql, filter_)
    parts = [of_index(tx, sql, filter_, by_index)] if by_index else []
    if not by_index:
        rest = filter_
    elif others:
        rest = filter_._replace(name=Choice(tuple(others)))
    else:
        return Search(parts, None)
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


def of_index(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, by_index: Sequence[Indexed]) -> Part:
    """The ranges of the index of arguments. One argument that is asked for alone needs no second look."""
    wanted = {name: choice.wanted for name, choice in filter_.args}
    walks = [
        Walk("argument", each.number, kept(value))
        for each in by_index
        for value in dict.fromkeys(wanted[each.argument])
    ]
    alone = len(filter_.args) == 1 and not filter_.args[0][1].unwanted
    found = plan(tx, sql, filter_._replace(args=()), walks)
    return Part(found, () if alone else filter_.args)


def looked_through(tx: Transaction, sql: Mapping[str, Sql], rest: Filter, most: int | None) -> tuple[Plan, int]:
    """The tasks whose arguments are looked through; how many, if those are not all that fit the rest, else 0."""
    found = plan(tx, sql, rest._replace(args=()))
    if most is None:
        return found, 0
    newest = found.newest(tx, sql, most + 1)
    if len(newest) <= most:
        return found, 0
    return found._replace(bounds=found.bounds.within(Bounds(above=newest[most - 1][0] - 1))), most
