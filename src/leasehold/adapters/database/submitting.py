"""How tasks enter the ledger: keys, batches, and rows written by the thousand."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from leasehold.adapters.database import indexing
from leasehold.adapters.database.changing import audit_values
from leasehold.adapters.database.connection import Contended, Sql, Transaction
from leasehold.adapters.database.rows import STATES, submitted_values
from leasehold.adapters.database.tally import Cell, Tally, cell_of
from leasehold.core.events import Submitted
from leasehold.core.machine import decide
from leasehold.core.model import Audit, Status, Task
from leasehold.core.redaction import Redaction
from leasehold.ports.ledger import Accepted, Existing, KeyConflict, NewTask

LATE = 5
"""s after its beginning at which a transaction must have numbered its tasks: half of ``filtering.DISORDER``."""
UNSURE = (Status.PENDING, None)
Answer = Accepted | Existing | KeyConflict
Key = tuple[str, str, str]
"""Key, handler's name, batch ('' for none)."""


class Holder(NamedTuple):
    """Which task has a key."""

    fingerprint: str
    task_id: str
    status: Status


class Shape(NamedTuple):
    """What tasks that differ by their ids alone have in common once they are submitted."""

    values: tuple[object, ...]
    lines: tuple[Audit, ...]
    cell: Cell


def submit(
    tx: Transaction, sql: Mapping[str, Sql], new: Sequence[NewTask], redaction: Redaction | None = None
) -> list[Answer]:
    """Write those whose keys are free; say of the others who has their keys.

    May be repeated after a commit of which nobody knows whether it happened: ids are fixed before, so what is there
    with its id is what that commit wrote, all of it or nothing, and is not written twice. A task that has its key
    already is such a one, whether or not this transaction knows of a doubt: its caller may be the one who repeats.
    """
    holders = holders_of(tx, sql, new)
    there = {holder.task_id for holder in holders.values()}
    if tx.in_doubt:
        there |= there_already(tx, sql, new)
    answers = [Accepted(each.task.id) if each.task.id in there else claim(each, holders) for each in new]
    accepted = [each for each, answer in zip(new, answers, strict=True) if type(answer) is Accepted]
    if fresh := [each for each in accepted if each.task.id not in there]:
        Submission(tx, sql, len(fresh), redaction or Redaction()).write(fresh)
    return answers


def there_already(tx: Transaction, sql: Mapping[str, Sql], new: Sequence[NewTask]) -> frozenset[str]:
    """The ids of those that an earlier try has written after all."""
    return frozenset(row[0] for row in tx.rows(sql["there"], {"ids": tx.array([each.task.id for each in new])}))


def holders_of(tx: Transaction, sql: Mapping[str, Sql], new: Sequence[NewTask]) -> dict[Key, Holder]:
    """Who has these keys already (or the same key under another name or batch)."""
    keys = [each.key for each in new if each.key is not None]
    if not keys:
        return {}
    # A state that nobody can read is no outcome: nothing that is sure has come of that task.
    return {
        (key, name, batch): Holder(fingerprint, task_id, STATES.get(state, UNSURE)[0])
        for key, name, batch, fingerprint, task_id, state in tx.rows(sql["keys"], {"keys": tx.array(keys)})
    }


def claim(new: NewTask, holders: dict[Key, Holder]) -> Answer:
    """Whether this task may have its key; if so it holds it from here on."""
    if new.key is not None:
        holder = Holder(new.fingerprint, new.task.id, Status.PENDING)
        first = holders.setdefault((new.key, new.task.name, new.task.batch or ""), holder)
        if first is not holder and first.task_id != new.task.id:  # its own: an earlier try wrote it after all
            same = first.fingerprint == new.fingerprint
            return Existing(first.task_id, first.status) if same else KeyConflict(first.task_id)
    return Accepted(new.task.id)


class Submission:
    """Rows of new tasks. Each *shape* of task is decided once, however many tasks have it."""

    def __init__(self, tx: Transaction, sql: Mapping[str, Sql], tasks: int, redaction: Redaction) -> None:
        self._tx = tx
        self._sql = sql
        self._redaction = redaction
        ((last, self._indexed),) = tx.rows(sql["last"])
        # Numbers and instants rise together, whatever the clock does: pages by age are ranges of numbers. Of writers
        # at once one may begin first and number last, so that they do so within ``DISORDER`` only.
        self._now = max(tx.now, last or 0)
        nths = tx.array([str(nth) for nth in range(1, tasks + 1)])
        self._numbers = [number for (number,) in tx.rows(sql["numbers"], {"nths": nths})]
        if time.monotonic() - tx.began > LATE:
            raise Contended("something kept this submit from its numbers for too long.")
        self._shapes: dict[tuple[object, ...], Shape] = {}

    def write(self, new: Sequence[NewTask]) -> None:
        """Insert them all, with bodies, keys, audit lines and counts."""
        run_many, sql, numbered = self._tx.run_many, self._sql, list(zip(self._numbers, new, strict=True))
        self._write_keys([key_values(number, each) for number, each in numbered if each.key is not None])
        tasks: list[tuple[object, ...]] = []
        lines: list[tuple[object, ...]] = []
        tally = Tally()
        for number, each in numbered:
            shape = self._shape(each.task, each.note)
            tasks.append((number, each.task.id, *shape.values))
            lines += [audit_values(number, line) for line in shape.lines]
            tally.add(shape.cell, 1)
        run_many(sql["add task"], tasks)
        run_many(sql["add body"], [body_values(number, each) for number, each in numbered])
        run_many(sql["add audit"], lines)
        if self._indexed is not None or any(each.find for each in new):
            found = indexing.declared(self._tx, sql, self._redaction, new)
            indexing.add(self._tx, sql, found, numbered)
        self._write_places(new)
        tally.save(self._tx, sql)

    def _write_keys(self, keys: list[tuple[object, ...]]) -> None:
        """In one order, so that two who submit the same keys at once wait for each other and not both for ever."""
        keys.sort(key=itemgetter(0, 1, 2))
        if self._tx.run_many(self._sql["add key"], keys) < len(keys):
            raise Contended("another submit has taken a key of this one a moment ago.")

    def _write_places(self, new: Sequence[NewTask]) -> None:
        batches = {each.task.batch for each in new if each.task.batch is not None}
        queues = {each.task.queue for each in new}
        self._tx.run_many(self._sql["add batch"], [(batch, self._now) for batch in sorted(batches)])
        self._tx.run_many(self._sql["add queue"], [(queue,) for queue in sorted(queues)])

    def _shape(self, task: Task, note: str | None) -> Shape:
        due_at = task.due_at if task.due_at > task.created_at else 0
        key = (task.name, task.queue, task.policy, due_at, task.priority, task.batch, note)
        if (shape := self._shapes.get(key)) is None:
            started = task._replace(created_at=self._now, due_at=due_at or self._now)
            decided = decide(started, Submitted(note=note), self._now)
            shape = Shape(submitted_values(decided.task), decided.audit, cell_of(decided.task))
            self._shapes[key] = shape
        return shape


def body_values(number: int, new: NewTask) -> tuple[object, ...]:
    """The cold parts as a row."""
    return (number, new.arguments, new.arguments_ref, new.key, new.tenant, new.trace)


def key_values(number: int, new: NewTask) -> tuple[object, ...]:
    """The key as a row."""
    return (new.key, new.task.name, new.task.batch or "", number, new.fingerprint)
