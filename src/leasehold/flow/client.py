"""Client -> ledger: submit, wait for outcomes, cancel, retry. Knows tasks by name and JSON; never imports user code."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from leasehold.core.errors import BadArguments, KeyTaken, LedgerUnavailable, MalformedMessage, TooLarge
from leasehold.core.events import Cancelled, Event, Retried
from leasehold.core.model import Policy, Status, Task
from leasehold.core.references import arguments_reference
from leasehold.core.wire import DEPTH_LIMIT, INLINE_LIMIT, strict_json
from leasehold.flow.large import result_of
from leasehold.flow.lookup import check_whole, workers_of
from leasehold.flow.marks import Marks
from leasehold.flow.recorder import announce
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Accepted, Applied, Change, Existing, Gone, KeyConflict, Ledger, NewTask, Operation
from leasehold.ports.store import Store
from leasehold.ports.tracing import UNTRACED, Tracing
from leasehold.ports.views import Outcome, Page, Views, WorkerView

log = logging.getLogger("leasehold.client")

CHUNK = 1_000
"""Tasks per submitting transaction."""
FAR_CHUNK = 4_000
"""The same where the ledger is in another process: each transaction is a dozen journeys there."""

LOOK = 1_000
"""ms after which a waiting client looks by itself: a bell is only a hint."""


class Order(NamedTuple):
    """A task that somebody wants done: ``arguments`` is JSON text, ``delay`` ms from now."""

    name: str
    arguments: str
    policy: Policy
    queue: str = "default"
    priority: int = 0
    key: str | None = None
    batch: str | None = None
    delay: int = 0
    tenant: str | None = None
    trace: str | None = None
    note: str | None = None
    """Who wants it, for the audit trail."""
    find: tuple[str, ...] = ()
    """Arguments that its handler declares."""


Row = TypeVar("Row")
Seen = TypeVar("Seen")
Submission = Accepted | Existing | KeyConflict


class Client:
    """One connection to a ledger, for programs and for people. Thread-safe."""

    def __init__(
        self,
        ledger: Ledger,
        views: Views,
        store: Store,
        bell: Bell,
        clock: Clock,
        *,
        ids: Callable[[], str],
        payload_limit: int,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self.check: Callable[[], None] = lambda: None
        """Called now and then while waiting; raises if waiting has become pointless."""
        self._ledger = ledger
        self.views = views
        self._store = store
        self._marks = Marks(store)
        self._bell = bell
        self._clock = clock
        self._ids = ids
        self._payload_limit = payload_limit
        self._tracing = tracing

    # ------------------------------------------------------------ submit

    def submit(self, order: Order, *, connection: object | None = None) -> Accepted | Existing:
        """Write one task; when this returns, it is committed (S1).

        With ``connection``, a connection of the caller's own to the ledger's database, it is part of the caller's
        transaction instead. Raises ``KeyTaken`` where its key is taken by a task with other arguments.
        """
        answer = self._submit([order], connection)[0]
        if isinstance(answer, KeyConflict):
            where = f" in batch {order.batch!r}" if order.batch else ""
            raise KeyTaken(
                f"key {order.key!r} of handler {order.name!r}{where} is taken by task "
                f"{answer.task_id} with other arguments. Use another key or another batch"
            )
        return answer

    def submit_many(
        self, rows: Iterable[tuple[Row, Order]], chunk: int | None = None, *, connection: object | None = None
    ) -> Iterator[tuple[tuple[Row, Order], Submission]]:
        """Write a stream of tasks, a transaction per chunk, in memory that does not grow with it.

        Each order comes with what names its row to the caller, and is yielded with it once it is committed; no chunk
        is written before the one ahead of it. Stopping in the middle loses nothing: with keys, the same stream again
        goes on where this one ended. With ``connection`` all chunks are part of the caller's transaction.

        A database in another process writes one chunk while the next is read and prepared here: the stream is then read
        one chunk further than what was yielded, and the chunk may be written too.
        """
        elsewhere = self._ledger.elsewhere
        chunks = self._chunks(iter(rows), chunk or (FAR_CHUNK if elsewhere else CHUNK))
        if elsewhere and connection is None:
            yield from self._written(chunks)
        else:
            for batch, new in chunks:
                yield from zip(batch, self._write(new, connection), strict=True)

    def _chunks(
        self, stream: Iterator[tuple[Row, Order]], chunk: int
    ) -> Iterator[tuple[list[tuple[Row, Order]], list[NewTask]]]:
        while batch := list(islice(stream, chunk)):
            yield batch, self._prepared([order for _, order in batch])

    def _written(
        self, chunks: Iterator[tuple[list[tuple[Row, Order]], list[NewTask]]]
    ) -> Iterator[tuple[tuple[Row, Order], Submission]]:
        """A thread waits for the database, and this one goes on meanwhile."""
        with ThreadPoolExecutor(1, thread_name_prefix="leasehold-submit") as writer:
            batch: list[tuple[Row, Order]] = []
            answers = writer.submit(list[Submission])
            while True:
                try:
                    following = next(chunks, None)
                except Exception:  # what came before it is written all the same, and said
                    yield from zip(batch, answers.result(), strict=True)
                    raise
                done = zip(batch, answers.result(), strict=True)
                if following is not None:
                    batch, new = following
                    answers = writer.submit(self._write, new, None)
                yield from done
                if following is None:
                    return

    def _submit(self, orders: Sequence[Order], connection: object | None) -> list[Submission]:
        return self._write(self._prepared(orders), connection)

    def _prepared(self, orders: Sequence[Order]) -> list[NewTask]:
        now = self._ledger.now()
        return [self._new_task(order, now) for order in orders]

    def _write(self, new: Sequence[NewTask], connection: object | None) -> list[Submission]:
        answers = self._ledger.submit(new, connection)
        if connection is None:  # nobody can see the caller's rows yet; the dispatcher finds them at its next look
            self._bell.ring("due")
        stored = [(each, answer) for each, answer in zip(new, answers, strict=True) if each.arguments_ref is not None]
        unused = [each.arguments_ref or "" for each, answer in stored if not isinstance(answer, Accepted)]
        if unused:
            self._store.delete(unused)
        return answers

    def _new_task(self, order: Order, now: int) -> NewTask:
        task_id = self._ids()
        task = Task(
            id=task_id,
            name=order.name,
            queue=order.queue,
            policy=order.policy,
            created_at=now,
            due_at=now + order.delay,
            priority=order.priority,
            batch=order.batch,
        )
        inline, ref = self._arguments(order, task_id)
        print_of = fingerprint(order.arguments) if order.key is not None else ""
        trace = order.trace or self._tracing.submitted(order.name, order.queue, task_id)
        return NewTask(task, inline, ref, order.key, print_of, order.tenant, trace, order.note, order.find)

    def vet(self, order: Order) -> None:
        """Raise what a submit would raise for its arguments: ``TooLarge``, ``BadArguments``. Writes nothing."""
        text = order.arguments
        size = len(text) if text.isascii() else len(text.encode())
        if size > self._payload_limit:
            raise TooLarge(
                f"the arguments of handler {order.name!r} take {size:,} bytes, over the limit of "
                f"{self._payload_limit:,}. Put large data into object storage and pass its address, "
                "or raise LEASEHOLD_PAYLOAD_LIMIT"
            )
        if len(text) <= INLINE_LIMIT and text.count("[") + text.count("{") > DEPTH_LIMIT:
            self._check_depth(order)

    def _arguments(self, order: Order, task_id: str) -> tuple[str | None, str | None]:
        """Large arguments go to the store before the row is written, so that no row ever points at nothing."""
        self.vet(order)
        text = order.arguments
        if len(text) <= INLINE_LIMIT:
            return text, None
        value = text.encode()
        ref = arguments_reference(task_id, value)
        self._store.create(ref, value)
        return None, ref

    def _check_depth(self, order: Order) -> None:
        """Refuse here what a worker would put into quarantine."""
        try:
            strict_json(order.arguments)
        except MalformedMessage as error:
            raise BadArguments(f"the arguments of handler {order.name!r} cannot be sent: {error}") from None

    # ------------------------------------------------------------ outcomes

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the tasks that have ended."""
        return self.views.outcomes(task_ids)

    def wait(self, task_ids: Iterable[str], timeout: int | None = None) -> Iterator[Outcome]:
        """Yield each task's outcome as it ends; stops when all have, or after ``timeout`` ms.

        A ledger that is away for a while ends no waiting that has begun.
        """
        missing = dict.fromkeys(task_ids)
        until = None if timeout is None else self._clock.boot() + timeout
        watch = Watch()
        while missing:
            for outcome in watch.look(lambda: list(self._ended_of(list(missing)))) or ():
                del missing[outcome.task_id]
                yield outcome
            left = LOOK if until is None else min(LOOK, until - self._clock.boot())
            if not missing or left <= 0:
                return
            self.check()
            self._bell.wait("ended", left)

    def batch_outcomes(self, batch: str, timeout: int | None = None) -> Iterator[Outcome]:
        """Yield each outcome of a batch once, as tasks end; stops when none is left without one.

        In the order in which they were recorded. Raises ``TimeoutError`` after ``timeout`` ms. A ledger that is away
        for a while ends no waiting that has begun.
        """
        until = None if timeout is None else self._clock.boot() + timeout
        watch, cursor, alive = Watch(), None, 0
        while True:
            seen = watch.look(partial(self._further, batch, cursor))
            alive, page = (alive or 1, Page[Outcome]((), cursor)) if seen is None else seen
            cursor = page.cursor
            yield from page.rows
            if len(page.rows) == CHUNK:
                continue
            if not alive and not page.rows:
                return
            if until is not None and self._clock.boot() >= until:
                raise TimeoutError(f"batch {batch!r} still has {alive:,} tasks without an outcome")
            if not page.rows:
                self.check()
                self._bell.wait("ended", LOOK)

    def _further(self, batch: str, cursor: str | None) -> tuple[int, Page[Outcome]]:
        """How many tasks of a batch have no outcome, and the outcomes beyond the cursor."""
        return self.alive(batch), self.views.ended(batch, cursor, CHUNK)

    def alive(self, batch: str) -> int:
        """How many tasks of a batch have no outcome."""
        unfinished = (Status.PENDING, Status.IN_PROGRESS)
        return sum(cell.tasks for cell in self.views.counts(batch=batch) if cell.status in unfinished)

    def _ended_of(self, task_ids: Sequence[str]) -> Iterator[Outcome]:
        for start in range(0, len(task_ids), CHUNK):
            yield from self.views.outcomes(task_ids[start : start + CHUNK])

    def result_text(self, outcome: Outcome) -> str:
        """The result as JSON text, from the ledger or the store. Raises ``NoSuchTask``, ``StoreDamaged``."""
        return result_of(lambda: self._store, outcome)

    # ------------------------------------------------------------ change

    def cancel(self, task_ids: Sequence[str], *, by: str, reason: str = "") -> list[Applied]:
        """Cancel at once in the ledger; its run is told at its next checkpoint or progress, or its lease ends it."""
        return self._apply(task_ids, Cancelled(by, reason))

    def retry(self, task_ids: Sequence[str], *, by: str, reason: str = "") -> list[Applied]:
        """Try failed or cancelled tasks again, with fresh budgets."""
        return self._apply(task_ids, Retried(by, reason))

    def _apply(self, task_ids: Sequence[str], event: Event) -> list[Applied]:
        answers = self._ledger.apply([Change(task_id, event) for task_id in task_ids])
        announce(self._bell, answers)
        self._marks.follow(answers)
        return answers

    def operate(self, kind: str, filter_: str, *, by: str, reason: str = "") -> Operation:
        """Write a bulk operation over all tasks that match now; the sweeper carries it out in batches."""
        self.views.count(filter_, 1)  # a filter that does not parse is refused before anything is written
        check_whole(self.views, filter_)
        now = self._ledger.now()
        operation_id = self._ids()
        operation = Operation(operation_id, kind, filter_, ceiling=operation_id, by=by, reason=reason, created_at=now)
        self._ledger.start_operation(operation)
        return operation

    def cancel_operation(self, operation_id: str, *, by: str) -> bool:
        """Stop a bulk operation where it is; whether it was still going on."""
        return self._ledger.cancel_operation(operation_id, by=by)

    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching of a queue."""
        self._ledger.pause(queue, paused=paused, by=by)
        self._bell.ring("due")

    def recall(self, name: str, *, by: str) -> list[WorkerView]:
        """Say that a machine, or one worker, is gone for good: what it ran there goes to others.

        By a worker's whole name, or by what stands before the slash in the names of all workers of a machine. Raises
        ``NoSuchWorker`` where nothing runs there.
        """
        theirs = workers_of(self.views, name)
        now = self._ledger.now()
        self._ledger.note_gone([Gone(view.name, now, by) for view in theirs])
        return theirs

    def close(self) -> None:
        """Release what is held."""
        self._bell.close()
        self._ledger.close()


class Watch:
    """Looks at the ledger of somebody who waits: once one has succeeded, those that fail are only told of."""

    def __init__(self) -> None:
        self._begun = False
        self._away = False

    def look(self, question: Callable[[], Seen]) -> Seen | None:
        """The answer; ``None`` while the ledger is away. Raises ``LedgerUnavailable`` where the first look fails."""
        try:
            seen = question()
        except LedgerUnavailable as error:
            if not self._begun:
                raise
            if not self._away:
                log.warning("still waiting: %s", error)
            self._away = True
            return None
        self._begun, self._away = True, False
        return seen


def fingerprint(arguments: str) -> str:
    """What tells whether two tasks of one key are the same work."""
    return hashlib.sha256(arguments.encode()).hexdigest()[:32]
