"""What a dead machine held runs elsewhere in seconds, whatever is left of its leases (R13)."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from leasehold.core.errors import MalformedMessage, QueueUnavailable
from leasehold.core.events import Recalled
from leasehold.core.model import Decision, Task
from leasehold.core.reports import Malformed
from leasehold.core.wire import decode_platform_event, quarantined
from leasehold.flow.recorder import RECORDING, announce
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Change, Gone, Ledger
from leasehold.ports.queue import Dated, Delivery, Queue

log = logging.getLogger("leasehold.recall")

LIMIT = 500
"""Tasks per step."""

EVENTS = 10
"""Messages per look at the events queue; the platform puts one event in each."""

SETTLED = 2_000
"""ms that a request which a machine made just before its end may take to be carried out."""

SAME_NAME = 60_000
"""ms by which the clocks of queue and ledger may differ before a run of the dead is taken for one of a successor."""

IN_TRANSIT = 5_000
"""ms that a request of ours may take to be carried out: the lease must be ahead by more when it is made, or it might
take the message from whoever the queue has shown it to by then."""


def all_heard(queue: Dated, clock: Clock) -> Callable[[], int]:
    """``heard`` for a status queue that tells its oldest message: nothing that was sent before that is left there."""

    def heard() -> int:
        now = clock.boot()  # before the queue's answer: it may look older by that, never younger
        return now - queue.oldest_age()

    return heard


def received_by_the_dead(task: Task, ended: Mapping[str, int]) -> bool:
    """Whether its run is of one that is gone, not of one that was started later under the same name."""
    parts = (task.worker or "").split("/")
    names = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    received = task.lease_until - task.policy.lease
    return any(received <= ended[name] + SAME_NAME for name in names if name in ended)


class PlatformEvents:
    """Events queue -> ledger: remembers the machines that the platform declares gone. Commit first, then delete.

    What is no event is kept in quarantine; an event about something else is deleted.
    """

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._queue = queue
        self._ledger = ledger

    def step(self, wait: int = 0) -> int:
        """Take what has arrived, waiting up to ``wait`` ms for it; how many messages that was."""
        deliveries = self._queue.receive(EVENTS, wait=wait, visibility=RECORDING).deliveries
        if not deliveries:
            return 0
        gone, malformed = self._read(deliveries)
        for each in gone:
            log.info("machine %s is gone: %s", each.name, each.source)
        self._ledger.note_gone(gone)
        if malformed:
            self._ledger.apply([], malformed)
        self._queue.delete([delivery.receipt for delivery in deliveries])
        return len(deliveries)

    def close(self) -> None:
        """End a look for messages that is under way."""
        self._queue.close()

    def _read(self, deliveries: Sequence[Delivery]) -> tuple[list[Gone], list[Malformed]]:
        """The ledger's clock, not the event's: what counts is when it was heard, and nobody can date it back."""
        now = self._ledger.now()
        gone: dict[str, Gone] = {}
        malformed: list[Malformed] = []
        for delivery in deliveries:
            try:
                event = decode_platform_event(delivery.body)
            except MalformedMessage as error:
                malformed.append(quarantined(self._queue.name, delivery.body, str(error)))
            else:
                if event is not None:
                    gone.setdefault(event.machine, Gone(event.machine, now, event.source))
        return list(gone.values()), malformed


class Recall:
    """Frees what machines held that are gone for good, so that it need not wait for its leases (R13).

    First the ledger decides, so that of several orchestrators one acts; then the message is shown again with the
    receipt of that very run. If the second does not happen, the message comes back when its lease ends: a request whose
    fate is unknown is not made again, for by then another may hold the message. ``heard``: whatever was reported before
    that instant (``boot`` ms) is recorded. ``margin``: ms of a lease that must be left. ``claims_before_run``: no run
    starts without a claim in the ledger, so the task may go out again at once, and the old message is refused.
    """

    def __init__(
        self,
        ledger: Ledger,
        queues: Callable[[str], Queue],
        heard: Callable[[], int],
        clock: Clock,
        bell: Bell,
        *,
        margin: int,
        claims_before_run: bool = False,
    ) -> None:
        self._ledger = ledger
        self._queues = queues
        self._heard = heard
        self._clock = clock
        self._bell = bell
        self._margin = max(margin, 2 * IN_TRANSIT)
        self._claims_before_run = claims_before_run
        self._noticed: dict[str, int] = {}
        """When (``boot`` ms) this orchestrator first heard of each that is gone: later than its last word."""

    def step(self) -> int:
        """Recall what may be recalled now; how many runs it was."""
        now = self._clock.boot()
        ended = {each.name: each.at for each in self._ledger.gone()}
        self._noticed = {name: self._noticed.get(name, now) for name in ended}
        if not self._noticed:
            return 0
        heard = self._heard()
        silent = [name for name, noticed in self._noticed.items() if noticed + SETTLED <= heard]
        held = self._ledger.held_by(silent, ahead=self._margin, limit=LIMIT) if silent else []
        theirs = [task for task in held if received_by_the_dead(task, ended)]
        return self._recall(theirs) if theirs else 0

    def _recall(self, held: Sequence[Task]) -> int:
        began = self._clock.boot()  # before the ledger's clock is read: a lease may look shorter by that, never longer
        now = self._ledger.now()
        answers = self._ledger.apply([self._recalled(task) for task in held])
        ours = [task for task, answer in zip(held, answers, strict=True) if isinstance(answer, Decision)]
        announce(self._bell, answers)
        if not self._claims_before_run:
            by_queue: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
            for task in ours:
                by_queue[task.queue].append((task.receipt or "", began + task.lease_until - now))
            for name, receipts in by_queue.items():
                self._show(name, receipts)
        return len(ours)

    def _recalled(self, task: Task) -> Change:
        return Change(task.id, Recalled(task.run_id or "", self._margin, self._claims_before_run))

    def _show(self, name: str, receipts: Sequence[tuple[str, int]]) -> None:
        """Show these messages again whose lease (ends at, ``boot`` ms) is surely ahead when the request arrives."""
        now = self._clock.boot()
        named = [(receipt, 0) for receipt, ends in receipts if now + IN_TRANSIT < ends]
        try:
            shown = sum(self._queues(name).change_visibility(named)) if named else 0
        except QueueUnavailable as error:
            log.warning(
                "queue %r: %s messages of dead machines come back with their leases: %s", name, len(named), error
            )
            return
        log.info("queue %r: %s of %s messages of dead machines are shown again", name, shown, len(receipts))
