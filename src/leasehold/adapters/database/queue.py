"""A queue in the ledger's own database, with SQS's semantics."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from leasehold.adapters.bodies import refusal
from leasehold.adapters.database.connection import Database, Row, Transaction
from leasehold.adapters.patience import Patience
from leasehold.core.errors import LedgerUnavailable, QueueUnavailable
from leasehold.core.metering import Action
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.metering import Meter, NoMeter
from leasehold.ports.queue import Delivery, Depth, Message, NotSent, QueueTraits, Received, Sent

T = TypeVar("T")
SAFETY = 1_000
"""ms after which a long poll looks whether a ring was lost."""
HELD = 20
"""ms after which a long poll looks again at messages that another transaction holds: it may give them back."""
LOOK_BACK = 1_000
"""ms after which a busy receiver looks at the whole line again, not only at where it was."""
LATE = 200
"""ms that a send's transaction may take to commit and still be seen at once by a busy receiver."""
FOURTEEN_DAYS = 14 * 86_400_000
TRAITS = QueueTraits(shares_ledger=True, batch=1_000)
RECEIPT = re.compile(r"([0-9]{1,18})-([0-9]{1,9})", re.ASCII)
"""The message's id and the receive: every receive has another count, and no id is used twice."""


class QueueTerms(NamedTuple):
    """What a queue is set up with, as SQS's attributes."""

    max_receives: int | None = None
    """A message received so often is moved to ``dead_letters`` instead of being delivered once more."""
    dead_letters: str | None = None
    """The name of the queue for them; without it they are dropped."""
    retention: int = FOURTEEN_DAYS
    """ms after its first send at which a message is forgotten."""


STANDARD = QueueTerms()


class DatabaseQueue:
    """The Queue port on tables of the ledger's database. Thread-safe.

    Idle, a waiting receive costs one indexed read a second; it writes only when there is something to receive.
    Roughly first in, first out: by the instant at which a message became visible.
    """

    traits = TRAITS

    def __init__(
        self,
        name: str,
        database: Database,
        *,
        clock: Clock,
        bell: Bell,
        topic: str,
        terms: QueueTerms = STANDARD,
        safety: int = SAFETY,
        meter: Meter | None = None,
    ) -> None:
        """``meter`` counts calls, as if they were requests: each is a transaction or a look."""
        self._meter = meter or NoMeter()
        self._count = self._meter.count
        self.name = name
        self._database = database
        self._clock = clock
        self._bell = bell
        self._topic = topic
        self._terms = terms
        self._safety = safety
        self._closed = False
        self._seen = (0, -LOOK_BACK)
        """Where the line began at the last look, and when it was last looked at whole."""
        self._sql = database.sql("queue")

    # -- the port ------------------------------------------------------------------------------------------------------

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send each body, all in one transaction; one answer per body, in order."""
        if not messages:
            return []
        self._count(self.name, Action.SEND, messages=len(messages))
        return self._transact(lambda tx: self._put(tx, messages))

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        """Up to ``limit`` messages, waiting up to ``wait`` ms for the first one; each hidden for ``visibility`` ms."""
        if not 0 <= visibility <= self.traits.max_visibility:
            raise ValueError(f"a queue hides messages for 0 to {self.traits.max_visibility} ms, not {visibility}")
        if limit <= 0:
            return Received((), self._next()[0])
        received = self._wait_for(limit, wait, visibility)
        self._count(self.name, Action.RECEIVE, messages=len(received.deliveries))
        return received

    def _wait_for(self, limit: int, wait: int, visibility: int) -> Received:
        patience = Patience(self._clock, wait)
        if wait:
            self._bell.wait(self._topic, 0)  # listen before looking: what is sent in between is heard
        while True:
            now, visible_at = self._next()
            if visible_at <= now:
                received = self._transact(lambda tx: self.receive_within(tx, limit, visibility))
                if received.deliveries:
                    return received
            if self._closed or not patience.left:
                return Received((), now)
            self._bell.wait(
                self._topic, min(patience.left, self._safety, visible_at - now if visible_at > now else HELD)
            )

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        """Delete by receipt; whether each delete was confirmed."""
        if not receipts:
            return []
        self._count(self.name, Action.DELETE, messages=len(receipts))
        return self._transact(lambda tx: self.delete_within(tx, receipts))

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """(receipt, ms from now): hide longer, or give back at once with 0. Whether each change was confirmed."""
        if not changes:
            return []
        self._count(self.name, Action.CHANGE, messages=len(changes))
        return self._transact(lambda tx: self._change(tx, changes))

    def depth(self) -> Depth:
        """How many are visible and how many in flight; counts stop at 10,000."""
        with self._speaking(), self._database.read() as tx:
            given = {"name": self.name, "now": tx.now}
            return Depth(*(int(tx.rows(self._sql[which], given)[0][0]) for which in ("visible", "in_flight")))

    def oldest_age(self) -> int:
        """How many ms ago the oldest message was sent, those in flight included; 0 where there is none."""
        with self._speaking(), self._database.read() as tx:
            ((sent_at,),) = tx.rows(self._sql["oldest"], {"name": self.name})
            return 0 if sent_at is None else max(0, tx.now - int(sent_at))

    def close(self) -> None:
        """Let long polls end."""
        self._closed = True
        self._bell.ring(self._topic)

    # -- parts of another transaction of the same database -------------------------------------------------------------

    def send_within(self, tx: Transaction, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send as part of ``tx``: the messages are there when it commits; then they count, and the bell rings."""
        answers = self._put(tx, messages)
        sent = sum(isinstance(answer, Sent) for answer in answers)
        if sent:
            tx.after_commit(lambda: self._meter.sent_along(self.name, sent))
        return answers

    def _put(self, tx: Transaction, messages: Sequence[Message]) -> list[Sent | NotSent]:
        reasons = [refusal(message.body, self.traits.body_limit) for message in messages]
        bodies = [message.body for message, reason in zip(messages, reasons, strict=True) if reason is None]
        ids = iter(self._insert(tx, bodies))
        if bodies:
            self._ring_after(tx)
        return [Sent(str(next(ids))) if reason is None else NotSent(reason, refused=True) for reason in reasons]

    def receive_within(self, tx: Transaction, limit: int, visibility: int) -> Received:
        """Receive as part of ``tx``."""
        limit = max(0, min(limit, self.traits.batch))
        rows: Sequence[Row] = ()
        while not rows and (front := self._front(tx, limit)):
            rows = self._without_removed(tx, front)
        if rows:
            tx.run(self._sql["hide"], {"ids": ids_of(tx, rows), "until": tx.now + visibility})
        return Received([delivery(*row) for row in rows], tx.now)

    def delete_within(self, tx: Transaction, receipts: Sequence[str]) -> list[bool]:
        """Delete as part of ``tx``."""
        parsed = [parse(receipt) for receipt in receipts]
        tx.run_many(self._sql["delete"], [(*receipt, self.name) for receipt in parsed if receipt is not None])
        return [receipt is not None for receipt in parsed]

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _insert(self, tx: Transaction, bodies: Sequence[str]) -> list[int]:
        ids: list[int] = []
        for start in range(0, len(bodies), self.traits.batch):
            given = {"name": self.name, "now": tx.now, "bodies": tx.array(bodies[start : start + self.traits.batch])}
            ids += sorted(int(row[0]) for row in tx.rows(self._sql["send"], given))
        return ids

    def _next(self) -> tuple[int, int]:
        """The database's now, and the instant at which the next message is visible (far off if there is none)."""
        with self._speaking(), self._database.read() as tx:
            for floor in self._floors(tx.now):
                (visible_at,) = tx.rows(self._sql["next"], {"name": self.name, "floor": floor})[0]
                if visible_at is not None:
                    looked = self._seen[1] if floor else tx.now
                    self._seen = (min(int(visible_at), tx.now) - LATE, looked)
                    return tx.now, int(visible_at)
            return tx.now, tx.now + self._safety

    def _front(self, tx: Transaction, limit: int) -> Sequence[Row]:
        """The first of those that are visible and that nobody else is about to receive, locked."""
        for floor in self._floors(tx.now):
            given = {"name": self.name, "now": tx.now, "limit": limit, "floor": floor}
            if rows := tx.rows(self._sql["front"], given):
                return rows
        return ()

    def _floors(self, now: int) -> Sequence[int]:
        """From where to look: from where the line began a moment ago, then, if nothing is found, from its beginning.

        A busy queue leaves dead rows behind, which PostgreSQL must keep for as long as any transaction might see them;
        a look from the beginning walks past them all.
        """
        floor, looked = self._seen
        return (floor, 0) if 0 <= now - looked < LOOK_BACK else (0,)

    def _without_removed(self, tx: Transaction, rows: Sequence[Row]) -> Sequence[Row]:
        """Forget what is too old, and give the dead-letter queue what was received too often."""
        forgotten = [row for row in rows if tx.now - row[SENT_AT] >= self._terms.retention]
        limit = self._terms.max_receives
        dead = [row for row in rows if limit is not None and row[RECEIVES] >= limit and row not in forgotten]
        if self._terms.dead_letters is None:
            forgotten, dead = forgotten + dead, []
        if forgotten:
            tx.run(self._sql["forget"], {"ids": ids_of(tx, forgotten)})
        if dead:
            to = {"dead_letters": self._terms.dead_letters, "now": tx.now}
            tx.run(self._sql["bury"], {"ids": ids_of(tx, dead), **to})
        removed = {row[ID] for row in (*forgotten, *dead)}
        return [row for row in rows if row[ID] not in removed] if removed else rows

    def _change(self, tx: Transaction, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """Change all that are hidden for the same time in one statement, in the order in which they are asked for."""
        alike: dict[int, dict[str, tuple[int, int]]] = {}
        for receipt, ms in changes:
            parsed = parse(receipt)
            if parsed is not None and 0 <= ms <= self.traits.max_visibility:
                alike.setdefault(ms, {})[receipt] = parsed
        changed = {(receipt, ms) for ms, sound in alike.items() for receipt in self._hide_until(tx, sound, tx.now + ms)}
        if any(ms == 0 for _, ms in changed):
            self._ring_after(tx)
        return [change in changed for change in changes]

    def _hide_until(self, tx: Transaction, sound: Mapping[str, tuple[int, int]], until: int) -> list[str]:
        """The receipts of those that were in flight, and are now until then."""
        ids = tx.array([str(id) for id, _ in sound.values()])
        receipts = tx.array([written(*each) for each in sound.values()])
        given = {"name": self.name, "now": tx.now, "until": until, "ids": ids, "receipts": receipts}
        found = {row[0] for row in tx.rows(self._sql["change"], given)}
        return [receipt for receipt, parsed in sound.items() if written(*parsed) in found]

    def _ring_after(self, tx: Transaction) -> None:
        tx.after_commit(lambda: self._bell.ring(self._topic))

    def _transact(self, work: Callable[[Transaction], T]) -> T:
        with self._speaking():
            return self._database.transact(work)

    @contextmanager
    def _speaking(self) -> Generator[None]:
        """Say of the queue what the database says of the ledger: they are one file."""
        try:
            yield
        except LedgerUnavailable as error:
            raise QueueUnavailable(f"queue '{self.name}' is in the ledger's database. {error}") from error


ID, BODY, RECEIVES, SENT_AT = range(4)
"""The columns of a row at the front of the line."""


def delivery(id: int, body: str, receives: int, sent_at: int) -> Delivery:
    """The next receive of a row at the front of the line."""
    return Delivery(str(id), body, written(id, receives + 1), receives + 1, sent_at)


def written(id: int, receive: int) -> str:
    """The receipt of a receive."""
    return f"{id}-{receive}"


def parse(receipt: str) -> tuple[int, int] | None:
    """Message id and receive."""
    match = RECEIPT.fullmatch(receipt)
    return (int(match[1]), int(match[2])) if match else None


def ids_of(tx: Transaction, rows: Sequence[Row]) -> object:
    """The rows' ids as one value."""
    return tx.array([str(row[ID]) for row in rows])
