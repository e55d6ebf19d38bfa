"""Rows that hold what nothing writes, and trails without a row. An audit names them; everybody else trusts the rows.

PostgreSQL refuses a text where a number belongs; SQLite keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from leasehold.adapters.database.rows import STATES, TASK_COLUMNS
from leasehold.ports.inspection import Oddity

Kinds = tuple[tuple[type, ...], ...]
"""What each value of a row may be."""
RUN_COLUMNS = ("n", "r", "run_id", "worker", "started_at", "lease_until", "ended_at", "outcome", "lost_at")
STATE, CHARGED = TASK_COLUMNS.index("state"), TASK_COLUMNS.index("charged")


TEXTS = {
    *("id", "name", "queue", "state", "batch", "run_id", "worker", "receipt", "charged", "reason", "error_group"),
    *("cancelled_by", "outcome"),
}
"""Columns that hold texts; all others hold numbers (SQLite's truth values, too, are 0 and 1)."""
OPTIONAL = {
    *("batch", "worker", "receipt", "charged", "reason", "error_group", "cancelled_by", "outcome"),
    *("started_at", "ended_at", "lost_at"),
}
"""Columns that may hold nothing, in tasks and in runs."""


def kinds_of(names: Sequence[str], *optional: str) -> Kinds:
    """As the schema says (which nobody reads at run time); ``optional`` are so in this table alone."""
    may = OPTIONAL.union(optional)
    return tuple((str if name in TEXTS else int, *((type(None),) if name in may else ())) for name in names)


OF_TASK = kinds_of(TASK_COLUMNS, "run_id")
OF_RUN = kinds_of(RUN_COLUMNS, "lease_until")


def odd_task(row: Sequence[Any]) -> str | None:
    """What no task can be made of, in ``TASK_COLUMNS``; ``None`` for a sound row."""
    if not are_of_task(tuple(map(type, row))):
        return mistyped(TASK_COLUMNS, OF_TASK, row)
    if row[STATE] not in STATES:
        return said("state", row[STATE])
    return None if are_names(row[CHARGED]) else said("charged", row[CHARGED])


@lru_cache(256)
def are_of_task(types: tuple[type, ...]) -> bool:
    """Whether values of these types may make a task: there are few such rows of types, and many tasks."""
    return all(map(issubclass, types, OF_TASK))


def odd_run(row: Sequence[Any]) -> str | None:
    """What no run can be made of, in ``RUN_COLUMNS``."""
    return None if all(map(isinstance, row, OF_RUN)) else mistyped(RUN_COLUMNS, OF_RUN, row)


def mistyped(names: Sequence[str], kinds: Kinds, row: Sequence[Any]) -> str:
    """The first value that is not of its kind."""
    each = zip(names, kinds, row, strict=True)
    return next(said(name, value) for name, kind, value in each if not isinstance(value, kind))


def said(name: str, value: object) -> str:
    """A column and what stands there."""
    return f"{name} is {value!r:.80}"


def are_names(charged: str | None) -> bool:
    """Whether this is the list of runs that were charged."""
    try:
        found: object = json.loads(charged) if charged else []
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(each, str) for each in cast("list[object]", found))


class Oddities:
    """Counts them, and remembers the first of each kind: memory does not grow with the damage."""

    def __init__(self) -> None:
        self._found: dict[str, Oddity] = {}

    def add(self, check: str, example: str, told: str) -> None:
        """One more task."""
        before = self._found.get(check, Oddity(check, 0, example, told))
        self._found[check] = before._replace(tasks=before.tasks + 1)

    def listed(self) -> list[Oddity]:
        """One entry for each kind."""
        return list(self._found.values())
