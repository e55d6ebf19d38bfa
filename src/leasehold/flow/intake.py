"""Task queues -> worker: receives what there is room for, and turns away what must not run here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leasehold.core.errors import MalformedMessage, QueueUnavailable
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import decode_task_message, quarantined
from leasehold.flow.bundle import Bundle, Unit
from leasehold.flow.held import Entry, Fate, Held, entry
from leasehold.flow.lease import Hold, anchored, held, valid_until, wants_anchor
from leasehold.flow.reporter import Reporter
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Delivery, Queue, Received

FIRST_LEASE = 60_000
"""Visibility of the very first receive; from then on the lease that messages of this queue were seen to ask for."""


class Intake:
    """Polls the queues in turn. ``room`` says how many messages the worker can take now (R2)."""

    def __init__(
        self,
        queues: Sequence[Queue],
        reporter: Reporter,
        clock: Clock,
        *,
        worker: str,
        new_id: Callable[[], str],
        knows: Callable[[str], bool],
        room: Callable[[], int],
        give: Callable[[Sequence[Unit]], None],
        verified: Callable[[object], object] = lambda body: body,
    ) -> None:
        """``verified`` takes a body and gives what was signed in it; raises ``MalformedMessage``."""
        self._queues = queues
        self._reporter = reporter
        self._clock = clock
        self._worker = worker
        self._new_id = new_id
        self._knows = knows
        self._room = room
        self._give = give
        self._verified = verified
        self._leases: dict[str, int] = {}
        self._first = 0

    @property
    def serves(self) -> str:
        """The names of its queues, for people."""
        return ", ".join(queue.name for queue in self._queues)

    def step(self, wait: int = 0) -> int:
        """Receive once, waiting up to ``wait`` ms; how many messages came.

        Several queues are asked in turn without waiting, each time another one first; only then one is waited for.
        """
        turn = [*self._queues[self._first :], *self._queues[: self._first]]
        self._first = (self._first + 1) % len(self._queues)
        for queue in turn if len(turn) > 1 else ():
            if taken := self._receive(queue, 0):
                return taken
        return self._receive(turn[0], wait // len(turn))

    def _receive(self, queue: Queue, wait: int) -> int:
        limit = self._room()
        if limit <= 0:
            return 0
        visibility = self._leases.get(queue.name, FIRST_LEASE)
        began = self._clock.boot()  # before the request: the queue cannot have hidden anything earlier (R1)
        wait = min(wait, visibility // 2)  # whatever comes must be ours for long enough to be held longer
        received = queue.receive(limit, wait=wait, visibility=visibility)
        welcome = self._triage(queue, received, held(began, visibility))
        if welcome:
            self._anchor(queue, welcome)
            self._give(welcome)
        return len(received.deliveries)

    def _triage(self, queue: Queue, received: Received, hold: Hold) -> list[Unit]:
        welcome: list[Unit] = []
        turned_away: list[Entry] = []
        for delivery in received.deliveries:
            unit = self._open(queue, delivery, hold, received.server_time)
            if isinstance(unit, Entry):
                turned_away.append(unit)
            elif said := self._unwelcome(unit):
                turned_away += said
            else:
                welcome.append(unit)
        if turned_away:
            self._reporter.add(*turned_away)
        return welcome

    def _open(self, queue: Queue, delivery: Delivery, hold: Hold, server_time: int) -> Unit | Entry:
        try:
            message = decode_task_message(self._verified(delivery.body))
        except MalformedMessage as error:
            what = quarantined(queue.name, delivery.body, str(error))
            return Entry(what, Fate.DELETE_AFTER, queue, delivery.receipt, hold.ends)
        now = self._clock.boot()
        until = valid_until(message.not_after, server_time, hold.since)
        unit = [
            Held(
                queue,
                delivery,
                message,
                hold,
                new_id=self._new_id,
                worker=self._worker,
                arrived=now,
                valid_until=until,
                place=place,
            )
            for place in range(len(message.tasks))
        ]
        if len(unit) > 1:
            bundle = Bundle(f"bundle of {unit[0].run_id}", len(unit), self._reporter)
            for each in unit:
                each.bundle = bundle
        return unit

    def _unwelcome(self, unit: Unit) -> list[Entry]:
        """What is reported of a message that must not run here; nothing of one that may."""
        first, now = unit[0], unit[0].arrived
        receives, note = first.delivery.receive_count, None
        if len(unit) > 1 and receives > 1:  # who had it first may have run any of them (B1)
            kind = UpdateKind.EXPIRED
        elif receives > first.message.most_receives:
            kind = UpdateKind.DEAD_LETTERED
        elif first.expired(now):
            kind = UpdateKind.EXPIRED
        elif not self._knows(first.message.name):
            kind = UpdateKind.REFUSED
            note = f"no worker knows {first.message.name!r}: worker {self._worker} refused it"
        else:
            return []
        ended = now if note else None
        updates = [each.update(kind)._replace(note=note, ended_boot=ended) for each in unit]
        return [entry(each, said, Fate.DELETE_BEFORE) for each, said in zip(unit, updates, strict=True)]

    def _anchor(self, queue: Queue, welcome: Sequence[Unit]) -> None:
        """Set the visibility once for what was received under another lease, or after a long wait (R1).

        Only for what is surely still ours when the reply is here: what an old receipt does to a message that another
        has received since is nowhere promised. If this machine stood still for too long, the run just does not start.
        """
        now = self._clock.boot()  # before the request, as for a receive
        wanting = [(unit, min(unit[0].message.lease, queue.traits.max_visibility)) for unit in welcome]
        wanting = [(unit, lease) for unit, lease in wanting if wants_anchor(unit[0].hold, lease, now)]
        if not wanting:
            return
        self._leases[queue.name] = wanting[-1][1]
        ours = [(unit, lease) for unit, lease in wanting if now < unit[0].hold.surely]
        confirmed = hidden(queue, [(unit[0].delivery.receipt, lease) for unit, lease in ours])
        replied = self._clock.boot()
        for (unit, lease), sure in zip(ours, confirmed, strict=True):
            before = unit[0].hold
            hold = anchored(before, lease, now, confirmed=sure and replied < before.surely)
            for each in unit:
                each.hold = hold


def hidden(queue: Queue, changes: Sequence[tuple[str, int]]) -> Sequence[bool]:
    """Whether each change was confirmed. A call that fails confirms none: the messages are held all the same."""
    try:
        return queue.change_visibility(changes)
    except QueueUnavailable:
        return [False] * len(changes)
