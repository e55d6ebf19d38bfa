"""One worker node by hand: intake, worker and reporter take their steps in one thread, on a manual clock."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from leasehold.core.wire import TaskMessage
from leasehold.flow.desk import Desk
from leasehold.flow.errands import Errands, Executor, at_once
from leasehold.flow.gate import Gate
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.flow.lease import Ahead
from leasehold.flow.outbox import GrantsAll
from leasehold.flow.pace import Pace
from leasehold.flow.reporter import Reporter
from leasehold.flow.worker import Worker
from leasehold.ports.reports import Claims, Outbox
from leasehold.testing.clock import ManualClock
from tests.flow.scripted import JournalQueue, ScriptedOutbox, ScriptedSlots, ScriptedStore

MARGIN = 5_000
LIMIT = 200_000


class Node:
    def __init__(
        self,
        *,
        places: int = 2,
        fetch_ahead: int = 100,
        claims: Claims | None = None,
        queues: Sequence[JournalQueue] = (),
        clock: ManualClock | None = None,
        name: str = "w1",
        slots: ScriptedSlots | None = None,
        outbox: Outbox | None = None,
        store: ScriptedStore | None = None,
        execute: Executor = at_once,
        linger: int = 0,
        backlogged: int = 0,
    ) -> None:
        self.clock = clock or ManualClock()
        self.journal: list[str] = []
        self.outbox = ScriptedOutbox(self.journal)
        self.queues = list(queues) or [JournalQueue("tasks:default", self.clock, self.journal)]
        self.queue = self.queues[0]
        self.store = store or ScriptedStore()
        self.slots = slots or ScriptedSlots(self.clock, places)
        self.reporter = Reporter(outbox or self.outbox, self.clock, linger=linger, backlogged=backlogged)
        self.desk = Desk(self.store, self.clock, Errands(execute, self.slots.wake), limit=LIMIT)
        self.gate = Gate(claims or GrantsAll(), self.clock, apart=claims is not None, wake=self.slots.wake)
        self.worker = Worker(
            self.slots,
            self.reporter,
            self.gate,
            self.desk,
            self.clock,
            Pace(Ahead(fetch_ahead)),
            size=places,
            margin=MARGIN,
        )
        self.intake = Intake(
            self.queues,
            self.reporter,
            self.clock,
            worker=name,
            new_id=IdMaker(self.clock, Random(name)),
            knows=self.slots.knows,
            room=self.worker.room,
            give=self.worker.give,
        )

    def turn(self, times: int = 1) -> None:
        """Everybody takes a step: receive, start and hear, report."""
        for _ in range(times):
            self.intake.step()
            self.worker.step()
            self.gate.step()
            self.worker.step()  # hears of what the step before started
            self.reporter.step()

    def work(self) -> None:
        """The worker and the reporter take a step; nothing is received."""
        self.worker.step()
        self.gate.step()
        self.worker.step()
        self.reporter.step()

    def running(self, *messages: TaskMessage) -> None:
        """These messages are received and begun; what that said is forgotten."""
        self.queue.put(*messages)
        self.turn()
        assert len(self.slots.jobs) >= len(messages)
        self.journal.clear()
        self.outbox.said.clear()
