"""Bulk operations: a row that says what is to be done, which tasks come next, and how a batch of them is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from leasehold.adapters.database import recording
from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.damage import Damage
from leasehold.adapters.database.filtering import FIRST, Bounds
from leasehold.adapters.database.searching import search
from leasehold.core.events import Event
from leasehold.core.filters import Filter
from leasehold.core.model import Decision
from leasehold.core.operations import concerned, deciding
from leasehold.ports.ledger import Applied, Change, Operation

WINDOW = 100_000
"""Numbers of tasks that one statement walks through where arguments are asked for. Millions that have the value may
have ended long ago: a database would give up among them, and the cursor never move."""


def start(tx: Transaction, sql: Mapping[str, Sql], operation: Operation) -> None:
    """Write it. It covers the tasks that exist now: its ceiling becomes the newest of them."""
    if not tx.rows(sql["number of"], {"id": operation.ceiling}):
        newest = tx.rows(sql["newest task"])
        operation = operation._replace(ceiling=newest[0][0] if newest else "")
    tx.run(sql["add operation"], operation._asdict())


def oldest(tx: Transaction, sql: Mapping[str, Sql]) -> Operation | None:
    """The oldest unfinished operation."""
    found = tx.rows(sql["next operation"])
    return Operation(*found[0]) if found else None


def covered(tx: Transaction, sql: Mapping[str, Sql], operation: Operation, limit: int) -> list[str]:
    """The next tasks between its cursor and its ceiling that matched when it was given, and can be changed."""
    asked = as_of(concerned(operation.kind, operation.filter), tx.now - operation.created_at)
    if not asked.states:
        return []
    bounds = Bounds(number_of(tx, sql, operation.cursor), number_of(tx, sql, operation.ceiling) + 1)
    found = search(tx, sql, asked, None, bounds.below)
    for window in windows(bounds) if asked.args else [bounds]:
        if tasks := found.oldest(tx, sql, limit, window):
            return [task_id for _, task_id in tasks]
    return []


def windows(bounds: Bounds) -> Iterator[Bounds]:
    """The same in parts, from the oldest task on."""
    for above in range(bounds.above, bounds.below - 1, WINDOW):
        yield bounds.within(Bounds(above, above + WINDOW + 1))


def as_of(asked: Filter, ago: int) -> Filter:
    """A filter that finds now whatever is as old as it asks for ``ago`` ms ago."""
    return asked._replace(
        older=asked.older + ago if asked.older else 0,
        younger=None if asked.younger is None else asked.younger + ago,
    )


def number_of(tx: Transaction, sql: Mapping[str, Sql], task_id: str) -> int:
    """The number of a task; below all others where there is none."""
    found = tx.rows(sql["number of"], {"id": task_id})
    return found[0][0] if found else FIRST


def advance(
    tx: Transaction,
    sql: Mapping[str, Sql],
    operation: Operation,
    task_ids: Sequence[str],
    event: Event,
    damage: Damage,
) -> list[Applied]:
    """Carry out one batch, unless somebody else has, or it has ended.

    The cursor first: whoever holds the same batch waits for its row, and then finds that it has moved.
    """
    progress = {
        "cursor": task_ids[-1] if task_ids else operation.cursor,
        "finished": "" if task_ids else "done",
        "finished_at": None if task_ids else tx.now,
    }
    where = {"id_": operation.id, "since": operation.cursor}
    if not tx.run(sql["advance operation"], {**progress, **where, "more": len(task_ids)}):
        return []
    asked = concerned(operation.kind, operation.filter)
    changes = [Change(task_id, event) for task_id in task_ids]
    answers = recording.apply(tx, sql, changes, (), damage, deciding(asked))
    if changed := sum(isinstance(answer, Decision) for answer in answers):
        tx.run(sql["count changed"], {"id_": operation.id, "moved": changed})
    return answers


def end(tx: Transaction, sql: Mapping[str, Sql], operation_id: str, how: str, why: str) -> bool:
    """Stop an unfinished operation where it is; whether there was one."""
    return tx.run(sql["end operation"], {"id_": operation_id, "finished": how, "finished_at": tx.now, "by": why}) > 0
