"""The ledger on a relational database."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from leasehold.adapters.database import counting, dispatching, indexing, metering, operating, recording, submitting
from leasehold.adapters.database.connection import Database, Transaction
from leasehold.adapters.database.damage import Damage
from leasehold.adapters.database.joining import within
from leasehold.adapters.database.rows import TASK_AT, hot_of, task_of
from leasehold.core.alarms import owed
from leasehold.core.events import Event
from leasehold.core.happening import Happened
from leasehold.core.metering import Count
from leasehold.core.model import Task
from leasehold.core.redaction import Redaction
from leasehold.core.reports import Malformed
from leasehold.core.units import HOUR
from leasehold.ports.ledger import (
    Accepted,
    Applied,
    Change,
    Compose,
    Existing,
    Flight,
    Gone,
    KeyConflict,
    Need,
    NewTask,
    Operation,
    Outgoing,
    Stretch,
    Terms,
)
from leasehold.ports.queue import Queue

T = TypeVar("T")
SECRET_BYTES = 32
REMEMBERED = 25 * HOUR
"""How long a machine is remembered as gone: twice as long as any lease, so that none of its runs is missed."""
QUARANTINED = 10_000
"""Damaged messages that are kept, the newest: each may hold 16 KiB, and whoever reaches a queue can send them."""


class DatabaseLedger:
    """The only truth about every task, in one database. See ``Ledger`` for the promises.

    ``database`` comes from ``open_database``; the ledger, its views and the queues beside it may share one.
    """

    def __init__(self, database: Database, redaction: Redaction | None = None) -> None:
        """``redaction``: which arguments are shown to nobody, so that no index has them."""
        self.database = database
        self._redaction = redaction or Redaction()
        books = ("ledger", "chores", "pages", "recall", "metering")
        self._sql = {name: sql for book in books for name, sql in database.sql(book).items()}
        self._damage = Damage()

    @property
    def elsewhere(self) -> bool:
        """Whether a server does the work; SQLite does it in this process."""
        return self.database.dialect != "sqlite"

    def now(self) -> int:
        """The database's clock."""
        return self.database.now()

    def submit(
        self, tasks: Sequence[NewTask], connection: object | None = None
    ) -> list[Accepted | Existing | KeyConflict]:
        """Write them in one transaction: the caller's, if its connection is given."""

        def work(tx: Transaction) -> list[Accepted | Existing | KeyConflict]:
            return submitting.submit(tx, self._sql, tasks, self._redaction)

        if not tasks:
            return []
        return self._repeat(work) if connection is None else within(self.database, connection, work)

    def dispatch(self, queue: str, limit: int, terms: Terms, compose: Compose, into: Queue | None) -> list[Outgoing]:
        """Give up to ``limit`` due tasks their next dispatch; sent in the same transaction if ``into`` is given."""

        def work(tx: Transaction) -> list[Outgoing]:
            outgoing = dispatching.dispatch(tx, self._sql, queue, limit, terms, self._damage)
            if outgoing and into is not None:
                return dispatching.send(tx, self._sql, into, outgoing, compose(outgoing), self._damage)
            return outgoing

        return self._repeat(work)

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        """Decide and save; one answer per change, in order."""
        if not changes and not malformed:
            return []
        return self._repeat(lambda tx: recording.apply(tx, self._sql, changes, malformed, self._damage))

    def alarms(self, need: Need, limit: int) -> list[tuple[str, Event]]:
        """What the clock owes, oldest debt first."""
        which = self._sql["asleep" if need is Need.SCHEDULER else "alarmed"]
        with self.database.read() as tx:
            rows = self._damage.up_to(limit, TASK_AT, lambda length: tx.rows(which, {"now": tx.now, "limit": length}))
            tasks = [hot_of(row).task for row in rows]
        events = [(task.id, owed(task, tx.now)) for task in tasks]
        return [(task_id, event) for task_id, event in events if event is not None]

    def flights(self) -> Mapping[str, Flight]:
        """How full the queues are, from counters."""
        with self.database.read() as tx:
            return counting.flights(tx, self._sql)

    def fold_counters(self) -> int:
        """Fold counter deltas; how many rows were folded."""
        return self._repeat(lambda tx: counting.fold(tx, self._sql))

    def prune(self, before: int, limit: int) -> int:
        """Forget status_ids seen before that instant; how many. Of damaged messages the newest 10,000 stay."""
        return self._repeat(lambda tx: self._forget(tx, before, limit))

    def note_requests(self, counts: Sequence[Count], times: Sequence[Happened] = ()) -> None:
        """Add what was counted to its hours. Once: noted twice, it would count twice."""
        self.database.transact(lambda tx: metering.note(tx, self._sql, counts, times))

    def fold_requests(self, before: int) -> int:
        """Add up what was noted, and forget hours before that instant; how many notes."""
        return self._repeat(lambda tx: metering.fold(tx, self._sql, before))

    def index(self, limit: int) -> int:
        """Index declared arguments of up to ``limit`` tasks that were there before; how many there were to look at."""
        return indexing.fill(self.database, self._sql, self._redaction, limit)

    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching of one queue."""
        self._repeat(
            lambda tx: tx.run(
                self._sql["pause"], {"name": queue, "paused": paused, "paused_by": by, "paused_at": tx.now}
            )
        )

    def start_operation(self, operation: Operation) -> None:
        """Write a bulk operation."""
        self._repeat(lambda tx: operating.start(tx, self._sql, operation))

    def next_operation(self) -> Operation | None:
        """The oldest unfinished operation."""
        with self.database.read() as tx:
            return operating.oldest(tx, self._sql)

    def covered(self, operation: Operation, limit: int, numbers: int) -> Stretch:
        """The tasks that it covers next, and how far this was looked for."""
        with self.database.read() as tx:
            return operating.covered(tx, self._sql, operation, limit, numbers)

    def advance_operation(self, operation: Operation, stretch: Stretch, event: Event) -> list[Applied]:
        """Carry out one batch, unless somebody else has, or it has ended."""
        return self._repeat(lambda tx: operating.advance(tx, self._sql, operation, stretch, event, self._damage))

    def cancel_operation(self, operation_id: str, *, by: str) -> bool:
        """Stop an unfinished operation; whether there was one."""
        return self._repeat(lambda tx: operating.end(tx, self._sql, operation_id, "cancelled", by))

    def fail_operation(self, operation_id: str, why: str) -> None:
        """End an unfinished operation that can never be carried out."""
        self._repeat(lambda tx: operating.end(tx, self._sql, operation_id, "failed", why))

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Remember machines or workers that will never be heard of again, and forget those of long ago."""
        if gone:
            self._repeat(lambda tx: self._note_gone(tx, gone))

    def gone(self) -> list[Gone]:
        """Who is remembered as gone, by name."""
        with self.database.read() as tx:
            return [Gone(*row) for row in tx.rows(self._sql["gone"], {"since": tx.now - REMEMBERED})]

    def held_by(self, names: Sequence[str], *, ahead: int, limit: int) -> list[Task]:
        """What these machines or workers run with a receipt that others may use and ``ahead`` ms of its lease left."""
        with self.database.read() as tx:
            given = {"names": tx.array(list(names)), "until": tx.now + ahead}
            held = self._sql["held by"]
            rows = self._damage.up_to(limit, 0, lambda length: tx.rows(held, {**given, "limit": length}))
            return [task_of(row) for row in rows]

    def secret(self, name: str) -> bytes:
        """A 32-byte key kept in the ledger, made at first use."""
        with self.database.read() as tx:
            found = tx.rows(self._sql["secret"], {"name": name})
        return found[0][0] if found else self._repeat(lambda tx: self._made(tx, name))

    def close(self) -> None:
        """Release connections."""
        self.database.close()

    def _repeat(self, work: Callable[[Transaction], T]) -> T:
        """``work`` in one transaction; again also where nobody knows whether a first commit happened.

        That is right for all that a ledger writes. *Submit* finds its own ids. *Apply* finds its changes made: a
        status_id is applied once, and an event without one is decided anew on the task as it now stands, which ignores
        what has happened already. A batch of an *operation* finds its cursor moved, and is dropped. *Dispatch* gives
        out other tasks; those of the lost answer are queued under a number that is never sent again, and come due again
        when it is void (R7), unless their messages were part of that very transaction. Folding and forgetting go on
        where they are; the rest writes the same row twice.
        """
        return self.database.transact(work, repeatable=True)

    def _forget(self, tx: Transaction, before: int, limit: int) -> int:
        tx.run(self._sql["drop quarantined"], {"kept": QUARANTINED})
        old = tx.rows(self._sql["old status ids"], {"before": before, "limit": limit})
        return tx.run_many(self._sql["drop status id"], old)

    def _note_gone(self, tx: Transaction, gone: Sequence[Gone]) -> None:
        tx.run(self._sql["forget gone"], {"before": tx.now - REMEMBERED})
        tx.run_many(self._sql["note gone"], sorted(gone))

    def _made(self, tx: Transaction, name: str) -> bytes:
        tx.run(self._sql["add secret"], {"name": name, "value": secrets.token_bytes(SECRET_BYTES)})
        ((value,),) = tx.rows(self._sql["secret"], {"name": name})
        return bytes(value)
