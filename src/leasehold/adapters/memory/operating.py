"""Bulk operations in memory: what is to be done, and which tasks come next."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.adapters.memory.book import Book, Row
from leasehold.adapters.memory.matching import matcher
from leasehold.core.model import Decision
from leasehold.core.operations import concerned
from leasehold.ports.ledger import Applied, Operation


def start(book: Book, operation: Operation) -> None:
    """Write it. It covers the tasks that exist now: its ceiling becomes the newest of them."""
    if operation.ceiling not in book.rows:
        operation = operation._replace(ceiling=next(reversed(book.rows), ""))
    book.operations.setdefault(operation.id, operation)


def oldest(book: Book) -> Operation | None:
    """The oldest unfinished operation."""
    return next((each for each in book.operations.values() if not each.finished), None)


def covered(book: Book, operation: Operation, limit: int) -> list[str]:
    """The next tasks between its cursor and its ceiling that matched when it was given, and can be changed."""
    above, ceiling = number_of(book, operation.cursor), number_of(book, operation.ceiling)
    matches = matcher(book, concerned(operation.kind, operation.filter), operation.created_at, ceiling)

    def wanted(row: Row) -> bool:
        return above < row.number <= ceiling and matches(row)

    return [row.task.id for row in book.rows.values() if wanted(row)][:limit]


def number_of(book: Book, task_id: str) -> int:
    """The number of a task; below all others where there is none."""
    row = book.rows.get(task_id)
    return 0 if row is None else row.number


def advance(book: Book, operation: Operation, task_ids: Sequence[str], now: int) -> bool:
    """Move on past one batch; whether that was still to be done."""
    there = book.operations[operation.id]
    if there.finished or there.cursor != operation.cursor:
        return False
    if task_ids:
        there = there._replace(cursor=task_ids[-1], matched=there.matched + len(task_ids))
    else:
        there = there._replace(finished="done", finished_at=now)
    book.operations[operation.id] = there
    return True


def count(book: Book, operation: Operation, answers: Sequence[Applied]) -> None:
    """Add what one batch has changed."""
    there = book.operations[operation.id]
    changed = sum(isinstance(answer, Decision) for answer in answers)
    book.operations[operation.id] = there._replace(changed=there.changed + changed)


def end(book: Book, operation_id: str, how: str, why: str, now: int) -> bool:
    """Stop an unfinished operation where it is; whether there was one."""
    operation = book.operations.get(operation_id)
    if operation is None or operation.finished:
        return False
    book.operations[operation_id] = operation._replace(finished=how, finished_at=now, stopped_by=why)
    return True
