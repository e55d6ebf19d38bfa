"""What reports bring along, beside the state: results, logs, groups of errors."""

from __future__ import annotations

from collections.abc import Mapping

from leasehold.adapters.database.changing import newer
from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.core.events import Failed, RunReport
from leasehold.core.grouping import error_group, normalised
from leasehold.core.model import Decision, Ignored, Run, Status, Task
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change

RUN_KEY = 4
"""Task number, n, r, run_id: the first values of an output."""


class Outputs:
    """The outputs of one transaction's reports."""

    def __init__(self, tx: Transaction, sql: Mapping[str, Sql]) -> None:
        self._tx = tx
        self._sql = sql
        self._results: list[tuple[object, ...]] = []
        self._runs: dict[tuple[object, ...], tuple[object, ...]] = {}
        self._groups: dict[str, tuple[object, ...]] = {}

    def take(self, number: int, before: Task, change: Change, decided: Decision | Ignored) -> None:
        """Keep what one report brought: the result with the task if this report completed it, else with the run."""
        payload = change.payload
        if payload is not None:
            late = payload.result is not None or payload.result_ref is not None
            if late and before.status is not Status.COMPLETED and decided.task.status is Status.COMPLETED:
                self._results.append((number, payload.result, payload.result_ref))
                late = False
            if (late or payload.log is not None or payload.log_ref is not None) and isinstance(change.event, RunReport):
                self._learn(output_values(number, change.event.run, payload, late=late))
        if isinstance(change.event, Failed) and isinstance(decided, Decision):
            values = group_values(before.name, change.event, self._tx.now)
            self._groups[str(values[0])] = values

    def save(self) -> None:
        """Write it all."""
        self._tx.run_many(self._sql["add result"], self._results)
        self._tx.run_many(self._sql["learn output"], list(self._runs.values()))
        self._tx.run_many(self._sql["learn group"], [self._groups[group] for group in sorted(self._groups)])

    def _learn(self, new: tuple[object, ...]) -> None:
        """Several outputs of one run make one row: a later one replaces, ``None`` leaves what was known."""
        old = self._runs.get(new[:RUN_KEY])
        self._runs[new[:RUN_KEY]] = new if old is None else tuple(map(newer, new, old))


def output_values(number: int, run: Run, payload: Payload, *, late: bool) -> tuple[object, ...]:
    """What one run brought, as a row."""
    return (
        number,
        run.n,
        run.r,
        run.run_id,
        payload.log,
        payload.log_ref,
        payload.log_bytes,
        payload.result if late else None,
        payload.result_ref if late else None,
    )


def group_values(name: str, event: Failed, now: int) -> tuple[object, ...]:
    """A group of errors as a row."""
    failure = event.failure
    return (
        error_group(name, failure),
        name,
        failure.type,
        normalised(failure.message),
        failure.frame,
        now,
        now,
    )
