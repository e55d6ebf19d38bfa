"""Bulk operations: a row that says what is to be done, which tasks come next, and how a batch of them is done."""

from __future__ import annotations

from collections.abc import Mapping

from leasehold.adapters.database import recording, searching
from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.damage import Damage
from leasehold.adapters.database.filtering import FIRST, Bounds
from leasehold.core.errors import NoSuchTask
from leasehold.core.events import Event
from leasehold.core.filters import Filter
from leasehold.core.model import Decision
from leasehold.core.operations import concerned, deciding, gone
from leasehold.ports.ledger import Applied, Change, Operation, Stretch


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


def covered(tx: Transaction, sql: Mapping[str, Sql], operation: Operation, limit: int, numbers: int) -> Stretch:
    """The next tasks between its cursor and its ceiling that matched when it was given, and can be changed.

    Ranges of an index are bounded by numbers: among millions that do not match, a database would give up, or keep the
    sweeper from everything else. Gaps are passed over, so that each look has a task at which to stand.
    """
    asked = as_of(concerned(operation.kind, operation.filter), tx.now - operation.created_at)
    above, ceiling = number_of(tx, sql, operation.cursor), number_of(tx, sql, operation.ceiling)
    ahead = tx.rows(sql["first above"], {"above": above, "below": ceiling + 1})
    if not asked.states or not ahead:
        return Stretch([], operation.cursor, last=True)
    search = searching.search(tx, sql, asked, None, ceiling + 1)
    bounds = Bounds(ahead[0][0] - 1, min(ahead[0][0] + search.bounded(numbers), ceiling + 1))
    found = search.oldest(tx, sql, limit, bounds)
    _, end = found[-1] if len(found) == limit else tx.rows(sql["last below"], bounds._asdict())[0]
    return Stretch([task_id for _, task_id in found], end, last=not found and bounds.below > ceiling)


def as_of(asked: Filter, ago: int) -> Filter:
    """A filter that finds now whatever is as old as it asks for ``ago`` ms ago."""
    return asked._replace(
        older=asked.older + ago if asked.older else 0,
        younger=None if asked.younger is None else asked.younger + ago,
    )


def number_of(tx: Transaction, sql: Mapping[str, Sql], task_id: str) -> int:
    """The number of a task; below all others of none. Raises ``NoSuchTask`` where one is gone."""
    found = tx.rows(sql["number of"], {"id": task_id}) if task_id else [(FIRST,)]
    if not found:
        raise NoSuchTask(gone(task_id))
    return found[0][0]


def advance(
    tx: Transaction,
    sql: Mapping[str, Sql],
    operation: Operation,
    stretch: Stretch,
    event: Event,
    damage: Damage,
) -> list[Applied]:
    """Carry out one batch, unless somebody else has, or it has ended.

    The cursor first: whoever holds the same batch waits for its row, and then finds that it has moved.
    """
    progress = {
        "cursor": stretch.cursor,
        "finished": "done" if stretch.last else "",
        "finished_at": tx.now if stretch.last else None,
    }
    where = {"id_": operation.id, "since": operation.cursor}
    if not tx.run(sql["advance operation"], {**progress, **where, "more": len(stretch.task_ids)}):
        return []
    asked = concerned(operation.kind, operation.filter)
    changes = [Change(task_id, event) for task_id in stretch.task_ids]
    answers = recording.apply(tx, sql, changes, (), damage, deciding(asked))
    if changed := sum(isinstance(answer, Decision) for answer in answers):
        tx.run(sql["count changed"], {"id_": operation.id, "moved": changed})
    return answers


def end(tx: Transaction, sql: Mapping[str, Sql], operation_id: str, how: str, why: str) -> bool:
    """Stop an unfinished operation where it is; whether there was one."""
    return tx.run(sql["end operation"], {"id_": operation_id, "finished": how, "finished_at": tx.now, "by": why}) > 0
