"""Counting by deltas: what one transaction moved from cell to cell."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.core import happening
from leasehold.core.model import Decision, Ignored, Task
from leasehold.core.transitions import state_name
from leasehold.ports.ledger import Change

HAPPENED = "+"
"""Begins the state of a cell that counts how often something happened in a queue, not where tasks stand."""
STARTED = HAPPENED + happening.STARTED
EXPIRED = HAPPENED + happening.EXPIRED
REPEATED = HAPPENED + "repeated"
"""A report that was recorded before came once more."""
FORGOTTEN = tuple(f"{HAPPENED}forgotten {status}" for status in ("completed", "failed", "cancelled"))
"""Tasks that ended so and are gone, by handler and batch: what a batch's tasks add up to stays known."""
COUNTED = {line: tuple(f"{HAPPENED}{word}" for word in words) for line, words in happening.COUNTED.items()}
"""The lines of the trail that are counted, and under which states."""

NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)?")

CELL = ("queue", "state", "name", "batch", "error_group")
"""The columns of a cell."""
Cell = tuple[str, str, str, str, str]
"""Queue, state, name, batch, error group; '' for none."""


class Tally:
    """The deltas of one transaction."""

    __slots__ = ("_deltas",)

    def __init__(self) -> None:
        self._deltas: dict[Cell, int] = {}

    def add(self, cell: Cell, tasks: int) -> None:
        """Count ``tasks`` more (or fewer) in a cell."""
        self._deltas[cell] = self._deltas.get(cell, 0) + tasks

    def moved(self, before: Task, after: Task) -> None:
        """A task left one cell for another."""
        if (old := cell_of(before)) != (new := cell_of(after)):
            self.add(old, -1)
            self.add(new, 1)

    def happened(self, queue: str, state: str, times: int = 1) -> None:
        """Something that is only ever counted up."""
        self.add((queue, state, "", "", ""), times)

    def save(self, tx: Transaction, sql: Mapping[str, Sql]) -> None:
        """Append one row per cell that has changed."""
        tx.run_many(sql["add delta"], [(*cell, tasks) for cell, tasks in self._deltas.items() if tasks])


def cell_of(task: Task) -> Cell:
    """Where a task is counted."""
    return (task.queue, state_name(task.status, task.why), task.name, task.batch or "", task.error_group or "")


def came_to_nothing(change: Change, decided: Decision | Ignored) -> str | None:
    """Under which state to count a claim that was refused, or a report that changed nothing; ``None``: neither.

    Reasons differ in numbers only, and those are left out: there are as many kinds as rules.
    """
    if decided.refusal is not None:
        return f"{HAPPENED}refused: {NUMBERS.sub('...', decided.refusal.reason)}"
    if change.status_id is not None and isinstance(decided, Ignored):
        return f"{HAPPENED}ignored: {NUMBERS.sub('...', decided.reason)}"
    return None
