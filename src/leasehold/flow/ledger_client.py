"""A client whose ledger is a database: what it is made of, and what it does beside writing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from leasehold.core.events import Cancelled, Event, Retried
from leasehold.core.model import Decision, Task
from leasehold.core.references import arguments_reference
from leasehold.core.wire import INLINE_LIMIT
from leasehold.flow.client import CHUNK, FAR_CHUNK, Changed, Client, Left, Order, Submission, Writing
from leasehold.flow.large import result_of
from leasehold.flow.lookup import check_whole, workers_of
from leasehold.flow.marks import Marks
from leasehold.flow.recorder import announce
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Accepted, Applied, Change, Gone, Ledger, NewTask, Operation
from leasehold.ports.store import Store
from leasehold.ports.tracing import UNTRACED, Tracing
from leasehold.ports.views import Outcome, Views, WorkerView


class LedgerClient(Client):
    """A client of a ledger that this process opens itself."""

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
        super().__init__(views, bell, clock, payload_limit=payload_limit)
        self.elsewhere = ledger.elsewhere
        self.chunk = FAR_CHUNK if ledger.elsewhere else CHUNK
        self._ledger = ledger
        self._store = store
        self._marks = Marks(store)
        self._ids = ids
        self._tracing = tracing

    # ------------------------------------------------------------ submit

    def _prepare(self, orders: Sequence[Order], connection: object | None) -> Writing:
        now = self._ledger.now()
        return partial(self._write, [self._new_task(order, now) for order in orders], connection)

    def _write(self, new: Sequence[NewTask], connection: object | None) -> Sequence[Submission]:
        answers = self._ledger.submit(new, connection)
        if connection is None:  # nobody can see the caller's rows yet; the dispatcher finds them at its next look
            self._bell.ring("due")
        stored = [(each, answer) for each, answer in zip(new, answers, strict=True) if each.arguments_ref is not None]
        unused = [each.arguments_ref or "" for each, answer in stored if not isinstance(answer, Accepted)]
        if unused:
            self._store.delete(unused)
        return answers

    def _new_task(self, order: Order, now: int) -> NewTask:
        task_id = order.id or self._ids()
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

    # ------------------------------------------------------------ outcomes

    def result_text(self, outcome: Outcome) -> str:
        """The result as JSON text, from the ledger or the store. Raises ``NoSuchTask``, ``StoreDamaged``."""
        return result_of(lambda: self._store, outcome)

    # ------------------------------------------------------------ change

    def cancel(self, task_ids: Sequence[str], *, by: str, reason: str = "") -> Changed:
        """Cancel at once in the ledger; its run is told at its next checkpoint or progress, or its lease ends it."""
        return self._apply(task_ids, Cancelled(by, reason))

    def retry(self, task_ids: Sequence[str], *, by: str, reason: str = "") -> Changed:
        """Try failed or cancelled tasks again, with fresh budgets."""
        return self._apply(task_ids, Retried(by, reason))

    def _apply(self, task_ids: Sequence[str], event: Event) -> Changed:
        answers = self._ledger.apply([Change(task_id, event) for task_id in task_ids])
        announce(self._bell, answers)
        self._marks.follow(answers)
        told = list(zip(task_ids, answers, strict=True))
        return Changed(
            [task_id for task_id, answer in told if isinstance(answer, Decision)],
            [Left(task_id, why_not(answer)) for task_id, answer in told if not isinstance(answer, Decision)],
        )

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


def why_not(answer: Applied) -> str:
    """Why a task was left as it is."""
    return str(getattr(answer, "reason", "it is not in the ledger"))


def fingerprint(arguments: str) -> str:
    """What tells whether two tasks of one key are the same work."""
    return hashlib.sha256(arguments.encode()).hexdigest()[:32]
