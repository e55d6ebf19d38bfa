"""Status queue -> ledger: applies what workers report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from leasehold.core.errors import Unavailable
from leasehold.core.metering import Count
from leasehold.core.model import Decision
from leasehold.core.reports import FORGED, Malformed
from leasehold.core.wire import WireUpdate, decode_status_message, event_of, payload_of, quarantined, verify
from leasehold.flow.horizon import Horizon
from leasehold.flow.metering import Meter
from leasehold.flow.tracing import record_span
from leasehold.ports.clock import Bell
from leasehold.ports.ledger import Applied, Change, Ledger
from leasehold.ports.queue import Delivery, Queue, Received
from leasehold.ports.tracing import UNTRACED, Tracing

RECORDING = 20_000
"""ms that a status message is hidden while it is recorded; a recorder that dies gives it back by silence. Short, for
until then what it held looks like silence of the workers too; one that takes longer only lets it be recorded twice."""

UNREAD = 1 << 62
"""The lag (ms) of a recorder that has not read the status queue yet, or could not: silence proves nothing then."""

LIMIT = 50
"""Status messages per step; each holds as many reports as fit."""


class Recording(ABC):
    """Takes a queue's messages into the ledger. Commit first, then delete (R8): recording twice is recording once."""

    def __init__(
        self,
        queue: Queue,
        ledger: Ledger,
        bell: Bell,
        horizon: Horizon | None = None,
        meter: Meter | None = None,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._meter = meter
        self._counts: list[Count] = []
        """What the messages of this step say of their senders' requests."""
        self._queue = queue
        self._horizon = horizon
        self._ledger = ledger
        self._bell = bell
        self._tracing = tracing
        self._ends: list[tuple[WireUpdate, int]] = []
        """Of this step, the reports that belong to a trace, and when they were handed over."""
        self._unrecorded: Received | None = None
        """What was received and could not be recorded: it is hidden from everybody else, this one must try again."""
        self.lag = UNREAD
        """How old (ms) the oldest report of the last step was: what the sweeper must know before it judges silence."""

    def close(self) -> None:
        """End a look for messages that is under way; what it still brings is given back."""
        self._queue.close()

    def step(self, wait: int = 0) -> int:
        """Record what has arrived, waiting up to ``wait`` ms for it; how many reports that was."""
        try:
            self._unrecorded = received = self._unrecorded or self._receive(wait)
            changes, malformed = self.read(received.deliveries)
            answers = self._ledger.apply(changes, malformed)
        except Unavailable:
            self.lag = UNREAD
            if self._horizon is not None:
                self._horizon.failed()
            raise
        self._unrecorded = None
        if self._horizon is not None:
            self._horizon.looked(received)
        if not received.deliveries:
            return 0
        announce(self._bell, answers)  # before the delete, which may fail: recorded again, it is no news to anybody
        if self._meter is not None:
            self._meter.ended(answers)
            if self.lag != UNREAD:  # of what waited here for the ledger nobody knows it any more
                self._meter.lagged(self.lag)
            self._meter.hear(self._counts)
        self._queue.delete([d.receipt for d in received.deliveries])
        if self._ends:
            tell_recorded(self._tracing, self._ends, self._ledger.now())
        return len(changes) + len(malformed)

    def _receive(self, wait: int) -> Received:
        if self._horizon is not None:
            wait = self._horizon.looking(wait)
        received = self._queue.receive(LIMIT, wait=wait, visibility=RECORDING)
        self.lag = max((received.server_time - d.sent_at for d in received.deliveries), default=0)
        return received

    @abstractmethod
    def read(self, deliveries: Sequence[Delivery]) -> tuple[list[Change], list[Malformed]]:
        """What the messages say: changes to apply, and what could not be understood or trusted."""


class Recorder(Recording):
    """Records the status queue: what workers report becomes the state of their tasks."""

    def __init__(
        self,
        reports: Queue,
        ledger: Ledger,
        bell: Bell,
        random: Random,
        *,
        key: bytes,
        horizon: Horizon | None = None,
        meter: Meter | None = None,
        tracing: Tracing = UNTRACED,
    ) -> None:
        """``meter`` hears what workers counted, and of each task that ends."""
        super().__init__(reports, ledger, bell, horizon, meter, tracing)
        self._random = random
        self._key = key

    def read(self, deliveries: Sequence[Delivery]) -> tuple[list[Change], list[Malformed]]:
        """What the messages say: changes to apply, and what could not be understood or trusted."""
        changes: list[Change] = []
        malformed: list[Malformed] = []
        self._counts.clear()  # of a step that failed
        self._ends.clear()
        for delivery in deliveries:
            message = decode_status_message(delivery.body)
            self._counts.extend(message.counts)
            malformed.extend(message.malformed)
            forged: list[WireUpdate] = []
            for update in message.updates:
                if verify(self._key, update.task_id, update.n, update.capability):
                    changes.append(change_of(update, delivery.sent_at, self._random.random()))
                    if update.trace is not None:
                        self._ends.append((update, delivery.sent_at))
                else:
                    forged.append(update)
            for update in forged[:1]:  # the message is kept once: to hash it for each would cost seconds
                reason = f"{FORGED} task {update.task_id}, dispatch {update.n}"
                malformed.append(quarantined("status", delivery.body, reason))
        return changes, malformed


def change_of(update: WireUpdate, sent_at: int, jitter: float) -> Change:
    """A report as the change that it asks for. It was handed over at ``sent_at``; ``jitter`` is in [0, 1)."""
    return Change(update.task_id, event_of(update, sent_at, jitter), update.status_id, payload_of(update))


def tell_recorded(tracing: Tracing, ends: Sequence[tuple[WireUpdate, int]], now: int) -> None:
    """Each of these reports, handed over at that instant, is in the ledger; ``now`` as the ledger has it."""
    for update, sent_at in ends:
        if update.trace is not None and tracing.told(update.trace):
            tracing.tell(record_span(update, update.trace, sent_at, now))


def announce(bell: Bell, answers: Sequence[Applied]) -> None:
    """Wake who may have waited for these decisions: for outcomes, and for room or work to dispatch."""
    decided = [answer for answer in answers if isinstance(answer, Decision)]
    if any(answer.task.terminal for answer in decided):
        bell.ring("ended")
    if decided:
        bell.ring("due")
