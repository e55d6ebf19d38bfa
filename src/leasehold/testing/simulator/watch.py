"""What a simulated world remembers of what its roles did, and holds against the laws."""

from __future__ import annotations

import json
from collections.abc import Sequence

from leasehold.adapters.memory import Answer, MemoryQueue
from leasehold.adapters.memory.deciding import Decided
from leasehold.core.events import Cancelled, Completed, Retried
from leasehold.core.model import Decision, Status
from leasehold.core.reports import Update
from leasehold.flow.bundle import Unit
from leasehold.ports.queue import Delivery
from leasehold.testing.simulator import laws
from leasehold.testing.simulator.life import Life, Violation
from leasehold.testing.simulator.lines import QueueLine
from leasehold.testing.simulator.terms import Topology

BULK = "bulk "
"""Begins the reasons of bulk operations."""


class Watch:
    """Beside the queues, the ledger and the outboxes of one world."""

    def __init__(self, life: Life, topology: Topology) -> None:
        self.acknowledged_runs: dict[str, str] = {}
        """Runs whose success was acknowledged as reported: the task of each (S6)."""
        self.winners: dict[str, str] = {}
        """The run that completed each task (S5)."""
        self.statuses_lost = False
        """Whether reports were lost after they had been acknowledged: a queue purged, a message vanished."""
        self.tampered = False
        """Whether messages were taken off a task queue by other hands."""
        self._life = life
        self._excusing = topology is Topology.TWO_QUEUE
        self._held: dict[str, tuple[MemoryQueue, str]] = {}
        """Queue and receipt of each run."""
        self._runs: dict[str, list[str]] = {}
        """The runs of each receipt."""
        self._tasks: dict[str, list[str]] = {}
        """The tasks of each receipt."""
        self._bulk: set[tuple[str, str]] = set()
        """What bulk operations have changed: task and reason."""

    # ------------------------------------------------------------ what is done to messages

    def doubled(self, queue: MemoryQueue) -> int:
        """How often this queue has made two of one, or kept what it should have deleted."""
        fired = queue.faults.fired
        return fired["duplicate"] + fired["undeleted"]

    def given_twice(self, queue: MemoryQueue, deliveries: Sequence[Delivery] | None) -> None:
        """One of these is there twice: on a standard queue without claims, two runs may follow (S11)."""
        if self._excusing:
            bodies = [copy.body for copy in queue.peek()] if deliveries is None else [d.body for d in deliveries]
            self._life.excused.update(task_id for body in bodies for task_id in tasks_of(body))

    def kept(self, queue: MemoryQueue, receipts: Sequence[str]) -> None:
        """One of these deletes did not stick: its task may be given to two from here on."""
        if self._excusing:
            known = [self._tasks.get(f"{queue.name} {receipt}") for receipt in receipts]
            self._life.excused.update(task_id for tasks in known if tasks is not None for task_id in tasks)
            if None in known:
                self.given_twice(queue, None)

    def deleting(self, queue: MemoryQueue, receipts: Sequence[str]) -> None:
        """A message is deleted only once its run is over, and a success only once it is reported (S8)."""
        for run_id in [each for receipt in receipts for each in self._runs.get(f"{queue.name} {receipt}", ())]:
            if run_id in self._life.alive:
                raise Violation("S8", f"the message of run {run_id} is deleted while it is alive")
            result = self._life.returned.get(run_id)
            if result is not None and len(result) < 100 and run_id not in self.acknowledged_runs:
                raise Violation("S8", f"the message of run {run_id} is deleted, and its success is not reported")

    def received(self, received: Sequence[Unit]) -> None:
        """A worker took these over."""
        for held in (held for unit in received for held in unit):
            queue = held.queue
            if isinstance(queue, QueueLine):
                self._held[held.run_id] = queue.behind, held.delivery.receipt
                place = f"{queue.behind.name} {held.delivery.receipt}"
                self._runs.setdefault(place, []).append(held.run_id)
                self._tasks.setdefault(place, []).append(held.task.id)

    # ------------------------------------------------------------ what is said and recorded

    def acknowledged(self, update: Update) -> None:
        """A success is reported: from here on it must not be lost (S6)."""
        if update.run_id not in self._life.returned:
            raise Violation("S5", f"run {update.run_id} is reported as a success and never returned")
        self.acknowledged_runs[update.run_id] = update.task_id

    def decided(self, decided: Decided) -> None:
        """The ledger saved a decision."""
        laws.check(decided)
        before, after, event = decided.before, decided.answer.task, decided.change.event
        if isinstance(event, Completed) and after.status is Status.COMPLETED and before.status is not after.status:
            if event.run.run_id not in self._life.returned:
                raise Violation("S5", f"task {after.id} is completed by run {event.run.run_id}, which never returned")
            self.winners[after.id] = event.run.run_id
        if isinstance(event, Cancelled | Retried) and event.reason.startswith(BULK):
            self._bulk_once(decided, (after.id, event.reason))
        if before.members > 1 and after.losses > before.losses and before.run_id not in self._life.begun_runs:
            raise Violation("B3", f"task {after.id} is charged for its bundle, and never began")

    def _bulk_once(self, decided: Decided, change: tuple[str, str]) -> None:
        """One bulk operation changes a task at most once (S14)."""
        if isinstance(decided.answer, Decision):
            if change in self._bulk:
                raise Violation("S14", f"task {change[0]} is changed twice by {change[1]}")
            self._bulk.add(change)

    # ------------------------------------------------------------ after every move

    def look(self) -> None:
        """No run is alive beyond its lease, nor while others may receive its message (S10)."""
        for run_id, living in self._life.alive.items():
            if living.stands_still() or self._life.all_excused:
                continue
            if living.boot() > living.job.deadline_boot + GONE:
                raise Violation("S10", f"run {run_id} is alive past its lease")
            queue, receipt = self._held[run_id]
            answer = queue.holds(receipt)
            if answer in (Answer.LATE, Answer.STALE):
                raise Violation("S10", f"run {run_id} is alive, and others may receive its message: {answer.value}")
            if answer is Answer.GONE and not (self.tampered or queue.faults.fired["stale_delete"]):
                raise Violation("S8", f"run {run_id} is alive, and its message is gone")


GONE = 2_500
"""ms after its deadline at which the last process of a run is gone: well inside the margin."""


def tasks_of(body: str) -> list[str]:
    """The tasks of a task message."""
    try:
        return [str(task["id"]) for task in json.loads(body)["tasks"]]
    except (ValueError, LookupError, TypeError):
        return []
