"""From a filter to ranges of indexes, and from those to the tasks that match, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.core.errors import BadFilter
from leasehold.core.filters import MOST_GROUPS, MOST_IDS, NO_GROUP, STATES, Choice, Filter, check_groups

FIRST, LAST = 0, 2**62
"""No task has such a number."""
DISORDER = 10_000
"""ms by which a task may have a lower number than one that was submitted before it (``submitting.LATE``)."""
PROBES = 16
"""Tasks looked at together to find the first one of an age: ten million take six looks."""
IN_TROUBLE = frozenset({"failed", "cancelled", "pending/scheduled", "pending/lapsed", "pending/blocked"})
"""States that a batch has an index for (``schema.IN_TROUBLE``)."""

Found = tuple[int, str]
"""Number and id of a task that matches."""


class Walk(NamedTuple):
    """One range of one index."""

    name: str
    one: str | int = ""
    other: str = ""


class Bounds(NamedTuple):
    """Only tasks with numbers between these two."""

    above: int = FIRST
    below: int = LAST

    def within(self, other: Bounds) -> Bounds:
        """What both leave."""
        return Bounds(max(self.above, other.above), min(self.below, other.below))


class Plan(NamedTuple):
    """A filter made ready for one transaction: which ranges to walk, and what to ask of each row there."""

    walks: Sequence[Walk]
    asked: Mapping[str, object]
    bounds: Bounds

    def newest(self, tx: Transaction, sql: Mapping[str, Sql], limit: int, below: int = LAST) -> list[Found]:
        """Up to ``limit`` matching tasks, newest first."""
        bounds, found = self.bounds.within(Bounds(below=below)), list[Found]()
        for walk in self.walks:
            walked = self._walked(tx, sql, f"down {walk.name}", walk, bounds, limit)
            found = sorted([*found, *walked], reverse=True)[:limit]
            if len(found) == limit:  # what is older than these is asked of no further range
                bounds = bounds.within(Bounds(above=found[-1][0]))
        return found

    def oldest(self, tx: Transaction, sql: Mapping[str, Sql], limit: int, bounds: Bounds) -> list[Found]:
        """Up to ``limit`` matching tasks within ``bounds``, oldest first."""
        bounds, found = self.bounds.within(bounds), list[Found]()
        for walk in self.walks:
            walked = self._walked(tx, sql, f"up {walk.name}", walk, bounds, limit)
            found = sorted([*found, *walked])[:limit]
            if len(found) == limit:
                bounds = bounds.within(Bounds(below=found[-1][0]))
        return found

    def at_most(self, tx: Transaction, sql: Mapping[str, Sql], ceiling: int) -> int:
        """How many match, stopping at ``ceiling``."""
        total = 0
        for walk in self.walks:
            total += len(self._walked(tx, sql, f"down {walk.name}", walk, self.bounds, ceiling - total))
        return total

    def _walked(
        self, tx: Transaction, sql: Mapping[str, Sql], name: str, walk: Walk, bounds: Bounds, limit: int
    ) -> list[Found]:
        place = {"one": walk.one, "other": walk.other, "limit": limit, **bounds._asdict()}
        return [(number, task_id) for number, task_id in tx.rows(sql[name], {**self.asked, **place})]


def plan(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, below: int = LAST) -> Plan:
    """Choose the ranges to walk. Raises ``BadFilter`` for the beginning of too many tasks' or groups' ids.

    ``below``: only tasks with lower numbers are meant, so that only those need to be told apart by their ids.
    What it asks of arguments is for ``searching`` to see to.
    """
    wanted = groups_of(tx, sql, filter_.group.wanted, MOST_GROUPS)
    filter_ = filter_._replace(group=Choice(wanted, groups_of(tx, sql, filter_.group.unwanted, MOST_IDS)))
    numbers = named(tx, sql, filter_, below)
    unwanted = numbers_of(tx, sql, filter_.id.unwanted, below)
    asked = {
        **asked_of(tx, filter_),
        "numbers": tx.array([str(number) for number in numbers or ()]),
        "not_numbers": tx.array([str(number) for number in unwanted]) if unwanted else None,
    }
    walks = [Walk("numbers")] if numbers is not None else walks_of(tx, sql, filter_, asked)
    return Plan(walks, asked, bounds_of(tx, sql, filter_).within(Bounds(below=below)))


def asked_of(tx: Transaction, filter_: Filter) -> dict[str, object]:
    """The conditions of a filter as the statements' values: ``None`` where nothing is asked."""

    def array(values: Sequence[str]) -> object:
        return tx.array(list(values)) if values else None

    asked: dict[str, object] = {
        "states": None if filter_.states == STATES else tx.array(list(filter_.states)),
        "not_keys": array(filter_.key.unwanted),
        "newest": tx.now - filter_.older if filter_.older else None,
        "oldest": None if filter_.younger is None else tx.now - filter_.younger,
    }
    plurals: dict[str, Choice] = {
        "names": filter_.name,
        "queues": filter_.queue,
        "batches": filter_.batch,
        "groups": filter_.group,
    }
    for plural, choice in plurals.items():
        asked[plural] = array(choice.wanted)
        asked[f"not_{plural}"] = array(choice.unwanted)
    return asked


def walks_of(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, asked: Mapping[str, object]) -> list[Walk]:
    """The ranges in which all matching tasks are, of the index that has the fewest to look at."""
    states, batches = filter_.states, filter_.batch.wanted
    if filter_.group.wanted and "" not in filter_.group.wanted:
        return [Walk("group", group, state) for group, state in tx.rows(sql["groups in states"], asked)]
    if filter_.group.wanted == ("",) and states == ("failed",):
        return [Walk("silence", name) for (name,) in tx.rows(sql["names"], asked)]
    if batches and IN_TROUBLE.issuperset(states):
        return [Walk(f"batch {state}", batch) for batch in batches for state in states]
    match smallest(tx, sql, filter_, asked):
        case "state":
            return [Walk("state", state) for state in states]
        case "batch":
            return [Walk("batch", batch) for batch in batches]
        case "name":
            return [Walk("name", name, queue) for name, queue in tx.rows(sql["lanes"], asked)]
        case _:
            return [Walk("all")]


def smallest(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, asked: Mapping[str, object]) -> str:
    """The index whose ranges hold the fewest tasks, by the counters."""
    possible = {
        "state": filter_.states != STATES,
        "batch": bool(filter_.batch.wanted) and "" not in filter_.batch.wanted,  # no index has tasks without one
        "name": bool(filter_.name.wanted or filter_.queue.wanted),
    }
    if sum(possible.values()) > 1:
        (sizes,) = tx.rows(sql["sizes"], asked)
        return min((size, name) for size, (name, use) in zip(sizes, possible.items(), strict=True) if use)[1]
    return next((name for name, use in possible.items() if use), "all")


def named(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter, below: int) -> set[int] | None:
    """The tasks that the filter names by id or key; ``None`` if it does not."""
    if not filter_.id.wanted and not filter_.key.wanted:
        return None
    numbers: set[int] | None = None
    if filter_.id.wanted:
        numbers = numbers_of(tx, sql, filter_.id.wanted, below)
    if filter_.key.wanted:
        keyed = {row[0] for row in tx.rows(sql["keys like"], {"keys": tx.array(list(filter_.key.wanted))})}
        numbers = keyed if numbers is None else numbers & keyed
    return numbers


def numbers_of(tx: Transaction, sql: Mapping[str, Sql], ids: Sequence[str], below: int) -> set[int]:
    """The tasks whose ids begin so, of those with lower numbers than ``below``."""
    numbers: set[int] = set()
    for beginning in ids:
        found = tx.rows(sql["ids like"], {**beginning_with(beginning), "below": below, "limit": MOST_IDS + 1})
        if len(found) > MOST_IDS:
            raise BadFilter(f"id:{beginning} begins the ids of over {MOST_IDS:,} tasks. Write more of the id")
        numbers.update(row[0] for row in found)
    return numbers


def groups_of(tx: Transaction, sql: Mapping[str, Sql], beginnings: Sequence[str], most: int) -> tuple[str, ...]:
    """The groups whose ids begin so; '' for no group. One that does not exist stays as it is."""
    groups: set[str] = set()
    for beginning in beginnings:
        found = [row[0] for row in tx.rows(sql["groups like"], {**beginning_with(beginning), "limit": most + 1})]
        groups.update([""] if beginning == NO_GROUP else found or [beginning])
        check_groups(beginnings, len(groups), most)
    return tuple(sorted(groups))


def beginning_with(beginning: str) -> dict[str, str]:
    """The range of the texts that begin so."""
    return {"low": beginning, "high": beginning + "\U0010ffff"}


def bounds_of(tx: Transaction, sql: Mapping[str, Sql], filter_: Filter) -> Bounds:
    """Ages as numbers: tasks are numbered in the order of the instants at which they were submitted, give or take.

    With numbers at most ``DISORDER`` out of order, the bounds hold all that is asked for, and a little more on either
    side, which the conditions on the instants themselves leave out.
    """
    above = FIRST if filter_.younger is None else first_since(tx, sql, tx.now - filter_.younger - DISORDER) - 1
    below = first_since(tx, sql, tx.now - filter_.older + 1 + DISORDER) if filter_.older else LAST
    return Bounds(above, below)


def first_since(tx: Transaction, sql: Mapping[str, Sql], instant: int) -> int:
    """The number of the first task submitted at or after ``instant``; one above all others if there is none.

    Where they are not quite in order: all below it were submitted before ``instant`` + ``DISORDER``, and all from it on
    after ``instant`` - ``DISORDER``.
    """
    ((newest,),) = tx.rows(sql["newest number"])
    low, high = 1, newest + 1
    while low < high:
        places = range(low, high, (high - low - 1) // PROBES + 1)
        found = tx.rows(sql["at or after"], {"places": tx.array([str(place) for place in places])})
        for place, (number, created_at) in zip(places, found, strict=True):
            if created_at >= instant:
                high = place
                break
            low = number + 1
    return high
