"""Task queue -> slots -> reporter: runs what the intake received, and hands every outcome to the reporter."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Condition
from typing import NamedTuple

from leasehold.core.errors import StoreUnavailable
from leasehold.core.reports import Update, UpdateKind
from leasehold.flow.desk import Desk, missing_arguments
from leasehold.flow.held import Fate, Held, entry
from leasehold.flow.lease import SHORT_WAIT
from leasehold.flow.pace import Pace
from leasehold.flow.reporter import Reporter
from leasehold.ports.clock import Clock
from leasehold.ports.reports import Busy, Claims, Grant, Start
from leasehold.ports.slots import Began, Job, Loading, Raised, Returned, Saving, SlotEvent, Slots, Stopped, Told

IN_LINE = 32
"""Short runs handed over per slot, so that a child never waits for its supervisor."""

BACKLOG = 5_000
"""Unreported outcomes beyond which nothing new is received: the outbox is down, and memory is not endless."""

NEIGHBOUR = "neighbour"
"""Cause of a run that was taken along by a death that nobody can explain: it runs alone next time."""


class Drain(NamedTuple):
    """The worker is leaving: why, and until when short work may finish."""

    reason: str
    until: int


class Worker:
    """One node: keeps its slots busy inside their leases, and never holds more than it will start soon.

    ``step`` belongs to one thread; ``room``, ``give`` and ``wait_for_room`` to the intake's.
    """

    def __init__(
        self,
        slots: Slots,
        reporter: Reporter,
        claims: Claims,
        desk: Desk,
        clock: Clock,
        *,
        size: int,
        margin: int,
        fetch_ahead: int,
    ) -> None:
        self._slots = slots
        self._reporter = reporter
        self._claims = claims
        self._desk = desk
        self._clock = clock
        self._size = size
        self._margin = margin
        self._fetch_ahead = fetch_ahead
        self._pace = Pace()
        self._inbox: deque[Held] = deque()
        self._ready: deque[Held] = deque()
        self._running: dict[str, Held] = {}
        self._alone: set[str] = set()
        self._drain: Drain | None = None
        self._unacknowledged: set[str] = set()
        self._room = slots.free()
        self._changed = Condition()

    # ------------------------------------------------------------ the intake's side

    def room(self) -> int:
        """How many messages may be received now (R2)."""
        if self._drain is not None or self._reporter.backlog > BACKLOG:
            return 0
        return self._room - len(self._inbox)

    def wait_for_room(self, timeout: int) -> None:
        """Wait until there is room, at most ``timeout`` ms."""
        with self._changed:
            self._changed.wait_for(lambda: self.room() > 0, timeout / 1000)

    def give(self, received: Sequence[Held]) -> None:
        """Take over what was received."""
        self._inbox.extend(received)
        self._slots.wake()

    # ------------------------------------------------------------ the work

    def step(self, wait: int = 0) -> int:
        """Handle what happened in the slots, waiting up to ``wait`` ms for it, and start what can be started."""
        events = self._slots.events(wait)
        for event in events:
            self._handle(event)
        while self._inbox:
            self._ready.append(self._inbox.popleft())
        if self._drain is not None:
            self._leave(self._drain)
        started = self._start()
        self._give_back_waiting()
        self._make_room()
        return len(events) + started

    def begin_drain(self, reason: str, patience: int) -> None:
        """Leave in good order (R11): start nothing more, let what is short finish within ``patience`` ms."""
        self._drain = Drain(reason, self._clock.boot() + patience)
        for run_id, held in self._running.items():
            if held.began is not None:
                self._unacknowledged.add(run_id)
                said = held.update(UpdateKind.DRAINING)._replace(note=reason)
                self._reporter.add(
                    entry(held, said, Fate.STAY, lambda run_id=run_id: self._unacknowledged.discard(run_id))
                )
        self._slots.interrupt(reason)
        self._slots.wake()

    @property
    def drained(self) -> bool:
        """Whether nothing is held, running or unreported any more."""
        return not (self._inbox or self._ready or self._running or self._reporter.backlog)

    @property
    def running(self) -> int:
        """How many runs are in the slots."""
        return len(self._running)

    # ------------------------------------------------------------ starting

    def _start(self) -> int:
        batch = self._next_batch()
        jobs = [job for held in self._granted(batch) if (job := self._job(held)) is not None]
        if jobs:
            self._slots.start(jobs)
        return len(jobs)

    def _next_batch(self) -> list[Held]:
        """What may begin now, or stand in line behind runs known to be short."""
        free = self._slots.free()
        line = self._size * IN_LINE - len(self._running)
        batch: list[Held] = []
        while self._ready and not self._must_wait_alone(batch):
            if free <= len(batch) and not (line > len(batch) and self._pace.short(self._ready[0].message.name)):
                break
            batch.append(self._ready.popleft())
        return batch

    def _must_wait_alone(self, batch: Sequence[Held]) -> bool:
        """Whether a run that has to be alone (or already is) forbids starting the next one."""
        busy = bool(batch or self._running)
        lonely = any(held.task.id in self._alone for held in (*batch, *self._running.values()))
        return lonely or (busy and self._ready[0].task.id in self._alone)

    def _granted(self, batch: Sequence[Held]) -> list[Held]:
        if not batch:
            return []
        answers = self._claims.claim([self._claim(held) for held in batch])
        granted: list[Held] = []
        for held, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Grant):
                granted.append(held)
            elif isinstance(answer, Busy):
                held.queue.change_visibility([(held.delivery.receipt, answer.remaining)])
            else:  # another run has it, or it has ended: no silent drop (R12), but nothing to report either
                held.queue.delete([held.delivery.receipt])
        return granted

    def _claim(self, held: Held) -> Start:
        left = held.hold.ends - self._clock.boot()
        return Start(held.task.id, held.task.n, held.delivery.receive_count, held.run_id, held.worker, left)

    def _job(self, held: Held) -> Job | None:
        now = self._clock.boot()
        start_by = held.start_by(self._margin)
        if now > start_by:
            self._turn_away(held, "too little of its lease was left")
            return None
        try:
            arguments = self._desk.arguments(held)
        except StoreUnavailable as error:
            self._turn_away(held, str(error))
            return None
        if arguments is None:
            self._report(held, missing_arguments(held, now), Fate.DELETE_BEFORE)
            return None
        self._running[held.run_id] = held
        return Job(
            run_id=held.run_id,
            task_id=held.task.id,
            name=held.message.name,
            arguments=arguments,
            n=held.task.n,
            r=held.delivery.receive_count,
            deadline_boot=held.hold.deadline(self._margin),
            start_by_boot=start_by,
        )

    # ------------------------------------------------------------ what happened

    def _handle(self, event: SlotEvent) -> None:
        held = self._running.get(event.run_id)
        if held is None:
            return
        match event:
            case Began():
                held.began = event.at_boot
                self._report(held, held.update(UpdateKind.STARTED), Fate.STAY)
            case Told():
                self._progress(held, event.fraction, event.note)
            case Saving():
                self._slots.answer(event.run_id, self._desk.save(held, event.state, self._leaving))
                self._progress(held, event.fraction, event.note)
            case Loading():
                self._slots.answer(event.run_id, self._desk.load(held, self._leaving))
            case Returned():
                self._end(held, event.at_boot)
                self._succeed(held, event)
            case Raised():
                self._end(held, event.at_boot)
                self._report(held, self._desk.failed(held, event), Fate.DELETE_BEFORE)
            case Stopped():
                self._end(held, event.at_boot if event.begun else None)
                self._stopped(held, event)

    def _end(self, held: Held, at_boot: int | None) -> None:
        del self._running[held.run_id]
        self._unacknowledged.discard(held.run_id)
        self._alone.discard(held.task.id)
        if at_boot is not None and held.began is not None:
            self._pace.ran(held.message.name, at_boot - held.began, held.message.lease)

    def _succeed(self, held: Held, event: Returned) -> None:
        """R4: the result is durable, then reported, then the message is deleted."""
        said = self._desk.completed(held, event)
        if said.kind is UpdateKind.FAILED:
            self._report(held, said, Fate.DELETE_BEFORE)
            return
        done = (lambda: self._desk.forget(held)) if held.touched or held.delivery.receive_count > 1 else None
        self._reporter.add(entry(held, said, Fate.DELETE_AFTER, done))

    def _stopped(self, held: Held, event: Stopped) -> None:
        if event.cause == NEIGHBOUR:
            self._alone.add(held.task.id)
        self._turn_away(held, event.cause, self._desk.stopped(held, event) if event.begun else None)

    def _turn_away(self, held: Held, cause: str, said: Update | None = None) -> None:
        """Give a message back that did not end here, or drop it if nobody may start it any more (R6)."""
        if said is None and held.expired(self._clock.boot()):
            self._report(held, held.update(UpdateKind.EXPIRED), Fate.DELETE_BEFORE)
            return
        if said is None:
            said = held.update(UpdateKind.RELEASED)._replace(note=cause, ended_boot=self._clock.boot())
        self._report(held, said, Fate.GIVE_BACK)

    def _progress(self, held: Held, fraction: float | None, note: str | None) -> None:
        if self._desk.worth_reporting(held):
            said = held.update(UpdateKind.PROGRESSED)._replace(fraction=fraction, note=note)
            self._report(held, said, Fate.STAY)

    def _report(self, held: Held, said: Update, fate: Fate) -> None:
        self._reporter.add(entry(held, said, fate))

    # ------------------------------------------------------------ giving back

    @property
    def _leaving(self) -> str | None:
        return self._drain.reason if self._drain is not None else None

    def _leave(self, drain: Drain) -> None:
        """Give back what never began; once the draining is known (or there is no time left), stop the rest."""
        while self._ready:
            self._turn_away(self._ready.popleft(), drain.reason)
        self._slots.stop([run_id for run_id, held in self._running.items() if held.began is None], drain.reason)
        if self._clock.boot() >= drain.until:
            self._slots.stop([run_id for run_id in self._running if run_id not in self._unacknowledged], drain.reason)

    def _give_back_waiting(self) -> None:
        """Whatever waits behind a run that turned out to be long goes to another worker (R2)."""
        now = self._clock.boot()
        while self._ready and now - self._ready[0].received > SHORT_WAIT * self._ready[0].hold.span:
            self._turn_away(self._ready.popleft(), "no slot became free soon enough")
        late = [
            run_id
            for run_id, held in self._running.items()
            if held.began is None and now - held.received > 2 * SHORT_WAIT * held.hold.span
        ]
        if late:
            self._slots.stop(late, "no slot became free soon enough")

    def _make_room(self) -> None:
        """Say how much may be received: for free slots, and ahead only in bites worth a request."""
        free = self._slots.free() - len(self._ready)
        ahead = self._pace.ahead(self._size, self._fetch_ahead)
        in_line = sum(held.began is None for held in self._running.values())
        room = ahead - in_line - max(0, -free)
        if free <= 0 and room < ahead / 2:
            room = 0
        room = max(0, free) + max(0, room)
        with self._changed:
            self._room = room
            if room:
                self._changed.notify_all()
