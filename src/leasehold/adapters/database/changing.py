"""One transaction's changes of tasks: collected one by one, written set by set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.rows import Hot, changed_values, failure_text
from leasehold.adapters.database.tally import COUNTED, Tally
from leasehold.core.model import Audit, Decision, Ignored, RunFact

RunKey = tuple[int, int, int, str]
"""Task number, n, r, run_id."""


class Changing:
    """Tasks under the lock of one transaction, their changes, and all that is written with them."""

    def __init__(self, tx: Transaction, sql: Mapping[str, Sql], hot: Mapping[str, Hot]) -> None:
        self._tx = tx
        self._sql = sql
        self._before = hot
        self._after: dict[str, Hot] = dict(hot)
        self._audit: list[tuple[object, ...]] = []
        self._runs: dict[RunKey, tuple[Any, ...]] = {}
        self.tally = Tally()

    def now(self, task_id: str) -> Hot | None:
        """The task as it stands after the changes so far."""
        return self._after.get(task_id)

    def take(self, hot: Hot, decided: Decision | Ignored) -> None:
        """Keep one decision about a task."""
        if decided.task is not hot.task:
            self._after[decided.task.id] = hot._replace(task=decided.task)
        for line in decided.audit:
            self._audit.append(audit_values(hot.number, line))
            if line.kind in COUNTED:
                self.tally.happened(hot.task.queue, COUNTED[line.kind])
        for fact in decided.facts:
            self._learn((hot.number, fact.n, fact.r, fact.run_id), fact)

    def save(self) -> None:
        """Write it all."""
        changed = [hot for task_id, hot in self._after.items() if hot is not self._before[task_id]]
        for hot in changed:
            self.tally.moved(self._before[hot.task.id].task, hot.task)
        tx, sql = self._tx, self._sql
        tx.run_many(sql["change task"], [changed_values(hot) for hot in self._in_line(changed)])
        tx.run_many(sql["add audit"], self._audit)
        tx.run_many(sql["learn run"], [(*key, *known) for key, known in self._runs.items()])
        self.tally.save(tx, sql)

    def _learn(self, key: RunKey, fact: RunFact) -> None:
        """Several facts of one run make one row: a later one replaces, ``None`` leaves what was known."""
        new = (*fact[3:11], failure_text(fact.failure))
        old = self._runs.get(key)
        self._runs[key] = new if old is None else tuple([o if n is None else n for o, n in zip(old, new, strict=True)])

    def _in_line(self, changed: Sequence[Hot]) -> Sequence[Hot]:
        """Give each task of a batch that has just ended, or ended otherwise, its place in the line of ended tasks.

        The line's length is kept with the batch, in one row that is locked until the commit: places are seen in the
        order in which they were given, so whoever reads on from the last place he saw misses none.
        """
        placed = {hot.number: hot if hot.task.terminal else hot._replace(ended_no=None) for hot in changed}
        ends: dict[str, list[Hot]] = {}
        for hot in changed:
            if hot.task.batch is not None and hot.task.terminal and self._ends_anew(hot):
                ends.setdefault(hot.task.batch, []).append(hot)
        for batch, hots in sorted(ends.items()):
            ((last,),) = self._tx.rows(self._sql["end in batch"], {"batch": batch, "more": len(hots)})
            for place, hot in enumerate(hots, last - len(hots) + 1):
                placed[hot.number] = hot._replace(ended_no=place)
        return list(placed.values())

    def _ends_anew(self, hot: Hot) -> bool:
        return self._before[hot.task.id].task.status is not hot.task.status


def audit_values(number: int, line: Audit) -> tuple[object, ...]:
    """One line of the audit trail as a row."""
    return (number, *line)
