"""Transactions of the ledger in memory: what is decided together is saved together."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.adapters.memory.book import Book, Group, Row
from leasehold.core.events import Failed, RunReport
from leasehold.core.grouping import error_group, normalised
from leasehold.core.machine import decide
from leasehold.core.model import Decision, Ignored, Status, Task
from leasehold.core.operations import Decide
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change


class Decided(NamedTuple):
    """One decision of a transaction, not saved yet."""

    row: Row
    before: Task
    change: Change
    answer: Decision | Ignored


class Transaction:
    """Decisions that are saved together, or not at all."""

    def __init__(self, now: int, book: Book, decide: Decide = decide) -> None:
        self.now = now
        self._decide = decide
        self.decided: list[Decided] = []
        self.heard: dict[tuple[int, str], Row] = {}
        self._book = book
        self._changed: dict[int, Task] = {}

    def decide(self, row: Row, change: Change) -> Decision | Ignored:
        """Decide one change on top of those before it."""
        before = self._changed.get(row.number, row.task)
        answer = self._decide(before, change.event, self.now)
        if isinstance(answer, Decision):
            self._changed[row.number] = answer.task
        self.decided.append(Decided(row, before, change, answer))
        return answer

    def save(self) -> None:
        """Write it all."""
        for (_, status_id), row in self.heard.items():
            row.heard[status_id] = self.now
        was: dict[int, Task] = {}
        for each in self.decided:
            was.setdefault(each.row.number, each.row.task)
            self._take(each)
        for each in self.decided:  # the outcome counts as it stands at the end
            before = was.pop(each.row.number, None)
            if before is not None and each.row.task is not before:
                self._book.moved(before, each.row.task)
                self._place(each.row, before)

    def _take(self, each: Decided) -> None:
        row, answer = each.row, each.answer
        if isinstance(answer, Decision):
            row.task = answer.task
            if isinstance(each.change.event, Failed):
                self._group(each.before.name, each.change.event)
        self._book.wrote(row, answer.audit)
        for fact in answer.facts:
            row.learn(fact)
        if each.change.payload is not None:
            self._keep(each, each.change.payload)

    def _keep(self, each: Decided, payload: Payload) -> None:
        """The result with the task if this report completed it, else with its run; the log with its run."""
        event, row = each.change.event, each.row
        late = payload.result is not None or payload.result_ref is not None
        before, after = each.before.status, each.answer.task.status
        if late and before is not Status.COMPLETED and after is Status.COMPLETED:
            row.result = row.result or payload
            late = False
        if (late or payload.log is not None or payload.log_ref is not None) and isinstance(event, RunReport):
            run = event.run
            kept = payload if late else payload._replace(result=None, result_ref=None)
            row.keep((run.n, run.r, run.run_id), kept)

    def _group(self, name: str, event: Failed) -> None:
        failure, now = event.failure, self.now
        group = error_group(name, failure)
        known = self._book.groups.get(group)
        fresh = Group(name, failure.type, normalised(failure.message), failure.frame, now, now)
        self._book.groups[group] = fresh if known is None else known._replace(last_at=now)

    def _place(self, row: Row, before: Task) -> None:
        """A task of a batch that has just ended, or ended otherwise, gets its place in the line of ended tasks."""
        if not row.task.terminal:
            row.ended_no = None
        elif row.task.batch is not None and row.task.status is not before.status:
            batch = self._book.batches[row.task.batch]
            batch.ended += 1
            row.ended_no = batch.ended
