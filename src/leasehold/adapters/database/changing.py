"""One transaction's changes of tasks: collected one by one, written set by set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.rows import Hot, changed_values, failure_text
from leasehold.adapters.database.tally import COUNTED, Tally
from leasehold.core.model import Audit, Decision, Ignored, RunFact, Task

RunKey = tuple[int, int, int, str]
"""Task number, n, r, run_id."""

STARTED_AT = RunFact._fields.index("started_at") - 3
"""The place among what is known of a run; its key comes before."""


class Changing:
    """Tasks under the lock of one transaction, their changes, and all that is written with them."""

    def __init__(self, tx: Transaction, sql: Mapping[str, Sql], hots: Mapping[str, Hot]) -> None:
        self._tx = tx
        self._sql = sql
        self._hots = hots
        self._changed: dict[str, Task] = {}
        self._audit: list[tuple[object, ...]] = []
        self._runs: dict[RunKey, tuple[Any, ...]] = {}
        self.tally = Tally()

    def now(self, hot: Hot) -> Task:
        """The task as it stands after the changes so far."""
        return self._changed.get(hot.task.id, hot.task)

    def take(self, hot: Hot, decided: Decision | Ignored) -> None:
        """Keep one decision about a task."""
        task = decided.task if isinstance(decided, Decision) else None
        lines, facts = decided.audit, decided.facts
        if task is not None:
            self._changed[task.id] = task
        number = hot.number
        for line in lines:
            self._audit.append((number, *line))
            for state in COUNTED.get(line[2:5], ()):
                self.tally.happened(hot.task.queue, state)
        for fact in facts:
            self._learn((number, fact.n, fact.r, fact.run_id), fact)

    def save(self) -> None:
        """Write it all."""
        places = self._places()
        hots, tx, sql = self._hots, self._tx, self._sql
        rows: list[tuple[object, ...]] = []
        for task_id, task in self._changed.items():
            number, ended_no, before = hots[task_id]
            self.tally.moved(before, task)
            rows.append(changed_values(task, places.get(task_id, ended_no) if task.terminal else None, number))
        tx.run_many(sql["change task"], rows)
        tx.run_many(sql["add audit"], self._audit)
        tx.run_many(sql["learn run"], [(*key, *known) for key, known in self._runs.items()])
        self.tally.save(tx, sql)

    def _learn(self, key: RunKey, fact: RunFact) -> None:
        """Several facts of one run make one row: a later one replaces, ``None`` leaves what was known."""
        new = fact[3:] if fact.failure is None else (*fact[3:-1], failure_text(fact.failure))
        old = self._runs.get(key)
        if old is not None:
            new = tuple(map(newer, new, old))
            if old[STARTED_AT] is not None:  # a later report reckons it from an age: it would move by some ms
                new = (*new[:STARTED_AT], old[STARTED_AT], *new[STARTED_AT + 1 :])
        self._runs[key] = new

    def _places(self) -> dict[str, int]:
        """Give each task of a batch that has just ended, or ended otherwise, its place in the line of ended tasks.

        The line's length is kept with the batch, in one row that is locked until the commit: places are seen in the
        order in which they were given, so whoever reads on from the last place he saw misses none.
        """
        ends: dict[str, list[str]] = {}
        for task_id, task in self._changed.items():
            if task.batch is not None and task.terminal and task.status is not self._hots[task_id].task.status:
                ends.setdefault(task.batch, []).append(task_id)
        places: dict[str, int] = {}
        for batch, task_ids in sorted(ends.items()):
            ((last,),) = self._tx.rows(self._sql["end in batch"], {"batch": batch, "more": len(task_ids)})
            places.update(zip(task_ids, range(last - len(task_ids) + 1, last + 1), strict=True))
        return places


def newer(new: object, old: object) -> object:
    """What is known after a second fact."""
    return old if new is None else new


def audit_values(number: int, line: Audit) -> tuple[object, ...]:
    """One line of the audit trail as a row."""
    return (number, *line)
