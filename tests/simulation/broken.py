"""Roles with one fault each, for the simulator to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leasehold.core.events import Lapsed
from leasehold.core.reports import Update, UpdateKind
from leasehold.flow.bundle import Unit
from leasehold.flow.dispatcher import Dispatcher, Unsent
from leasehold.flow.held import Entry, Fate, Held
from leasehold.flow.intake import Intake
from leasehold.flow.lease import Hold
from leasehold.flow.recorder import Recorder
from leasehold.flow.reporter import Reporter, stated
from leasehold.flow.sweeper import Sweeper, order
from leasehold.flow.worker import Worker
from leasehold.ports.ledger import Change, Need
from leasehold.ports.queue import Queue, Received
from leasehold.ports.slots import Job
from leasehold.testing.simulator import Roles, Topology


class DeletesFirst(Recorder):
    """Against R8: a report is deleted before it is committed."""

    def _receive(self, wait: int) -> Received:
        received = super()._receive(wait)
        self._queue.delete([delivery.receipt for delivery in received.deliveries])
        return received


class DeletesSuccessFirst(Reporter):
    """Against R4: the message of a success is deleted before the success is acknowledged."""

    def add(self, *entries: Entry) -> None:
        super().add(
            *(each._replace(fate=Fate.DELETE_BEFORE) if each.fate is Fate.DELETE_AFTER else each for each in entries)
        )


class ClaimsDeletes(Reporter):
    """Against R5: a delete that nobody confirmed is claimed all the same."""

    def _settle(self, batch: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        ready, later = super()._settle(batch)
        said = [each for each in ready if each.said not in [other.said for other in later]]
        return [claimed(each) for each in (*said, *later)], []


def claimed(each: Entry) -> Entry:
    """With the claim of a delete."""
    if each.fate is Fate.DELETE_BEFORE:
        return stated(each, deleted=True)
    if isinstance(each.said, Update) and each.said.kind in (UpdateKind.FAILED, UpdateKind.REFUSED):
        return each._replace(said=each.said._replace(deleted=True))
    return each


class ForgetsTheLease(Worker):
    """Against R1 and R3: runs may go on until long after their leases."""

    def _job(self, held: Held) -> Job | None:
        job = super()._job(held)
        return None if job is None else job._replace(deadline_boot=job.deadline_boot + 60_000)


class StartsAnything(Intake):
    """Against R6: what has expired is started all the same."""

    def _triage(self, queue: Queue, received: Received, hold: Hold) -> list[Unit]:
        return super()._triage(queue, received._replace(server_time=received.server_time - 900_000), hold)


class SendsAgain(Dispatcher):
    """Against R10: a send of unknown fate is repeated."""

    def _harmless(self, queue: Queue, unsent: Unsent) -> bool:
        del queue, unsent
        return True


class Hasty(Sweeper):
    """Against R7: a silent task is dispatched again at once, while its message is out."""

    def _sweep(self) -> int:
        owed = self._ledger.alarms(Need.SWEEPER, 500)
        changes = [Change(task_id, Lapsed(redispatch=True) if isinstance(e, Lapsed) else e) for task_id, e in owed]
        if changes:
            self._ledger.apply(changes)
        return len(changes)


class Repeats(Sweeper):
    """Against S14: a batch is carried out before the cursor moves, in a transaction of its own."""

    def _operate(self) -> int:
        operation = self._ledger.next_operation()
        if operation is None:
            return 0
        stretch, event = self._ledger.covered(operation, 500, 100_000), order(operation)
        self._ledger.apply([Change(task_id, event) for task_id in stretch.task_ids])
        self._ledger.advance_operation(operation, stretch, event)
        return max(1, len(stretch.task_ids))


class Fault(NamedTuple):
    """What is broken, in which world, and the laws of which one must be seen to break."""

    role: str
    made: type
    topology: Topology
    laws: frozenset[str]
    seeds: range = range(400)
    """Among these is one whose story shows it."""
    hidden: bool = False
    """Whether it takes long to find."""

    def roles(self) -> Roles:
        """All roles, this one broken."""
        roles = Roles()
        setattr(roles, self.role, self.made)
        return roles


FAULTS = {
    "R1": Fault("worker", ForgetsTheLease, Topology.FIFO, frozenset({"S10", "S11"})),
    "R4": Fault("reporter", DeletesSuccessFirst, Topology.TWO_QUEUE, frozenset({"S8"})),
    "R5": Fault("reporter", ClaimsDeletes, Topology.FIFO, frozenset({"S11", "S12"}), range(8, 400)),
    "R6": Fault("intake", StartsAnything, Topology.FIFO, frozenset({"S11", "S12"})),
    "R7": Fault("sweeper", Hasty, Topology.FIFO, frozenset({"S11", "S12"}), range(200, 600), hidden=True),
    "R8": Fault("recorder", DeletesFirst, Topology.FIFO, frozenset({"S6"}), range(400, 900), hidden=True),
    "S14": Fault("sweeper", Repeats, Topology.TWO_QUEUE, frozenset({"S14"}), range(500, 900)),
    "R10": Fault("dispatcher", SendsAgain, Topology.TWO_QUEUE, frozenset({"S11", "S12"})),
}
