"""The ledger in memory: the same promises and the same rules as in a database, but that nothing outlives the process.

For simulations and tests. Whatever looks for tasks looks at all of them, so it is quick while there are few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from leasehold.adapters.memory import metering, operating
from leasehold.adapters.memory.book import Batch, Book, Holder, Row
from leasehold.adapters.memory.deciding import Decided, Transaction
from leasehold.core.alarms import alarm, owed
from leasehold.core.bundles import Due, bundled, messages_of, size_of
from leasehold.core.errors import UsageError
from leasehold.core.events import Dispatched, Event, Submitted
from leasehold.core.finding import indexable
from leasehold.core.happening import Happened
from leasehold.core.machine import decide
from leasehold.core.metering import Count
from leasehold.core.model import Status, Task, Why
from leasehold.core.operations import concerned, deciding
from leasehold.core.redaction import Redaction
from leasehold.core.reports import Malformed
from leasehold.core.units import HOUR
from leasehold.ports.clock import Clock
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
    Repeated,
    Stretch,
    Terms,
    Unknown,
    unsendable,
)
from leasehold.ports.queue import NotSent, Queue

SECRET_BYTES = 32
REMEMBERED = 25 * HOUR
"""How long a machine is remembered as gone."""
QUARANTINED = 10_000
"""Damaged messages that are kept, the newest."""


class MemoryLedger:
    """The Ledger port in memory. Thread-safe: one transaction at a time. See ``Ledger`` for the promises.

    Ledgers that share a ``book`` are several ways into one ledger. Secrets come from ``random``. ``watch`` hears each
    decision once it is saved.
    """

    elsewhere = False

    def __init__(
        self,
        clock: Clock,
        book: Book | None = None,
        random: Random | None = None,
        watch: Callable[[Decided], None] | None = None,
    ) -> None:
        self._watch = watch
        self.book = book or Book()
        self._clock = clock
        self._random = random or Random(0)  # noqa: S311 - keys of a ledger that nobody else can reach

    def now(self) -> int:
        """The clock that it was given."""
        return self._clock.now()

    # ------------------------------------------------------------ submit

    def submit(
        self, tasks: Sequence[NewTask], connection: object | None = None
    ) -> list[Accepted | Existing | KeyConflict]:
        """Write them in one transaction."""
        if connection is not None:
            raise UsageError("a ledger in memory takes part in nobody else's transaction: leave out the connection")
        with self.book.lock:
            now = max(self._clock.now(), max((row.task.created_at for row in self._newest()), default=0))
            return [self._accept(each, now) for each in tasks]

    def _newest(self) -> list[Row]:
        return [next(reversed(self.book.rows.values()))] if self.book.rows else []

    def _accept(self, new: NewTask, now: int) -> Accepted | Existing | KeyConflict:
        book, task = self.book, new.task
        if task.id in book.rows:  # a submit whose answer was lost, once more
            return Accepted(task.id)
        if new.key is not None:
            mine = Holder(new.fingerprint, task.id)
            holder = book.keys.setdefault((new.key, task.name, task.batch), mine)
            if holder is not mine:
                same = holder.fingerprint == new.fingerprint
                status = book.rows[holder.task_id].task.status
                return Existing(holder.task_id, status) if same else KeyConflict(holder.task_id)
        due_at = task.due_at if task.due_at > task.created_at else now
        decided = decide(task._replace(created_at=now, due_at=due_at), Submitted(note=new.note), now)
        number = max((newest.number for newest in self._newest()), default=0) + 1
        row = Row(number, decided.task, new.arguments, new.arguments_ref, new.key, new.tenant, new.trace)
        book.rows[task.id] = row
        book.declared.update((task.name, name) for name in indexable(new.find, Redaction()))
        book.paused.setdefault(task.queue, False)
        if task.batch is not None:
            book.batches.setdefault(task.batch, Batch(now))
        book.wrote(row, decided.audit)
        book.moved(None, decided.task)
        return Accepted(task.id)

    # ------------------------------------------------------------ dispatch

    def dispatch(self, queue: str, limit: int, terms: Terms, compose: Compose, into: Queue | None) -> list[Outgoing]:
        """Give up to ``limit`` due tasks their next dispatch; where sending ``into`` a queue fails, none of them."""
        with self.book.lock:
            if self.book.paused.get(queue, False) and not terms.despite_pause:
                return []
            now = self._clock.now()
            work = Transaction(now, self.book)
            due = self._due(queue)[:limit]
            outgoing: list[Outgoing] = []
            for members in bundled(Due(row.task, row.tenant, size_of(row.arguments, row.trace)) for row in due):
                event = Dispatched(now + terms.validity, len(members))
                for row in (due[place] for place in members):
                    answer = work.decide(row, Change(row.task.id, event))
                    parts = (row.arguments, row.arguments_ref, row.tenant, row.trace)
                    outgoing.append(Outgoing(answer.task, *parts))
            if outgoing and into is not None:
                outgoing = self._send(work, into, outgoing, compose)
            self._commit(work)
            return outgoing

    def _due(self, queue: str) -> list[Row]:
        due = [row for row in self.book.rows.values() if row.task.why is Why.DUE and row.task.queue == queue]
        return sorted(due, key=lambda row: (-row.task.priority, row.task.due_at, row.number))

    def _send(self, work: Transaction, into: Queue, outgoing: list[Outgoing], compose: Compose) -> list[Outgoing]:
        sent = zip(messages_of(outgoing), into.send(compose(outgoing)), strict=True)
        answers = [(each, answer) for members, answer in sent for each in members]
        for each, answer in answers:
            if isinstance(answer, NotSent):
                work.decide(self.book.rows[each.task.id], unsendable(each.task, into.name, answer))
        return [each for each, answer in answers if not isinstance(answer, NotSent)]

    # ------------------------------------------------------------ apply

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        """Decide and save; one answer per change, in order."""
        with self.book.lock:
            work = Transaction(self._clock.now(), self.book)
            answers = [self._apply(work, change) for change in changes]
            for message in sorted(malformed):
                self.book.damaged.setdefault(message, work.now)
            self._commit(work)
            return answers

    def _apply(self, work: Transaction, change: Change) -> Applied:
        row = self.book.rows.get(change.task_id)
        if row is None:
            return Unknown(change.task_id)
        if change.status_id is not None:
            if change.status_id in row.heard or (row.number, change.status_id) in work.heard:
                return Repeated(change.status_id)
            work.heard[row.number, change.status_id] = row
        return work.decide(row, change)

    def _commit(self, work: Transaction) -> None:
        work.save()
        if self._watch is not None:
            for each in work.decided:
                self._watch(each)

    # ------------------------------------------------------------ alarms and counters

    def alarms(self, need: Need, limit: int) -> list[tuple[str, Event]]:
        """What the clock owes, oldest debt first."""
        with self.book.lock:
            now = self._clock.now()
            found: list[tuple[int, int, Task]] = []
            for row in self.book.rows.values():
                at = alarm(row.task)
                if at is not None and at <= now and (row.task.why is Why.SCHEDULED) is (need is Need.SCHEDULER):
                    found.append((at, row.number, row.task))
            events = [(task.id, owed(task, now)) for _, _, task in sorted(found)[:limit]]
            return [(task_id, event) for task_id, event in events if event is not None]

    def flights(self) -> Mapping[str, Flight]:
        """How full the queues are."""
        with self.book.lock:
            return self.book.flights()

    def fold_counters(self) -> int:
        """There is nothing to fold: how many changes were counted since the last time."""
        with self.book.lock:
            folded, self.book.unfolded = self.book.unfolded, 0
            return folded

    def prune(self, before: int, limit: int) -> int:
        """Forget status_ids seen before that instant; of damaged messages the newest 10,000 stay."""
        with self.book.lock:
            damaged = self.book.damaged
            for message in list(damaged)[: max(0, len(damaged) - QUARANTINED)]:
                del damaged[message]
            old = [(row, id) for row in self.book.rows.values() for id, at in row.heard.items() if at < before]
            for row, status_id in old[:limit]:
                del row.heard[status_id]
            return len(old[:limit])

    # ------------------------------------------------------------ requests

    def note_requests(self, counts: Sequence[Count], times: Sequence[Happened] = ()) -> None:
        """Add what was counted to its hours."""
        with self.book.lock:
            metering.note(self.book, counts, times, self._clock.now())

    def fold_requests(self, before: int) -> int:
        """Put queues that nobody knows together, and forget hours before that instant."""
        with self.book.lock:
            return metering.fold(self.book, before)

    # ------------------------------------------------------------ machines that are gone

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Remember machines or workers that will never be heard of again, and forget those of long ago."""
        with self.book.lock:
            self._forget_gone()
            for each in gone:
                self.book.gone.setdefault(each.name, each)

    def gone(self) -> list[Gone]:
        """Who is remembered as gone, by name."""
        with self.book.lock:
            self._forget_gone()
            return [self.book.gone[name] for name in sorted(self.book.gone)]

    def _forget_gone(self) -> None:
        since = self._clock.now() - REMEMBERED
        self.book.gone = {name: each for name, each in self.book.gone.items() if each.at >= since}

    def held_by(self, names: Sequence[str], *, ahead: int, limit: int) -> list[Task]:
        """What these machines or workers run with a receipt that others may use and ``ahead`` ms of its lease left."""
        with self.book.lock:
            until = self._clock.now() + ahead
            held = [row.task for row in self.book.rows.values() if row.task.status is Status.IN_PROGRESS]
            theirs = [task for task in held if task.receipt is not None and task.lease_until >= until]
            return [task for task in theirs if any(works_on(task.worker, name) for name in names)][:limit]

    # ------------------------------------------------------------ the house

    def index(self, limit: int) -> int:
        """Do nothing: filters look at every task."""
        del limit
        return 0

    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching of one queue."""
        del by
        with self.book.lock:
            self.book.paused[queue] = paused

    def start_operation(self, operation: Operation) -> None:
        """Write a bulk operation."""
        with self.book.lock:
            operating.start(self.book, operation)

    def next_operation(self) -> Operation | None:
        """The oldest unfinished operation."""
        with self.book.lock:
            return operating.oldest(self.book)

    def covered(self, operation: Operation, limit: int, numbers: int) -> Stretch:
        """The tasks that it covers next, and how far this was looked for."""
        with self.book.lock:
            return operating.covered(self.book, operation, limit, numbers)

    def advance_operation(self, operation: Operation, stretch: Stretch, event: Event) -> list[Applied]:
        """Carry out one batch, unless somebody else has, or it has ended."""
        with self.book.lock:
            now = self._clock.now()
            if not operating.advance(self.book, operation, stretch, now):
                return []
            work = Transaction(now, self.book, deciding(concerned(operation.kind, operation.filter)))
            answers = [self._apply(work, Change(task_id, event)) for task_id in stretch.task_ids]
            self._commit(work)
            operating.count(self.book, operation, answers)
            return answers

    def cancel_operation(self, operation_id: str, *, by: str) -> bool:
        """Stop an unfinished operation; whether there was one."""
        with self.book.lock:
            return operating.end(self.book, operation_id, "cancelled", by, self._clock.now())

    def fail_operation(self, operation_id: str, why: str) -> None:
        """End an unfinished operation that can never be carried out."""
        with self.book.lock:
            operating.end(self.book, operation_id, "failed", why, self._clock.now())

    def secret(self, name: str) -> bytes:
        """A 32-byte key, made at first use."""
        with self.book.lock:
            if name not in self.book.secrets:
                self.book.secrets[name] = self._random.randbytes(SECRET_BYTES)
            return self.book.secrets[name]

    def close(self) -> None:
        """Nothing is held open."""


def works_on(worker: str | None, name: str) -> bool:
    """Whether a worker is the one of this name, or one of that machine."""
    return worker is not None and (worker == name or worker.startswith(f"{name}/"))
