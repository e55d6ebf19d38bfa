"""Who may run what it received: asks, and turns the refused ones away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition
from typing import NamedTuple

from leasehold.core.errors import QueueUnavailable, Unavailable
from leasehold.core.reports import UpdateKind
from leasehold.flow.bundle import line_of
from leasehold.flow.held import Held
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Queue
from leasehold.ports.reports import Busy, Claims, Grant, StaleRun, Start
from leasehold.ports.slots import Job

FIRST_PAUSE = 1_000
LONGEST_PAUSE = 30_000
"""ms between two questions that nobody answers, doubled each time: what is received meanwhile only comes and goes."""

SLOW_CLAIM = "its claim was answered too late to start it"

Prepared = tuple[Held, Job]
Answers = Sequence[Grant | StaleRun | Busy]


class Refused(NamedTuple):
    """A message that must not be run here, and why."""

    held: Held
    answer: StaleRun | Busy


class Answered(NamedTuple):
    """``answers`` are in the order of the question; ``None``: nobody could be asked."""

    prepared: Sequence[Prepared]
    answers: Answers | None


class Gate:
    """Stands between what a worker received and its slots. One question is under way at a time.

    ``apart``: the answer may take its time, and runs under way need the worker meanwhile. Then ``step`` and ``pause``
    belong to a thread of their own, and ``wake`` tells the worker of an answer. Otherwise it is there at once. All else
    but ``shut`` belongs to the worker's thread.

    A question that is not answered is asked again for the same run. Until then the run does not start; if it cannot
    start in time any more, its message goes back like any other.
    """

    def __init__(
        self, claims: Claims, clock: Clock, *, apart: bool = False, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._claims = claims
        self._clock = clock
        self._apart = apart
        self._wake = wake
        self._pause = FIRST_PAUSE
        self._again = 0
        self._question: Sequence[Prepared] | None = None
        self._answered: Answered | None = None
        self._changed = Condition()
        self.asking = 0
        """How many runs, or bundles of them, wait for their answer."""

    @property
    def shut(self) -> bool:
        """Whether asking was in vain just now: nothing should be received that cannot be started."""
        return self._clock.boot() < self._again

    def ask(self, prepared: Sequence[Prepared]) -> None:
        """Ask whether these may run; ``answered`` tells."""
        if not prepared:
            return
        self.asking = len({line_of(held) for held, _ in prepared})
        with self._changed:
            self._question = prepared
            self._changed.notify_all()
        if not self._apart:
            self.step()

    def answered(self) -> tuple[list[Prepared], Sequence[Prepared]]:
        """(those that may run, those that nobody answered for), once. The others were turned away."""
        with self._changed:
            answered, self._answered = self._answered, None
        if answered is None:
            return [], ()
        self.asking = 0
        if answered.answers is None:
            for held, _ in answered.prepared:
                held.recorded = True  # perhaps: the answer may be all that was lost
            return [], answered.prepared
        granted: list[Prepared] = []
        for each, answer in zip(answered.prepared, answered.answers, strict=True):
            if isinstance(answer, Grant):
                each[0].recorded = answer.recorded
                granted.append(each)
        return granted, ()

    def step(self) -> int:
        """Have the question answered, if there is one; how many runs it was about.

        Raises:
            Unavailable: nobody could be asked.
        """
        with self._changed:
            question, self._question = self._question, None
        if question is None:
            return 0
        try:
            answers = self._claims.claim([self._start(held) for held, _ in question])
        except Unavailable:
            self._again = self._clock.boot() + self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            self._tell(Answered(question, None))
            raise
        self._pause, self._again = FIRST_PAUSE, 0
        turn_away(refused(question, answers), self._clock.boot())
        self._tell(Answered(question, answers))
        return len(answers)

    def pause(self, timeout: int) -> None:
        """Wait for a question, at most ``timeout`` ms."""
        with self._changed:
            if self._question is None:
                self._changed.wait(timeout / 1000)

    def wake(self) -> None:
        """End a pause under way."""
        with self._changed:
            self._changed.notify_all()

    def _tell(self, answered: Answered) -> None:
        with self._changed:
            self._answered = answered
        self._wake()

    def _start(self, held: Held) -> Start:
        left = held.hold.ends - self._clock.boot()
        receipt = held.delivery.receipt
        return Start(held.task.id, held.task.n, held.delivery.receive_count, held.run_id, held.worker, left, receipt)


def refused(prepared: Sequence[Prepared], answers: Answers) -> list[Refused]:
    """Those that must not be run here."""
    pairs = zip(prepared, answers, strict=True)
    return [Refused(held, answer) for (held, _), answer in pairs if not isinstance(answer, Grant)]


def turn_away(those: Sequence[Refused], now: int) -> None:
    """Delete what is stale (R12), hide what must wait. Nothing is reported: none of it ever was a run.

    What fails is done by the end of its lease: the message comes back and is refused again. After that end it is left
    alone, for it may be another's by then. One that shares its message leaves that to the others.
    """
    for held in (each.held for each in those):
        if held.bundle is not None:
            held.bundle.drop(held, held.update(UpdateKind.RELEASED))
    ours = [each for each in those if each.held.bundle is None and now < each.held.hold.ends]
    for queue in dict.fromkeys(each.held.queue for each in ours):
        theirs = [each for each in ours if each.held.queue is queue]
        try:
            drop(queue, [each.held for each in theirs if isinstance(each.answer, StaleRun)])
            hide(queue, [(each.held, each.answer.remaining) for each in theirs if isinstance(each.answer, Busy)])
        except QueueUnavailable:
            continue


def drop(queue: Queue, stale: Sequence[Held]) -> None:
    """Another run has it, or it has ended."""
    if stale:
        queue.delete([held.delivery.receipt for held in stale])


def hide(queue: Queue, waiting: Sequence[tuple[Held, int]]) -> None:
    """Let it come back when the run that holds its task must be over."""
    if waiting:
        longest = queue.traits.max_visibility
        queue.change_visibility([(held.delivery.receipt, min(remaining, longest)) for held, remaining in waiting])
