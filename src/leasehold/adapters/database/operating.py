"""Bulk operations: a row that says what is to be done, and which tasks come next."""

from __future__ import annotations

from collections.abc import Mapping

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.filtering import FIRST, Bounds
from leasehold.adapters.database.searching import search
from leasehold.core.filters import parse
from leasehold.ports.ledger import Operation

MOVABLE: Mapping[str, frozenset[str]] = {
    "cancel": frozenset({"pending", "in_progress"}),
    "retry": frozenset({"failed", "cancelled"}),
}
"""In which status a task is that an operation of this kind can change."""


def start(tx: Transaction, sql: Mapping[str, Sql], operation: Operation) -> None:
    """Write it. It covers the tasks that exist now: its ceiling becomes the newest of them."""
    if not tx.rows(sql["number of"], {"id": operation.ceiling}):
        newest = tx.rows(sql["newest task"])
        operation = operation._replace(ceiling=newest[0][0] if newest else "")
    tx.run(sql["add operation"], operation._asdict())


def following(tx: Transaction, sql: Mapping[str, Sql], limit: int) -> tuple[Operation, list[str]] | None:
    """The oldest unfinished operation and the next tasks that it covers."""
    found = tx.rows(sql["next operation"])
    if not found:
        return None
    operation = Operation(*found[0])
    bounds = Bounds(number_of(tx, sql, operation.cursor), number_of(tx, sql, operation.ceiling) + 1)
    filter_ = parse(operation.filter)
    movable = tuple(state for state in filter_.states if state.partition("/")[0] in MOVABLE[operation.kind])
    found = search(tx, sql, filter_._replace(states=movable), None) if movable else None
    tasks = [] if found is None else found.oldest(tx, sql, limit, bounds)
    return operation, [task_id for _, task_id in tasks]


def number_of(tx: Transaction, sql: Mapping[str, Sql], task_id: str) -> int:
    """The number of a task; below all others where there is none."""
    found = tx.rows(sql["number of"], {"id": task_id})
    return found[0][0] if found else FIRST


def advance(tx: Transaction, sql: Mapping[str, Sql], before: Operation, after: Operation) -> None:
    """Save how far it has come, unless it was cancelled or another has come as far meanwhile.

    What was changed is counted in any case. Where the result of the commit is unknown, it may be counted twice.
    """
    matched, changed = after.matched - before.matched, after.changed - before.changed
    progress = {"cursor": after.cursor, "finished": after.finished, "finished_at": after.finished_at}
    where = {"id_": before.id, "since": before.cursor}
    if not tx.run(sql["advance operation"], {**progress, **where, "more": matched, "moved": changed}) and changed:
        tx.run(sql["count changed"], {"id_": before.id, "moved": changed})


def cancel(tx: Transaction, sql: Mapping[str, Sql], operation_id: str, by: str) -> bool:
    """Stop an unfinished operation; whether there was one."""
    return tx.run(sql["cancel operation"], {"id_": operation_id, "finished_at": tx.now, "by": by}) > 0
