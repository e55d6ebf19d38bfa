"""What a worker keeps in the store for its runs, and how their ends are put into words."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from leasehold.core.errors import MalformedMessage, StoreDamaged, StoreUnavailable
from leasehold.core.model import Failure, FailureKind
from leasehold.core.references import log_reference, result_reference
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.units import say_duration
from leasehold.core.wire import INLINE_LIMIT, ascii_json, strict_json
from leasehold.flow.checkpoints import Checkpoints, cancel_mark
from leasehold.flow.errands import Errands
from leasehold.flow.held import Held
from leasehold.flow.stored import read
from leasehold.flow.tracing import run_span
from leasehold.ports.clock import Clock
from leasehold.ports.slots import Answer, Raised, Returned, Stopped
from leasehold.ports.store import Store
from leasehold.ports.tracing import UNTRACED, Tracing

log = logging.getLogger("leasehold.worker")

PROGRESS_EVERY = 1_000
"""ms between two progress reports of one run."""

CANCELLED = "cancelled"
"""Why a run should end whose task was cancelled."""

LOG_TAIL = 8_192
"""Bytes of a run's output that ride in its report; longer output goes to the store as well."""

LOG_PATIENCE = 10_000
"""ms that an end waits for its log to be stored, and half of what is left of its lease at most: the report matters
more, and its message must still be deleted in time."""

ASK_AGAIN = 1_000
"""ms until a store that could not be used is asked again."""

T = TypeVar("T")
Then = Callable[[Update], None]
Fetched = str | StoreUnavailable | StoreDamaged | None
"""Stored arguments (JSON text), or why they are not here; ``None``: they are gone."""


class Seen(NamedTuple):
    """What came of a look into the store for a run."""

    answer: Answer
    cancelled: bool | None
    """``None``: the store could not tell."""


class Ending(NamedTuple):
    """The end of a run, waiting for what must be durable before it is reported (R4)."""

    said: Update
    then: Then
    ends: int
    """When the queue may show its message to others."""
    until: int | None
    """When it is reported without its log; ``None``: it waits for its result, without which it is no success."""


class Desk:
    """Checkpoints, large arguments and results, long logs.

    Belongs to the worker's thread, but for ``forget``, and never waits for the store: what a call brought is given to
    its ``then`` by a later ``step``, or by nobody once its run is over.
    """

    def __init__(self, store: Store, clock: Clock, errands: Errands, limit: int, tracing: Tracing = UNTRACED) -> None:
        self.tracing = tracing
        self._store = store
        self._clock = clock
        self._errands = errands
        self._limit = limit
        self._checkpoints = Checkpoints(store, limit=limit)
        self._ending: dict[str, Ending] = {}
        self.give_up_by = sys.maxsize
        """When a store that cannot be used is not waited for any more, because the worker leaves."""
        self._later: list[tuple[int, Callable[[], None]]] = []
        """What is asked of the store again, and when."""

    def step(self) -> int:
        """Hand over what came back from the store, and stop waiting for logs that take too long; how much it was."""
        now = self._clock.boot()
        if self._later:
            due = [ask for at, ask in self._later if at <= now]
            self._later = [later for later in self._later if later[0] > now]
            for ask in due:
                ask()
        done = self._errands.collect()
        if self._ending:
            for run_id, ending in list(self._ending.items()):
                if ending.until is not None and now >= ending.until:
                    del self._ending[run_id]
                    ending.then(ending.said)
                    done += 1
        return done

    @property
    def load(self) -> int:
        """How many calls the store has not answered."""
        return self._errands.load

    def holds_ends(self, patience: int) -> bool:
        """Whether ends wait here whose leases are ahead, or any before ``patience`` (an instant) is over."""
        now = self._clock.boot()
        return any(now < max(ending.ends, patience) for ending in self._ending.values())

    def close(self) -> None:
        """Wake nobody any more."""
        self._errands.close()

    # ------------------------------------------------------------ runs under way

    def fetch(self, held: Held, then: Callable[[Fetched], None]) -> None:
        """The run's stored arguments."""
        ref = held.task.arguments_ref
        if ref is not None:
            self._errands.send(held.run_id, partial(self._text, ref), then)

    def save(self, held: Held, state: str, then: Callable[[Answer], None]) -> None:
        """Keep a checkpoint; the answer tells the run also if its task was cancelled."""
        held.touched = True
        task, token, run_id = held.task, held.token, held.run_id

        def work() -> Seen | StoreUnavailable:
            try:
                error = self._checkpoints.save(task.id, token, run_id, state)
            except StoreUnavailable as unavailable:
                return unavailable
            return Seen(Answer(error=error), self._marked(task.id, task.n))

        self._ask_for_answer(held, work, then, "kept")

    def load_state(self, held: Held, then: Callable[[Answer], None]) -> None:
        """The newest checkpoint of this run or an older one; the answer tells also if its task was cancelled."""
        held.touched = True
        task, token = held.task, held.token

        def work() -> Seen | StoreUnavailable:
            try:
                state = self._checkpoints.load(task.id, token)
            except StoreUnavailable as unavailable:
                return unavailable
            return Seen(Answer(state=state), self._marked(task.id, task.n))

        self._ask_for_answer(held, work, then, "read")

    def _ask_for_answer(
        self, held: Held, work: Callable[[], Seen | StoreUnavailable], then: Callable[[Answer], None], what: str
    ) -> None:
        answer = partial(self._answer, held, then)

        def give_up(trouble: StoreUnavailable) -> None:
            answer(Seen(Answer(error=f"the checkpoint could not be {what}: {trouble}"), None))

        self._insist(held, work, answer, give_up)

    def _insist(
        self,
        held: Held,
        work: Callable[[], T | StoreUnavailable],
        then: Callable[[T], None],
        give_up: Callable[[StoreUnavailable], None],
    ) -> None:
        """Ask the store until it can be used: what a run did is worth more than the wait, which costs no attempt.

        For half of what is left of the lease at most; the other half is for whatever is done without the store.
        """
        until = (self._clock.boot() + held.hold.ends) // 2

        def ask() -> None:
            self._errands.send(held.run_id, work, answered)

        def answered(found: T | StoreUnavailable) -> None:
            if not isinstance(found, StoreUnavailable):
                then(found)
            elif (at := self._clock.boot() + ASK_AGAIN) < min(until, self.give_up_by):
                self._later.append((at, ask))
            else:
                give_up(found)

        ask()

    def look(self, held: Held, then: Callable[[], None]) -> None:
        """See whether its task was cancelled, and only then go on. Not while it waits for the store: no line grows."""
        if self._errands.under_way(held.run_id):
            return

        def seen(cancelled: bool | None) -> None:  # noqa: FBT001 - what a look brought
            held.cancelled = held.cancelled if cancelled is None else cancelled
            if held.cancelled:
                then()

        self._errands.send(held.run_id, partial(self._marked, held.task.id, held.task.n), seen)

    def _answer(self, held: Held, then: Callable[[Answer], None], seen: Seen) -> None:
        """While the store cannot tell of a cancellation, what it told last counts: no run fails of it."""
        if seen.cancelled is not None:
            held.cancelled = seen.cancelled
        then(seen.answer._replace(interrupted=CANCELLED if held.cancelled else None))

    def worth_reporting(self, held: Held) -> bool:
        """Whether this run's progress was not reported just now."""
        now = self._clock.boot()
        if held.reported is not None and now - held.reported < PROGRESS_EVERY:
            return False
        held.reported = now
        return True

    # ------------------------------------------------------------ ends

    def completed(self, held: Held, event: Returned, then: Then) -> None:
        """Report a success once its result is durable; a failure, where the result cannot be kept.

        What a child calls JSON is looked at here: a report that the recorder could not read would lose the success.
        """
        try:
            strict_json(event.result)
            result = ascii_json(event.result)
        except MalformedMessage as error:
            self._unkept(held, event, f"its result cannot be stored: {error}", then, final=True)
            return
        size = len(result)
        said = ended(held, UpdateKind.COMPLETED, event)
        if size > self._limit:
            why = f"its result of {size:,} bytes is over the limit of {self._limit:,}"
            self._unkept(held, event, why, then, final=True)
        elif size > INLINE_LIMIT:
            self._keep_result(held, event, said, result, then)
        else:
            self._with_log(held, event, said._replace(result=result), then)

    def _keep_result(self, held: Held, event: Returned, said: Update, result: str, then: Then) -> None:
        value = result.encode()
        ref = result_reference(held.task.id, held.run_id, value)

        def kept(_: None) -> None:
            del self._ending[held.run_id]
            self._with_log(held, event, said._replace(result_ref=ref), then)

        def give_up(trouble: StoreUnavailable) -> None:
            del self._ending[held.run_id]
            self._unkept(held, event, f"its result could not be kept: {trouble}", then, final=False)

        self._ending[held.run_id] = Ending(said, then, held.hold.ends, None)
        self._insist(held, lambda: self._trouble(ref, value), kept, give_up)

    def _unkept(self, held: Held, event: Returned, why: str, then: Then, *, final: bool) -> None:
        failure = Failure(FailureKind.RESULT, "ResultNotKept", why)
        said = ended(held, UpdateKind.FAILED, event)._replace(failure=failure, unrecoverable=final)
        self._with_log(held, event, said, then)

    def failed(self, held: Held, event: Raised, then: Then) -> None:
        """Report a failure."""
        said = ended(held, UpdateKind.FAILED, event)
        said = said._replace(failure=event.failure, unrecoverable=event.unrecoverable, after=event.after)
        self._with_log(held, event, said, then)

    def stopped(self, held: Held, event: Stopped, then: Then) -> None:
        """Report a run that began and was stopped through no fault of its own."""
        self._with_log(held, event, ended(held, UpdateKind.RELEASED, event)._replace(note=event.cause), then)

    def _with_log(self, held: Held, event: Returned | Raised | Stopped, said: Update, then: Then) -> None:
        """A log that cannot be kept must not change how its run ended: the tail is reported all the same."""
        told_of_end(said)
        text, said = event.log, self._traced(held, said)
        if len(text) <= LOG_TAIL:
            then(said)
            return
        ref = log_reference(held.task.id, held.run_id, text)

        def kept(trouble: StoreUnavailable | None) -> None:
            if (ending := self._ending.pop(held.run_id, None)) is not None:
                ending.then(ending.said if trouble is not None else ending.said._replace(log_ref=ref))

        now = self._clock.boot()
        until = now + min(LOG_PATIENCE, max(0, held.hold.ends - now) // 2)
        self._ending[held.run_id] = Ending(said, then, held.hold.ends, until)
        self._errands.send(held.run_id, lambda: self._trouble(ref, text), kept)

    def _traced(self, held: Held, said: Update) -> Update:
        trace = held.task.trace
        if trace is None or not self.tracing.told(trace):
            return said
        self.tracing.tell(run_span(held, said, trace, self._clock))
        return said._replace(trace=trace)

    def resumable(self, held: Held) -> bool:
        """Whether this run, or one before it, may have left checkpoints."""
        return held.touched or held.token > (1, 1)

    def forget(self, held: Held) -> None:
        """Drop the checkpoints of a completed task; if that fails, they only take space. Thread-safe."""
        task_id = held.task.id

        def work() -> None:
            with suppress(StoreUnavailable):
                self._checkpoints.forget(task_id)

        self._errands.send(held.run_id, work, lambda _: None)

    # ------------------------------------------------------------ the calls themselves, on whatever thread

    def _text(self, ref: str) -> Fetched:
        try:
            stored = read(self._store, ref)
        except (StoreUnavailable, StoreDamaged) as error:
            return error
        return None if stored is None else stored.decode()

    def _trouble(self, ref: str, value: bytes) -> StoreUnavailable | None:
        """Keep this; what is wrong, if it could not be."""
        try:
            self._store.create(ref, value)
        except StoreUnavailable as unavailable:
            return unavailable
        return None

    def _marked(self, task_id: str, n: int) -> bool | None:
        """Whether this dispatch is marked as cancelled; ``None``: the store cannot tell."""
        try:
            return self._store.exists(cancel_mark(task_id, n))
        except StoreUnavailable:
            return None


def told_of_end(said: Update) -> None:
    """For whoever reads the worker's log: one line a run, where ``log_level`` is ``debug``."""
    if log.isEnabledFor(logging.DEBUG):
        ids = {"task": said.task_id, "run": said.run_id, "worker": said.worker}
        why = said.note if said.failure is None else f"{said.failure.type}: {said.failure.message}"
        after = "" if why is None else f": {why}"
        log.debug("task %s: run %s is over, %s%s", said.task_id, said.run_id, said.kind.value, after, extra=ids)


def ended(held: Held, kind: UpdateKind, event: Returned | Raised | Stopped) -> Update:
    """The report of an end, with the tail of its log."""
    said = held.update(kind)._replace(ended_boot=event.at_boot)
    if not event.log_bytes:
        return said
    return said._replace(log=event.log[-LOG_TAIL:].decode(errors="replace"), log_bytes=event.log_bytes)


def missing_arguments(held: Held, damaged: StoreDamaged | None, now: int) -> Update:
    """The report of a run whose stored arguments are gone, or are others than were submitted: it can never start."""
    if damaged is None:
        why = f"the stored arguments {held.task.arguments_ref!r} are gone"
        failure = Failure(FailureKind.ARGUMENTS, "ArgumentsMissing", why)
    else:
        failure = Failure(FailureKind.ARGUMENTS, "ArgumentsDamaged", str(damaged))
    return held.update(UpdateKind.FAILED)._replace(ended_boot=now, failure=failure, unrecoverable=True)


def too_short(held: Held, margin: int, now: int) -> Update:
    """The report of a message whose lease leaves no time to run on this worker."""
    lease = held.message.lease
    why = f"its lease of {say_duration(lease)} leaves nothing on {held.worker}, whose margin is {say_duration(margin)}"
    return held.update(UpdateKind.REFUSED)._replace(ended_boot=now, note=why)
