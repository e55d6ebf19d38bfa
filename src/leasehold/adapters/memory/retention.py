"""Forgetting what has ended long ago, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.adapters.memory.book import Book, Forgotten, Row, cell_of
from leasehold.adapters.memory.views import in_order, run_views, task_view
from leasehold.core.model import Status, Task
from leasehold.ports.clock import Clock
from leasehold.ports.retention import Aged, Leftover, Story


class MemoryRetention:
    """The part of ``MemoryLedger`` that forgets, on the same book. See ``Retention`` for the promises."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def now(self) -> int:
        """The clock that it was given."""
        return self._clock.now()

    def aged(self, status: Status, after: int, limit: int) -> list[Aged]:
        """The next tasks of that status beyond a place, in the order of submits."""
        with self._book.lock:
            rows = [row for row in self._book.rows.values() if row.number > after and row.task.status is status]
            return [Aged(row.number, row.task, row.key is not None) for row in rows[:limit]]

    def stories(self, tasks: Sequence[Task]) -> list[Story]:
        """Those that are still there, in the order of submits."""
        with self._book.lock:
            rows = sorted(self._there(tasks), key=lambda row: row.number)
            return [Story(task_view(row), sorted(run_views(row), key=in_order), list(row.audit)) for row in rows]

    def forget(self, tasks: Sequence[Task], *, trails: bool, archived: bool) -> list[str]:
        """Remove these tasks with all that is kept of them; the ids of those that went."""
        with self._book.lock:
            if any(not operation.finished for operation in self._book.operations.values()):
                return []
            versions = {task.id: task.version for task in tasks}
            newest = next(reversed(self._book.rows), None)
            rows = [row for row in self._there(tasks) if row.task.version == versions[row.task.id]]
            rows = [row for row in rows if row.task.id != newest]
            for row in rows:
                self._forget(row, trails=trails, archived=archived)
            return [row.task.id for row in rows]

    def forget_trails(self, ended_before: int, limit: int) -> int:
        """Remove trails of forgotten tasks that ended before that instant; how many."""
        with self._book.lock:
            old = [task_id for task_id, gone in self._book.forgotten.items() if gone.ended_at < ended_before][:limit]
            for task_id in old:
                del self._book.forgotten[task_id]
            return len(old)

    def leftovers(self, limit: int) -> list[Leftover]:
        """What is to be removed from the store."""
        with self._book.lock:
            return [Leftover(*each) for each in list(self._book.leftovers.items())[:limit]]

    def cleared(self, leftovers: Sequence[Leftover]) -> None:
        """They are removed."""
        with self._book.lock:
            for each in leftovers:
                self._book.leftovers.pop(each.number, None)

    def _there(self, tasks: Sequence[Task]) -> list[Row]:
        return [row for task in tasks if (row := self._book.rows.get(task.id)) is not None]

    def _forget(self, row: Row, *, trails: bool, archived: bool) -> None:
        book, task = self._book, row.task
        del book.rows[task.id]
        if row.key is not None:
            del book.keys[row.key, task.name, task.batch]
        cell = cell_of(task)
        book.cells[cell] -= 1
        if not book.cells[cell]:
            del book.cells[cell]
        book.gone_from[task.batch] += 1
        if not trails:
            book.forgotten[task.id] = Forgotten(task.ended_at or 0, list(row.audit))
        for key in (*([] if archived else stored(row)), f"checkpoints/{task.id}/", f"cancelled/{task.id}/"):
            book.leftovers[max(book.leftovers, default=0) + 1] = key


def stored(row: Row) -> list[str]:
    """What the task and its runs have in the store."""
    outputs = [*row.outputs.values(), *([row.result] if row.result else [])]
    refs = [row.arguments_ref, *(ref for output in outputs for ref in (output.result_ref, output.log_ref))]
    return [ref for ref in refs if ref is not None]
