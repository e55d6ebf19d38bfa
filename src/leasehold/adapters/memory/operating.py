"""Bulk operations in memory: what is to be done, and which tasks come next."""

from __future__ import annotations

from leasehold.adapters.memory.book import Book, Row
from leasehold.adapters.memory.matching import matcher
from leasehold.core.filters import parse
from leasehold.ports.ledger import Operation

MOVABLE = {"cancel": frozenset({"pending", "in_progress"}), "retry": frozenset({"failed", "cancelled"})}
"""In which status a task is that an operation of this kind can change."""


def start(book: Book, operation: Operation) -> None:
    """Write it. It covers the tasks that exist now: its ceiling becomes the newest of them."""
    if operation.ceiling not in book.rows:
        operation = operation._replace(ceiling=next(reversed(book.rows), ""))
    book.operations.setdefault(operation.id, operation)


def following(book: Book, limit: int, now: int) -> tuple[Operation, list[str]] | None:
    """The oldest unfinished operation and the next tasks that it covers."""
    for operation in book.operations.values():
        if not operation.finished:
            return operation, covered(book, operation, limit, now)
    return None


def covered(book: Book, operation: Operation, limit: int, now: int) -> list[str]:
    """The next tasks between its cursor and its ceiling that match and can be changed."""
    matches = matcher(book, parse(operation.filter), now)
    above, ceiling = number_of(book, operation.cursor), number_of(book, operation.ceiling)

    def wanted(row: Row) -> bool:
        movable = row.task.status.value in MOVABLE[operation.kind]
        return above < row.number <= ceiling and movable and matches(row)

    return [row.task.id for row in book.rows.values() if wanted(row)][:limit]


def number_of(book: Book, task_id: str) -> int:
    """The number of a task; below all others where there is none."""
    row = book.rows.get(task_id)
    return 0 if row is None else row.number


def advance(book: Book, before: Operation, after: Operation) -> None:
    """Save how far it has come, unless it was cancelled or another has come as far; what was changed counts anyway."""
    now = book.operations[before.id]
    changed = now.changed + after.changed - before.changed
    if now.finished or now.cursor != before.cursor:
        book.operations[before.id] = now._replace(changed=changed)
        return
    book.operations[before.id] = now._replace(
        cursor=after.cursor,
        matched=now.matched + after.matched - before.matched,
        changed=changed,
        finished=after.finished,
        finished_at=after.finished_at,
    )


def cancel(book: Book, operation_id: str, by: str, now: int) -> bool:
    """Stop an unfinished operation; whether there was one."""
    operation = book.operations.get(operation_id)
    if operation is None or operation.finished:
        return False
    book.operations[operation_id] = operation._replace(finished="cancelled", finished_at=now, stopped_by=by)
    return True
