"""Client -> ledger: submit, wait for outcomes, cancel, retry. Knows tasks by name and JSON; never imports user code.

Here is what every client has in common: what callers may ask of it, the cutting of streams, the waiting. What it is
made of where the ledger is a database is in ``ledger_client``, where it is behind an API in ``leasehold.remote``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, Self, TypeVar

from leasehold.core.errors import BadArguments, KeyTaken, LeaseholdError, LedgerUnavailable, MalformedMessage, TooLarge
from leasehold.core.model import Policy, Status
from leasehold.core.queues import check_queue
from leasehold.core.units import MIB
from leasehold.core.wire import DEPTH_LIMIT, INLINE_LIMIT, strict_json
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Accepted, Existing, KeyConflict, Operation
from leasehold.ports.views import Outcome, Page, Views, WorkerView

log = logging.getLogger("leasehold.client")

CHUNK = 1_000
"""Tasks per submitting transaction."""
FAR_CHUNK = 4_000
"""The same where the ledger is in another process: each transaction is a dozen journeys there."""
CHUNK_BYTES = 8 * MIB
"""And not more of them than have so many characters of arguments."""

LOOK = 1_000
"""ms after which a waiting client looks by itself: a bell is only a hint."""
GROWTH = 1.5
"""By how much each look without news makes the next one later, where looking is not for free."""


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
    id: str | None = None
    """Given by who may have to repeat the submit because its answer was lost: it is not done twice. ``None``: made."""


class Refused(NamedTuple):
    """Whoever writes to the ledger for us does not take this one; nothing was written."""

    error: LeaseholdError


class Left(NamedTuple):
    """A task that was left as it is, and why."""

    id: str
    reason: str


class Changed(NamedTuple):
    """What became of tasks that somebody wanted changed."""

    changed: Sequence[str]
    left: Sequence[Left]


Row = TypeVar("Row")
Seen = TypeVar("Seen")
Submission = Accepted | Existing | KeyConflict | Refused
Writing = Callable[[], Sequence[Submission]]
"""Writes what was prepared; one answer per order, in order."""


class Client(ABC):
    """One connection to a ledger, for programs and for people: all that callers may ask of it. Thread-safe."""

    chunk = CHUNK
    """Tasks that one writing of a stream takes."""
    elsewhere = False
    """Whether writing is waiting for somebody else: the next chunk is prepared meanwhile."""
    longest_look = LOOK
    """ms between two looks of somebody who waits, after many without news."""
    turn = LOOK // 2
    """ms that a wait may last for somebody who soon has more to wait for."""

    def __init__(self, views: Views, bell: Bell, clock: Clock, *, payload_limit: int) -> None:
        self.check: Callable[[], None] = lambda: None
        """Called now and then while waiting; raises if waiting has become pointless."""
        self.views = views
        self._bell = bell
        self._clock = clock
        self._payload_limit = payload_limit

    # ------------------------------------------------------------ submit

    def submit(self, order: Order, *, connection: object | None = None) -> Accepted | Existing:
        """Write one task; when this returns, it is committed (S1).

        With ``connection``, a connection of the caller's own to the ledger's database, it is part of the caller's
        transaction instead. Raises ``KeyTaken`` where its key is taken by a task with other arguments.
        """
        answer = self._prepare([order], connection)()[0]
        if isinstance(answer, Refused):
            raise answer.error
        if isinstance(answer, KeyConflict):
            where = f" in batch {order.batch!r}" if order.batch else ""
            raise KeyTaken(
                f"key {order.key!r} of handler {order.name!r}{where} is taken by task "
                f"{answer.task_id} with other arguments. Use another key or another batch",
                answer.task_id,
            )
        return answer

    def submit_many(
        self, rows: Iterable[tuple[Row, Order]], chunk: int | None = None, *, connection: object | None = None
    ) -> Iterator[tuple[tuple[Row, Order], Submission]]:
        """Write a stream of tasks, a transaction per chunk, in memory that does not grow with it.

        Each order comes with what names its row to the caller, and is yielded with it once it is committed; no chunk
        is written before the one ahead of it. Stopping in the middle loses nothing: with keys, the same stream again
        goes on where this one ended. With ``connection`` all chunks are part of the caller's transaction.

        A ledger in another process writes one chunk while the next is read and prepared here: the stream is then read
        one chunk further than what was yielded, and the chunk may be written too.
        """
        chunks = ((batch, self._prepare(orders_of(batch), connection)) for batch in cut(rows, chunk or self.chunk))
        if self.elsewhere and connection is None:
            yield from written_beside(chunks)
        else:
            for batch, write in chunks:
                yield from zip(batch, write(), strict=True)

    @abstractmethod
    def _prepare(self, orders: Sequence[Order], connection: object | None) -> Writing:
        """Do all that can be done before they are written. Raises what is wrong with them."""

    def vet(self, order: Order) -> None:
        """Raise what a submit would: ``TooLarge``, ``BadArguments``, ``UsageError`` for its queue. Writes nothing."""
        check_queue(order.queue, f"handler {order.name!r}")
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
        watch, pause = Watch(), LOOK
        while missing:
            ended = watch.look(lambda: list(self._ended_of(list(missing)))) or ()
            for outcome in ended:
                del missing[outcome.task_id]
                yield outcome
            pause = LOOK if ended else pause
            left = pause if until is None else min(pause, until - self._clock.boot())
            if not missing or left <= 0:
                return
            self.check()
            self._bell.wait("ended", left)
            pause = self._longer(pause)

    def batch_outcomes(self, batch: str, timeout: int | None = None) -> Iterator[Outcome]:
        """Yield each outcome of a batch once, as tasks end; stops when none is left without one.

        In the order in which they were recorded. Raises ``TimeoutError`` after ``timeout`` ms. A ledger that is away
        for a while ends no waiting that has begun.
        """
        until = None if timeout is None else self._clock.boot() + timeout
        watch, cursor, alive, pause = Watch(), None, 0, LOOK
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
            if page.rows:
                pause = LOOK
                continue
            self.check()
            self._bell.wait("ended", pause if until is None else min(pause, until - self._clock.boot()))
            pause = self._longer(pause)

    def _longer(self, pause: int) -> int:
        """Ms until the look after one without news."""
        return min(self.longest_look, round(pause * GROWTH))

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

    @abstractmethod
    def result_text(self, outcome: Outcome) -> str:
        """The result as JSON text, wherever it is kept. Raises ``NoSuchTask``, ``StoreDamaged``."""

    # ------------------------------------------------------------ change

    @abstractmethod
    def cancel(self, task_ids: Sequence[str], *, by: str, reason: str = "") -> Changed:
        """Cancel at once in the ledger; its run is told at its next checkpoint or progress, or its lease ends it."""

    @abstractmethod
    def retry(self, task_ids: Sequence[str], *, by: str, reason: str = "") -> Changed:
        """Try failed or cancelled tasks again, with fresh budgets."""

    @abstractmethod
    def operate(self, kind: str, filter_: str, *, by: str, reason: str = "") -> Operation:
        """Write a bulk operation over all tasks that match now; the sweeper carries it out in batches."""

    @abstractmethod
    def cancel_operation(self, operation_id: str, *, by: str) -> bool:
        """Stop a bulk operation where it is; whether it was still going on."""

    @abstractmethod
    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching of a queue."""

    @abstractmethod
    def recall(self, name: str, *, by: str) -> list[WorkerView]:
        """Say that a machine, or one worker, is gone for good: what it ran there goes to others.

        By a worker's whole name, or by what stands before the slash in the names of all workers of a machine. Raises
        ``NoSuchWorker`` where nothing runs there.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def orders_of(batch: Sequence[tuple[Row, Order]]) -> list[Order]:
    """Of rows with their orders, the orders."""
    return [order for _, order in batch]


def cut(rows: Iterable[tuple[Row, Order]], chunk: int) -> Iterator[list[tuple[Row, Order]]]:
    """A stream in pieces of so many, or of fewer that are large."""
    piece: list[tuple[Row, Order]] = []
    size = 0
    for row in rows:
        piece.append(row)
        size += len(row[1].arguments)
        if len(piece) >= chunk or size >= CHUNK_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def written_beside(
    chunks: Iterator[tuple[list[tuple[Row, Order]], Writing]],
) -> Iterator[tuple[tuple[Row, Order], Submission]]:
    """A thread waits for the ledger, and this one goes on meanwhile."""
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
                batch, write = following
                answers = writer.submit(write)
            yield from done
            if following is None:
                return


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
