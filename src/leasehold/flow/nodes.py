"""The two kinds of process: an orchestrator and a worker node, each its roles in threads of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Protocol

from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.gate import Gate
from leasehold.flow.intake import Intake
from leasehold.flow.recall import Recall
from leasehold.flow.reporter import Reporter
from leasehold.flow.retention import Pruner
from leasehold.flow.scheduler import Scheduler
from leasehold.flow.service import Loop, Service, Stop
from leasehold.flow.sweeper import Sweeper
from leasehold.flow.watchdog import Watchdog
from leasehold.flow.worker import Worker
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.notices import Notice, Notices
from leasehold.ports.slots import Slots

log = logging.getLogger("leasehold.node")

REST = 1_000
"""ms: how long a role that can be woken waits before it looks by itself (a bell is only a hint)."""

NOTICE_EVERY = 5_000
"""ms between two looks for a notice, as EC2 advises."""

CLOCKWORK = 500
"""ms between two looks at what the clock owes."""


class Poll:
    """Looks for messages, waiting up to ``wait`` ms for the first. Nothing sooner than that is not asked again at once.

    SQS answers a long poll at once with nothing while too many messages are in flight; asked again at once, it would
    be asked a hundred times a second, and every answer costs.
    """

    def __init__(self, look: Callable[[int], int], wait: int, clock: Clock, stop: Stop) -> None:
        self._look = look
        self._wait = wait
        self._clock = clock
        self._stop = stop
        self._began = 0

    def step(self) -> int:
        """Look once; how much came."""
        self._began = self._clock.boot()
        return self._look(self._wait)

    def rest(self) -> None:
        """After a look that found nothing."""
        left = self._began + min(self._wait, REST) - self._clock.boot()
        if left > 0:
            self._stop.wait(left)


class Reader(Protocol):
    """A role that takes messages from a queue."""

    def step(self, wait: int = 0) -> int:
        """Take what has arrived, waiting up to ``wait`` ms for it; how much that was."""
        ...

    def close(self) -> None:
        """End a look for messages that is under way."""
        ...


class Orchestrator:
    """Dispatcher, sweeper, scheduler, recall, retention, readers of queues. Any number of them serve one ledger.

    ``readers`` are the roles that take messages from a queue, by name; each is given ``poll``, the ms that one look
    may wait for the first message.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        sweeper: Sweeper,
        scheduler: Scheduler,
        readers: Mapping[str, Reader],
        bell: Bell,
        clock: Clock,
        *,
        poll: int,
        recall: Recall | None = None,
        pruner: Pruner | None = None,
    ) -> None:
        self._recall = recall
        self._pruner = pruner
        self._dispatcher = dispatcher
        self._sweeper = sweeper
        self._scheduler = scheduler
        self._readers = readers
        self._bell = bell
        self._clock = clock
        self._poll = poll

    def serve(self, stop: Stop, random: Random) -> None:
        """Work until a stop is asked for. Nothing needs to be handed over: whatever is half done is done by another."""
        polls = {name: Poll(reader.step, self._poll, self._clock, stop) for name, reader in self._readers.items()}
        service = Service(
            [
                Loop("dispatcher", self._dispatcher.step, lambda: self._bell.wait("due", REST)),
                *(Loop(name, poll.step, poll.rest) for name, poll in polls.items()),
                Loop("sweeper", self._sweeper.step, lambda: stop.wait(CLOCKWORK)),
                Loop("scheduler", self._scheduler.step, lambda: stop.wait(CLOCKWORK)),
                *(Loop("recall", each.step, lambda: stop.wait(CLOCKWORK)) for each in [self._recall] if each),
                *(Loop("retention", each.step, partial(rest_of, each, stop)) for each in [self._pruner] if each),
            ],
            stop,
            random,
            Watchdog(self._clock),
        )
        for closing in (self._bell, *self._readers.values()):
            stop.on_ask(closing.close)
        service.start()
        service.join()


def rest_of(pruner: Pruner, stop: Stop) -> bool:
    """Let others have the ledger for a while."""
    return stop.wait(pruner.pause)


class WorkerNode:
    """Intakes, worker and reporter. Asked to stop, it drains (R11); it is over when nothing is held any more.

    ``notices`` tell that its machine will be taken away: that asks it to stop too. Of the time that is left then,
    ``reserve`` ms are kept for stopping runs and giving them back; at most ``patience`` ms of it are the runs' own.

    ``gate``: asks in a thread of its own whether a run may start; none where nobody has to be asked.

    Each intake polls in a thread of its own. Several of them share the room fairly, but each may always ask for one
    message: so many more than there is room for may come at once, and wait or go back (R2).
    """

    def __init__(
        self,
        intakes: Sequence[Intake],
        worker: Worker,
        reporter: Reporter,
        slots: Slots,
        clock: Clock,
        *,
        poll: int,
        patience: int,
        gate: Gate | None = None,
        notices: Notices | None = None,
        reserve: int = 0,
    ) -> None:
        self._gates = () if gate is None else (gate,)
        self._notices = notices
        self._reserve = reserve
        self._notice: Notice | None = None
        self._intakes = intakes
        self._worker = worker
        self._reporter = reporter
        self._slots = slots
        self._clock = clock
        self._poll = poll
        self._patience = patience
        self._receiving: set[Intake] = set()
        self._draining = False

    def serve(self, stop: Stop, random: Random, *, at_once: Callable[[], bool] = lambda: False) -> bool:
        """Work until a stop is asked for, then drain; whether nothing is held any more.

        ``at_once`` ends the drain early: what is held then comes back when its lease ends.
        """
        over = Stop()
        service = Service(
            [
                Loop("worker", lambda: self._work(stop, over, at_once), lambda: None),
                *(self._intake_loop(intake, stop, over) for intake in self._intakes),
                Loop("reporter", self._report, lambda: None),
                *(Loop("claims", gate.step, partial(gate.pause, REST)) for gate in self._gates),
                *(Loop("notices", partial(self._heed, stop), partial(over.wait, NOTICE_EVERY)) for _ in self._told_by),
            ],
            over,
            random,
            Watchdog(self._clock),
        )
        try:
            stop.on_ask(self._slots.wake)
            over.on_ask(self._reporter.wake)
            for gate in self._gates:
                over.on_ask(gate.wake)
            for _ in self._told_by:
                self._heed(stop)  # one that is started again on a machine that is about to go receives nothing
            service.start()
            service.join()
            return self._empty()
        finally:
            self._worker.close()
            self._slots.close()

    def _intake_loop(self, intake: Intake, stop: Stop, over: Stop) -> Loop:
        poll = Poll(lambda wait: self._take_in(intake, stop, wait), self._poll, self._clock, over)
        return Loop(f"intake of {intake.serves}", poll.step, lambda: over.wait(REST) if stop.asked else poll.rest())

    def _work(self, stop: Stop, over: Stop, at_once: Callable[[], bool]) -> int:
        if stop.asked and not self._draining:
            self._draining = True
            log.info("draining: %s", stop.reason)
            self._worker.begin_drain(stop.reason, patience_within(self._notice, self._patience, self._reserve))
        done = self._worker.step(REST if not self._draining else 50)
        if self._draining and (at_once() or self._empty()):
            over.ask(stop.reason)
        return done

    def _heed(self, stop: Stop) -> int:
        """Look for a notice that the machine will be taken away; one is as good as TERM (R11)."""
        for notices in self._told_by:
            if self._notice is None and (notice := notices.look()) is not None:
                self._notice = notice
                stop.ask(notice.reason)
        return 0

    @property
    def _told_by(self) -> Sequence[Notices]:
        return () if self._notices is None else (self._notices,)

    def _empty(self) -> bool:
        """Whether nothing is held and nothing can come any more: a receive under way is waited for first (R11)."""
        return not self._receiving and self._worker.drained

    def _take_in(self, intake: Intake, stop: Stop, wait: int) -> int:
        self._worker.wait_for_room(REST)
        self._receiving.add(intake)
        try:
            return 0 if stop.asked else intake.step(wait)
        finally:
            self._receiving.discard(intake)

    def _report(self) -> int:
        self._reporter.pause(REST)
        return self._reporter.step()


def patience_within(notice: Notice | None, patience: int, reserve: int) -> int:
    """How long (ms) runs may still end by themselves: the rest must be stopped and given back within the notice."""
    if notice is None or notice.left is None:
        return patience
    return max(0, min(patience, notice.left - reserve))
