"""Bulk operations in memory: what is to be done, and which tasks come next."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.adapters.memory.book import Book
from leasehold.adapters.memory.matching import matcher
from leasehold.core.errors import NoSuchTask
from leasehold.core.model import Decision
from leasehold.core.operations import concerned, gone
from leasehold.ports.ledger import Applied, Operation, Stretch


def start(book: Book, operation: Operation) -> None:
    """Write it. It covers the tasks that exist now: its ceiling becomes the newest of them."""
    if operation.ceiling not in book.rows:
        operation = operation._replace(ceiling=next(reversed(book.rows), ""))
    book.operations.setdefault(operation.id, operation)


def oldest(book: Book) -> Operation | None:
    """The oldest unfinished operation."""
    return next((each for each in book.operations.values() if not each.finished), None)


def covered(book: Book, operation: Operation, limit: int, numbers: int) -> Stretch:
    """The next tasks between its cursor and its ceiling that matched when it was given, and can be changed."""
    asked = concerned(operation.kind, operation.filter)
    above, ceiling = number_of(book, operation.cursor), number_of(book, operation.ceiling)
    ahead = [row for row in book.rows.values() if above < row.number <= ceiling]
    if not asked.states or not ahead:
        return Stretch([], operation.cursor, last=True)
    matches = matcher(book, asked, operation.created_at, ceiling)
    looked_at = [row for row in ahead if row.number < ahead[0].number + numbers]
    found = [row for row in looked_at if matches(row)][:limit]
    end = found[-1] if len(found) == limit else looked_at[-1]
    return Stretch([row.task.id for row in found], end.task.id, last=not found and end.number == ceiling)


def number_of(book: Book, task_id: str) -> int:
    """The number of a task, 0 of none. Raises ``NoSuchTask`` where one is gone."""
    if task_id and task_id not in book.rows:
        raise NoSuchTask(gone(task_id))
    return book.rows[task_id].number if task_id else 0


def advance(book: Book, operation: Operation, stretch: Stretch, now: int) -> bool:
    """Move on past one batch; whether that was still to be done."""
    there = book.operations[operation.id]
    if there.finished or there.cursor != operation.cursor:
        return False
    there = there._replace(cursor=stretch.cursor, matched=there.matched + len(stretch.task_ids))
    if stretch.last:
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
