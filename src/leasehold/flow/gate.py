"""Who may run what it received: asks, and turns the refused ones away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leasehold.core.errors import QueueUnavailable, Unavailable
from leasehold.core.reports import UpdateKind
from leasehold.flow.held import Held
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Queue
from leasehold.ports.reports import Busy, Claims, Grant, StaleRun, Start
from leasehold.ports.slots import Job

FIRST_PAUSE = 1_000
LONGEST_PAUSE = 30_000
"""ms between two questions that nobody answers, doubled each time: what is received meanwhile only comes and goes."""

Prepared = tuple[Held, Job]


class Refused(NamedTuple):
    """A message that must not be run here, and why."""

    held: Held
    answer: StaleRun | Busy


class Gate:
    """Stands between what a worker received and its slots. Belongs to the worker's thread, but for ``shut``.

    A question that is not answered is asked again for the same run. Until then the run does not start; if it cannot
    start in time any more, its message goes back like any other.
    """

    def __init__(self, claims: Claims, clock: Clock) -> None:
        self._claims = claims
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._again = 0
        self._trouble: Unavailable | None = None

    @property
    def shut(self) -> bool:
        """Whether asking was in vain just now: nothing should be received that cannot be started."""
        return self._clock.boot() < self._again

    def ask(self, prepared: Sequence[Prepared]) -> tuple[list[Prepared], Sequence[Prepared]]:
        """(those that may run, those that nobody answered for). The others are turned away."""
        if not prepared:
            return [], ()
        try:
            answers = self._claims.claim([self._start(held) for held, _ in prepared])
        except Unavailable as error:
            for held, _ in prepared:
                held.recorded = True  # perhaps: the answer may be all that was lost
            self._again = self._clock.boot() + self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            self._trouble = error
            return [], prepared
        self._pause, self._again = FIRST_PAUSE, 0
        return self._sorted(prepared, answers), ()

    def complain(self) -> None:
        """Raise, once, what kept the last question from being answered."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble

    def _start(self, held: Held) -> Start:
        left = held.hold.ends - self._clock.boot()
        receipt = held.delivery.receipt
        return Start(held.task.id, held.task.n, held.delivery.receive_count, held.run_id, held.worker, left, receipt)

    def _sorted(self, prepared: Sequence[Prepared], answers: Sequence[Grant | StaleRun | Busy]) -> list[Prepared]:
        granted: list[Prepared] = []
        refused: list[Refused] = []
        for each, answer in zip(prepared, answers, strict=True):
            if isinstance(answer, Grant):
                each[0].recorded = answer.recorded
                granted.append(each)
            else:
                refused.append(Refused(each[0], answer))
        turn_away(refused, self._clock.boot())
        return granted


def turn_away(refused: Sequence[Refused], now: int) -> None:
    """Delete what is stale (R12), hide what must wait. Nothing is reported: none of it ever was a run.

    What fails is done by the end of its lease: the message comes back and is refused again. After that end it is left
    alone, for it may be another's by then. One that shares its message leaves that to the others.
    """
    for held in (each.held for each in refused):
        if held.bundle is not None:
            held.bundle.drop(held, held.update(UpdateKind.RELEASED))
    ours = [each for each in refused if each.held.bundle is None and now < each.held.hold.ends]
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
