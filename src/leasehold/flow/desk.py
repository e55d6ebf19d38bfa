"""What a worker keeps in the store for its runs, and how their ends are put into words."""

from __future__ import annotations

from contextlib import suppress

from leasehold.core.errors import MalformedMessage, StoreUnavailable
from leasehold.core.model import Failure, FailureKind
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.units import say_duration
from leasehold.core.wire import INLINE_LIMIT, ascii_json, strict_json
from leasehold.flow.checkpoints import Checkpoints, cancel_mark
from leasehold.flow.held import Held
from leasehold.ports.clock import Clock
from leasehold.ports.slots import Answer, Raised, Returned, Stopped
from leasehold.ports.store import Store

PROGRESS_EVERY = 1_000
"""ms between two progress reports of one run."""

CANCELLED = "cancelled"
"""Why a run should end whose task was cancelled."""

LOG_TAIL = 8_192
"""Bytes of a run's output that ride in its report; longer output goes to the store as well."""


class Desk:
    """Checkpoints, large arguments and results, long logs. Belongs to the worker's thread."""

    def __init__(self, store: Store, clock: Clock, *, limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._checkpoints = Checkpoints(store, limit=limit)

    def arguments(self, held: Held) -> str | None:
        """The run's arguments (JSON text); ``None``: they are gone."""
        task = held.task
        if task.arguments is not None or task.arguments_ref is None:
            return task.arguments
        stored = self._store.get(task.arguments_ref)
        return None if stored is None else stored.decode()

    def save(self, held: Held, state: str, leaving: str | None) -> Answer:
        """Keep a checkpoint, and tell the run if it should end early."""
        held.touched = True
        try:
            error = self._checkpoints.save(held.task.id, held.token, held.run_id, state)
        except StoreUnavailable as unavailable:
            return Answer(error=f"the checkpoint could not be kept: {unavailable}")
        return Answer(error=error, interrupted=self._interrupted(held, leaving))

    def load(self, held: Held, leaving: str | None) -> Answer:
        """The newest checkpoint of this run or an older one; tell the run if it should end early."""
        held.touched = True
        try:
            state = self._checkpoints.load(held.task.id, held.token)
        except StoreUnavailable as unavailable:
            return Answer(error=f"the checkpoint could not be read: {unavailable}")
        return Answer(state=state, interrupted=self._interrupted(held, leaving))

    def _interrupted(self, held: Held, leaving: str | None) -> str | None:
        return CANCELLED if self.cancelled(held) else leaving

    def cancelled(self, held: Held) -> bool:
        """Whether its task was cancelled. While the store cannot tell, what it told last counts: no run fails of it."""
        with suppress(StoreUnavailable):
            held.cancelled = self._store.exists(cancel_mark(held.task.id, held.task.n))
        return held.cancelled

    def forget(self, held: Held) -> None:
        """Drop the checkpoints of a completed task; if that fails, they only take space."""
        try:
            self._checkpoints.forget(held.task.id)
        except StoreUnavailable:
            return

    def resumable(self, held: Held) -> bool:
        """Whether this run, or one before it, may have left checkpoints."""
        return held.touched or held.token > (1, 1)

    def worth_reporting(self, held: Held) -> bool:
        """Whether this run's progress was not reported just now."""
        now = self._clock.boot()
        if held.reported is not None and now - held.reported < PROGRESS_EVERY:
            return False
        held.reported = now
        return True

    def completed(self, held: Held, event: Returned) -> Update:
        """The report of a success, its result durable; of a failure, where the result cannot be kept.

        What a child calls JSON is looked at here: a report that the recorder could not read would lose the success.
        """
        try:
            strict_json(event.result)
            result = ascii_json(event.result)
        except MalformedMessage as error:
            return self._unkept(held, event, f"its result cannot be stored: {error}", final=True)
        size = len(result)
        if size > self._limit:
            return self._unkept(
                held, event, f"its result of {size:,} bytes is over the limit of {self._limit:,}", final=True
            )
        said = self._ended(held, UpdateKind.COMPLETED, event)
        if size <= INLINE_LIMIT:
            return said._replace(result=result)
        ref = f"results/{held.task.id}/{held.run_id}"
        try:
            self._store.create(ref, result.encode())
        except StoreUnavailable as unavailable:
            return self._unkept(held, event, f"its result could not be kept: {unavailable}", final=False)
        return said._replace(result_ref=ref)

    def _unkept(self, held: Held, event: Returned, why: str, *, final: bool) -> Update:
        failure = Failure(FailureKind.RESULT, "ResultNotKept", why)
        said = self._ended(held, UpdateKind.FAILED, event)
        return said._replace(failure=failure, unrecoverable=final)

    def failed(self, held: Held, event: Raised) -> Update:
        """The report of a failure."""
        said = self._ended(held, UpdateKind.FAILED, event)
        return said._replace(failure=event.failure, unrecoverable=event.unrecoverable, after=event.after)

    def stopped(self, held: Held, event: Stopped) -> Update:
        """The report of a run that began and was stopped through no fault of its own."""
        return self._ended(held, UpdateKind.RELEASED, event)._replace(note=event.cause)

    def _ended(self, held: Held, kind: UpdateKind, event: Returned | Raised | Stopped) -> Update:
        said = held.update(kind)._replace(ended_boot=event.at_boot)
        if not event.log_bytes:
            return said
        tail = event.log[-LOG_TAIL:].decode(errors="replace")
        ref = self._keep_log(held, event.log) if len(event.log) > LOG_TAIL else None
        return said._replace(log=tail, log_ref=ref, log_bytes=event.log_bytes)

    def _keep_log(self, held: Held, log: bytes) -> str | None:
        """A log that cannot be kept must not change how its run ended: the tail is reported all the same."""
        ref = f"logs/{held.task.id}/{held.run_id}"
        try:
            self._store.create(ref, log)
        except StoreUnavailable:
            return None
        return ref


def missing_arguments(held: Held, now: int) -> Update:
    """The report of a run whose stored arguments are gone: it can never start."""
    why = f"the stored arguments {held.task.arguments_ref!r} are gone"
    failure = Failure(FailureKind.ARGUMENTS, "ArgumentsMissing", why)
    return held.update(UpdateKind.FAILED)._replace(ended_boot=now, began_boot=now, failure=failure, unrecoverable=True)


def too_short(held: Held, margin: int, now: int) -> Update:
    """The report of a message whose lease leaves no time to run on this worker."""
    lease = held.message.lease
    why = f"its lease of {say_duration(lease)} leaves nothing on {held.worker}, whose margin is {say_duration(margin)}"
    return held.update(UpdateKind.REFUSED)._replace(ended_boot=now, note=why)
