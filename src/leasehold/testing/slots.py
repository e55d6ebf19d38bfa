"""Slots in the test's own process: handlers run in threads, where a debugger and a coverage tool can see them."""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import cast

from leasehold.core.errors import BadArguments, BadResult, Interrupted, LeaseholdError, Recoverable, Unrecoverable
from leasehold.core.model import Failure, FailureKind
from leasehold.core.units import milliseconds
from leasehold.ports.clock import Clock
from leasehold.ports.handlers import Handler, Handlers
from leasehold.ports.run import Run, running
from leasehold.ports.slots import Answer, Began, Job, Loading, Raised, Returned, Saving, SlotEvent, Stopped, Told
from leasehold.testing.turns import next_turn, places_taken

STUCK = 60.0
"""s after which a handler that says nothing fails the test instead of hanging it."""


class InlineRun:
    """One run on its thread. It is the run's link: what it asks, the worker answers."""

    def __init__(self, slots: InlineSlots, job: Job, handler: Handler) -> None:
        self.job = job
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self.reason: str | None = None
        self._slots = slots
        self._handler = handler
        self._thread = Thread(target=self._run, name=f"inline-{job.run_id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def load(self) -> str | None:
        """The last checkpoint as JSON text."""
        return self._ask(Loading(self.job.run_id)).state

    def save(self, state: str, fraction: float | None, note: str | None) -> None:
        """Keep ``state``."""
        self._ask(Saving(self.job.run_id, state, fraction, note))

    def tell(self, fraction: float | None, note: str | None) -> None:
        """Say how far the run is."""
        self._slots.happened(Told(self.job.run_id, fraction, note))

    def interrupted(self) -> str | None:
        """Why the run should end early."""
        return self.reason

    def remaining(self) -> float:
        """Seconds left of the lease."""
        return max(0.0, (self.job.deadline_boot - self._slots.clock.boot()) / 1000)

    def _ask(self, event: Loading | Saving) -> Answer:
        self._slots.happened(event)
        answer = self.answers.get()
        self.reason = self.reason or answer.interrupted
        if answer.error is not None:
            raise LeaseholdError(answer.error)
        return answer

    def _run(self) -> None:
        with running(Run(self.job.task_id, self.job.n, self.job.r, self)):
            event = self._outcome()
        self._slots.happened(event)

    def _outcome(self) -> SlotEvent:
        run_id = self.job.run_id
        try:
            result = self._handler.function(**self._handler.coerce(self.job.arguments))
            if isinstance(result, Awaitable):
                result = asyncio.run(awaited(cast("Awaitable[object]", result)))
            return Returned(run_id, self._slots.clock.boot(), self._handler.dump_result(result))
        except Interrupted as error:
            return Stopped(run_id, self._slots.clock.boot(), str(error), begun=True)
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises is its failure, also SystemExit
            return raised(run_id, self._slots.clock.boot(), error)


async def awaited(result: Awaitable[object]) -> object:
    """What an awaitable gives."""
    return await result


class InlineSlots:
    """The Slots port without processes: no leash, no crash, no capture of output; for tests of what handlers do.

    ``events`` waits in real time for a handler that is at work, however long the manual clock stands still.
    """

    def __init__(self, handlers: Handlers, clock: Clock, *, size: int = 1) -> None:
        self.clock = clock
        self._handlers = handlers
        self._size = size
        self._runs: dict[str, InlineRun] = {}
        self._line: deque[Job] = deque()
        self._happened: SimpleQueue[SlotEvent] = SimpleQueue()
        self._waiting_for_answers: set[str] = set()

    def free(self) -> int:
        """How many runs could begin at once now."""
        return max(0, self._size - places_taken(self._line, self._jobs()))

    def knows(self, name: str) -> bool:
        """Whether the application has this handler."""
        return self._handlers.find(name) is not None

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin each run; those of a bundle one after the other."""
        self._line.extend(jobs)
        self._begin()

    def _jobs(self) -> list[Job]:
        return [run.job for run in self._runs.values()]

    def _begin(self) -> None:
        while (job := next_turn(self._line, self._jobs())) is not None:
            handler = self._handlers.find(job.name)
            if handler is None or self.clock.boot() > job.start_by_boot:
                self._happened.put(Stopped(job.run_id, self.clock.boot(), "it could not begin in time", begun=False))
                continue
            self._happened.put(Began(job.run_id, self.clock.boot()))
            self._runs[job.run_id] = run = InlineRun(self, job, handler)
            run.start()

    def happened(self, event: SlotEvent) -> None:
        """Called by runs."""
        self._happened.put(event)

    def events(self, wait: int) -> list[SlotEvent]:
        """What happened; waits for the next event of a run that is at work."""
        del wait
        events = self._drained()
        if not events and self._runs and not self._waiting_for_answers.issuperset(self._runs):
            events = [self._next(), *self._drained()]
        for event in events:
            if isinstance(event, Loading | Saving):
                self._waiting_for_answers.add(event.run_id)
            elif isinstance(event, Returned | Raised | Stopped):
                self._runs.pop(event.run_id, None)
        self._begin()
        return events

    def _next(self) -> SlotEvent:
        try:
            return self._happened.get(timeout=STUCK)
        except Empty:
            raise TimeoutError(f"a handler was at work for {STUCK:.0f} s without saying anything") from None

    def _drained(self) -> list[SlotEvent]:
        events: list[SlotEvent] = []
        while not self._happened.empty():
            events.append(self._happened.get())
        return events

    def wake(self) -> None:
        """Nothing sleeps here."""

    def answer(self, run_id: str, answer: Answer) -> None:
        """Answer a ``Saving`` or ``Loading``."""
        self._waiting_for_answers.discard(run_id)
        self._runs[run_id].answers.put(answer)

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        """Tell these runs, or every running handler, that they should end soon."""
        for run_id, run in self._runs.items():
            if run_ids is None or run_id in run_ids:
                run.reason = reason

    def take_back(self, run_ids: Sequence[str], cause: str) -> None:
        """What waits never begins: of a bundle, all but the run that is under way."""
        for job in [job for job in self._line if job.run_id in run_ids]:
            self._line.remove(job)
            self._happened.put(Stopped(job.run_id, self.clock.boot(), cause, begun=False))

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        """A thread cannot be stopped from outside: it is told, and ends when it looks."""
        self.take_back(run_ids, cause)
        for run_id in run_ids:
            if (run := self._runs.get(run_id)) is not None:
                run.reason = cause

    def close(self) -> None:
        """Threads of runs end with the process."""


def raised(run_id: str, at_boot: int, error: BaseException) -> Raised:
    """A failure, as a child process would report it."""
    kinds: dict[type[BaseException], FailureKind] = {
        BadArguments: FailureKind.ARGUMENTS,
        BadResult: FailureKind.RESULT,
        SystemExit: FailureKind.EXIT,
    }
    kind = kinds.get(type(error), FailureKind.EXCEPTION)
    text = "".join(traceback.format_exception(error))
    after = error.after if isinstance(error, Recoverable) else None
    return Raised(
        run_id,
        at_boot,
        Failure(kind, type(error).__name__, str(error), traceback=text),
        unrecoverable=isinstance(error, Unrecoverable | BadArguments | BadResult),
        after=None if after is None else milliseconds(after),
    )
