"""A received message on its way through a worker."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from leasehold.core.model import Token
from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.core.wire import TaskMessage
from leasehold.flow.lease import Hold
from leasehold.ports.queue import Delivery, Queue

if TYPE_CHECKING:
    from leasehold.flow.bundle import Bundle

RECALLABLE = frozenset({UpdateKind.STARTED, UpdateKind.PROGRESSED})
"""Reports of a run that goes on. Only these need the receipt, by which a recall gives its message back (R13): with any
other report the run is over or draining, the ledger forgets the receipt, and on SQS it would be half of the report."""


class Held:
    """One run of one task, from its receive to its last report. Instants are ``boot`` milliseconds."""

    __slots__ = (
        "arguments",
        "arrived",
        "began",
        "bundle",
        "cancelled",
        "delivery",
        "hold",
        "message",
        "new_id",
        "queue",
        "recorded",
        "reported",
        "run_id",
        "task",
        "touched",
        "valid_until",
        "worker",
    )

    def __init__(
        self,
        queue: Queue,
        delivery: Delivery,
        message: TaskMessage,
        hold: Hold,
        *,
        new_id: Callable[[], str],
        worker: str,
        arrived: int,
        valid_until: int,
        place: int = 0,
    ) -> None:
        self.queue = queue
        self.delivery = delivery
        self.message = message
        self.task = message.tasks[place]
        """The task that it runs: the one at this place of the message."""
        self.bundle: Bundle | None = None
        """What it has in common with the other runs of its message, where there are any."""
        self.hold = hold
        self.new_id = new_id
        self.run_id = new_id()
        self.worker = worker
        self.arrived = arrived
        """When the reply that brought it was here: waiting for a slot counts from then."""
        self.valid_until = valid_until
        """The last instant at which its dispatch may be started (R6)."""
        self.arguments = self.task.arguments
        """JSON text; ``None`` where they are in the store and not fetched yet."""
        self.began: int | None = None
        self.recorded = False
        """Whether somebody has, or may have, recorded the run as begun when it was claimed: its end is owed then."""
        self.cancelled = False
        """Whether the run was told that its task is cancelled."""
        self.touched = False
        """Whether the run has used its checkpoints."""
        self.reported: int | None = None
        """When its progress was last reported."""

    @property
    def token(self) -> Token:
        """Orders this run among all runs of the task."""
        return Token(self.task.n, self.delivery.receive_count)

    def start_by(self, margin: int) -> int:
        """The last instant at which the run may begin: its dispatch is still valid (R6) and its lease useful (R2)."""
        return min(self.valid_until, self.hold.useful_until(self.message.lease, margin))

    def hopeless(self, margin: int) -> bool:
        """Whether its lease is too short for any run on this worker, however soon it starts."""
        lease = self.message.lease
        return Hold(0, lease).hopeless(lease, margin)

    def expired(self, now: int) -> bool:
        """Whether the dispatch is over: nobody may start it any more."""
        return now > self.valid_until

    @property
    def known(self) -> bool:
        """Whether the ledger may hear, or have heard, that this run has the task."""
        return self.recorded or self.began is not None

    @property
    def draining(self) -> bool:
        """Whether a worker that leaves announces that it gives this run back; of a bundle, only one that began (B3)."""
        return self.began is not None or (self.recorded and self.bundle is None)

    def update(self, kind: UpdateKind) -> Update:
        """A report of this run; the caller adds what belongs to its kind."""
        task = self.task
        return Update(
            status_id=self.new_id(),
            kind=kind,
            task_id=task.id,
            capability=task.capability,
            n=task.n,
            r=self.delivery.receive_count,
            run_id=self.run_id,
            worker=self.worker,
            lease=self.hold.span,
            received_boot=self.hold.since,
            began_boot=self.began,
            receipt=self.delivery.receipt if kind in RECALLABLE else None,
        )


class Fate(Enum):
    """What becomes of the message of a report, and in which order."""

    STAY = auto()
    """The run goes on."""
    DELETE_AFTER = auto()
    """Success (R4) or damage: report first, delete once that is acknowledged."""
    DELETE_BEFORE = auto()
    """R5: delete first, then say whether that was confirmed inside the lease."""
    GIVE_BACK = auto()
    """R11: show it to others at once, then say so."""


class Entry(NamedTuple):
    """One thing to report. ``done`` is called once nothing is left to do for it."""

    said: Update | Malformed
    fate: Fate
    queue: Queue | None = None
    receipt: str = ""
    ends: int = 0
    """When the queue may show the message to others, at the earliest."""
    done: Callable[[], None] | None = None
    tries: int = 0
    """How often its delete was tried, and not confirmed."""


def entry(held: Held, update: Update, fate: Fate, done: Callable[[], None] | None = None) -> Entry:
    """The report of a held message."""
    return Entry(update, fate, held.queue, held.delivery.receipt, held.hold.surely, done)
