"""How events become rows: read, decide, save, in one transaction (R8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leasehold.adapters.database.changing import Changing
from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.damage import Damage, unreadable
from leasehold.adapters.database.outputs import Outputs
from leasehold.adapters.database.rows import TASK_AT, Hot, hot_of
from leasehold.adapters.database.tally import REPEATED, came_to_nothing
from leasehold.core.machine import decide
from leasehold.core.operations import Decide
from leasehold.core.reports import Malformed
from leasehold.ports.ledger import Applied, Change, Repeated, Unknown, Unreadable

Heard = tuple[int, str]
"""Task number and status_id."""


def apply(
    tx: Transaction,
    sql: Mapping[str, Sql],
    changes: Sequence[Change],
    malformed: Sequence[Malformed],
    damage: Damage,
    decide: Decide = decide,
) -> list[Applied]:
    """Fold the changes in order, then write what has come of them."""
    # In one order, so that two recorders with the same damaged messages cannot lock each other out.
    tx.run_many(sql["add malformed"], [(tx.now, *message) for message in sorted(malformed)])
    if not changes:
        return []
    odd: dict[str, str] = {}
    hots = read(tx, sql, [change.task_id for change in changes], damage, odd)
    recording = Recording(tx, sql, hots, heard_before(tx, sql, changes, hots), odd, decide)
    answers = [recording.record(change) for change in changes]
    recording.save()
    return answers


def read(
    tx: Transaction, sql: Mapping[str, Sql], task_ids: Sequence[str], damage: Damage, odd: dict[str, str]
) -> dict[str, Hot]:
    """The rows of these tasks, locked; ``odd`` learns of those that nobody can read."""
    rows = tx.rows(sql["read"], {"ids": tx.array(list(dict.fromkeys(task_ids)))})
    return {row[TASK_AT]: hot_of(row) for row in damage.sound(rows, TASK_AT, odd)}


def heard_before(
    tx: Transaction, sql: Mapping[str, Sql], changes: Sequence[Change], hots: Mapping[str, Hot]
) -> set[Heard]:
    """Note the status_ids of these changes (S7); those that were noted before."""
    noted = {
        (hots[change.task_id].number, change.status_id): None
        for change in changes
        if change.status_id is not None and change.task_id in hots
    }
    rows = [(*heard, tx.now) for heard in noted]
    return {heard for heard, new in zip(noted, tx.new_of(sql["add status id"], rows), strict=True) if not new}


class Recording:
    """The changes of one transaction."""

    def __init__(
        self,
        tx: Transaction,
        sql: Mapping[str, Sql],
        hots: Mapping[str, Hot],
        heard: set[Heard],
        odd: Mapping[str, str],
        decide: Decide,
    ) -> None:
        self._odd = odd
        self._decide = decide
        self._now = tx.now
        self._hots = hots
        self._heard = heard
        self._changing = Changing(tx, sql, hots)
        self._outputs = Outputs(tx, sql)

    def record(self, change: Change) -> Applied:
        """Decide one change on top of those before it."""
        hot = self._hots.get(change.task_id)
        if hot is None:
            told = self._odd.get(change.task_id)
            return Unreadable(change.task_id, unreadable(change.task_id, told)) if told else Unknown(change.task_id)
        if change.status_id is not None:
            heard = (hot.number, change.status_id)
            if heard in self._heard:
                self._changing.tally.happened(hot.task.queue, REPEATED)
                return Repeated(change.status_id)
            self._heard.add(heard)
        task = self._changing.now(hot)
        decided = self._decide(task, change.event, self._now)
        if (nothing := came_to_nothing(change, decided)) is not None:
            self._changing.tally.happened(hot.task.queue, nothing)
        self._changing.take(hot, decided)
        self._outputs.take(hot.number, task, change, decided)
        return decided

    def save(self) -> None:
        """Write it all."""
        self._changing.save()
        self._outputs.save()
