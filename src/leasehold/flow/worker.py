"""Task queue -> slots -> reporter: runs what the intake received, and hands every outcome to the reporter."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from threading import Condition

from leasehold.core.errors import StoreDamaged
from leasehold.core.reports import Update, UpdateKind
from leasehold.flow.bundle import Unit, begin, hand_in, lasts, line_of, units_of
from leasehold.flow.desk import CANCELLED, Desk, missing_arguments, too_short
from leasehold.flow.gate import SLOW_CLAIM, Gate
from leasehold.flow.held import Fate, Held
from leasehold.flow.jobs import Drain, job_of
from leasehold.flow.lobby import TOO_LATE, Lobby
from leasehold.flow.loners import Loners
from leasehold.flow.pace import IN_LINE, Pace
from leasehold.flow.reporter import Reporter
from leasehold.ports.clock import Clock
from leasehold.ports.slots import (
    NEIGHBOUR,
    Answer,
    Began,
    Job,
    Loading,
    Raised,
    Returned,
    Saving,
    SlotEvent,
    Slots,
    Stopped,
    Told,
)

BACKLOG = 5_000
"""Unreported outcomes beyond which nothing new is received: the outbox is down, and memory is not endless."""

AT_STORE = 4
"""Calls per slot that the store may owe an answer; for each one more, one message less is received."""


class Worker:
    """One node: keeps its slots busy inside their leases, and never holds more than it will start soon.

    ``step`` belongs to one thread; ``room``, ``give`` and ``wait_for_room`` to the intake's.
    """

    def __init__(
        self,
        slots: Slots,
        reporter: Reporter,
        gate: Gate,
        desk: Desk,
        clock: Clock,
        pace: Pace,
        *,
        size: int,
        margin: int,
    ) -> None:
        self._slots = slots
        self._reporter = reporter
        self._gate = gate
        self._desk = desk
        self._clock = clock
        self._size = size
        self._margin = margin
        self._pace = pace
        self._inbox: deque[Unit] = deque()
        self._lobby = Lobby(desk, clock, self._arguments_gone)
        self._ready = self._lobby.ready
        self._running: dict[str, Held] = {}
        self._begun: dict[str, Held] = {}
        """Of those, the ones that began."""
        self._in_line: dict[str, Held] = {}
        """Of what was handed over, what has not begun: a run, or the first one of a bundle."""
        self._stopping: set[str] = set()
        self._alone = Loners()
        self._drain: Drain | None = None
        self._unacknowledged: set[str] = set()
        """Runs whose Draining is not yet known to be on its way to the ledger."""
        self._parting: list[tuple[Held, Update]] = []
        """Runs that have ended, and are given back once their Draining is acknowledged."""
        self._room = slots.free()
        self._changed = Condition()

    # ------------------------------------------------------------ the intake's side

    def room(self) -> int:
        """How many messages may be received now (R2)."""
        if self._drain is not None or self._reporter.backlog > BACKLOG or self._gate.shut:
            return 0
        return self._room

    def wait_for_room(self, timeout: int) -> None:
        """Wait until there is room, at most ``timeout`` ms; not at all while leaving, when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._drain is not None or self.room() > 0, timeout / 1000)

    def give(self, received: Sequence[Unit]) -> None:
        """Take over what was received."""
        with self._changed:
            self._inbox.extend(received)
            self._room -= len(received)  # at once: the next receive may come before the next step
        self._slots.wake()

    # ------------------------------------------------------------ the work

    def step(self, wait: int = 0) -> int:
        """Handle what happened in the slots, waiting up to ``wait`` ms for it, and start what can be started."""
        events = self._slots.events(wait)
        for event in events:
            self._handle(event)
        while self._inbox:
            self._lobby.admit(self._inbox.popleft())
        answered = self._desk.step()
        self._lobby.step()
        if self._drain is not None:
            self._leave(self._drain)
        started = self._start()
        self._give_back_waiting()
        self._make_room()
        return len(events) + answered + started

    def begin_drain(self, reason: str, patience: int) -> None:
        """Leave in good order (R11): start nothing more, let what is short finish within ``patience`` ms."""
        with self._changed:
            self._drain = Drain(reason, self._clock.boot() + patience)
            self._desk.give_up_by = self._drain.until
            self._changed.notify_all()
        for held in (*self._running.values(), *(held for unit in self._ready for held in unit)):
            if held.draining:
                self._say_draining(held, reason)
        self._slots.interrupt(reason)
        self._slots.wake()
        self._reporter.hurry()

    @property
    def drained(self) -> bool:
        """Whether nothing is held, running or unreported any more."""
        patience = 0 if self._drain is None else self._drain.until
        holding = self._inbox or self._lobby or self._gate.asking or self._running or self._parting
        ending = self._desk.holds_ends(patience) or self._reporter.backlog
        tidying = self._desk.load and self._clock.boot() < patience
        return not (holding or ending or tidying)

    def close(self) -> None:
        """What the store answers from now on is for nobody."""
        self._desk.close()

    @property
    def running(self) -> int:
        """How many runs are in the slots."""
        return len(self._running)

    # ------------------------------------------------------------ starting

    def _start(self) -> int:
        """Start what may run, and ask for what could be started next."""
        started = self._start_granted()
        if not (self._gate.shut or self._gate.asking):
            batch = [held for unit in self._next_batch() for held in unit]
            self._gate.ask([(held, job) for held in batch if (job := self._job(held)) is not None])
            started += self._start_granted()  # where the answer is there at once
        return started

    def _start_granted(self) -> int:
        granted, unanswered = self._gate.answered()
        if self._drain is not None:  # they were asked for when the draining began
            for held, _ in (*granted, *unanswered):
                if held.bundle is None:  # of a bundle, only who began says so (B3)
                    self._say_draining(held, self._drain.reason)
                self._turn_away(held, self._drain.reason)
            return 0
        self._ready.extendleft(reversed(units_of(held for held, _ in unanswered)))
        now = self._clock.boot()
        for held, _ in (late := [each for each in granted if now > each[1].start_by_boot]):
            self._turn_away(held, SLOW_CLAIM)
        begun = [each for each in granted if each not in late] if late else granted
        self._running.update((held.run_id, held) for held, _ in begun)
        for held, _ in begun:
            self._in_line.setdefault(line_of(held), held)
        if begun:
            self._slots.start([job for _, job in begun])
        return len(begun)

    def _next_batch(self) -> list[Unit]:
        """What may begin now, or stand in line behind runs known to be short."""
        free = self._slots.free()
        batch: list[Unit] = []
        while self._ready and not self._alone.keep_out(self._ready[0], batch, self._running.values()):
            if free <= len(batch) and not self._may_line_up(self._ready[0][0], len(batch), free):
                break
            batch.append(self._ready.popleft())
        return batch

    def _may_line_up(self, held: Held, before: int, free: int) -> bool:
        """Whether it is worth handing over all the same, behind so many more: of bundles one per slot."""
        if not self._pace.short(held.message.name):
            return False
        if held.bundle is not None:
            return len(self._in_line) + before - free < self._size
        return self._size * IN_LINE - len(self._running) > before

    def _job(self, held: Held) -> Job | None:
        """The run as a slot needs it; ``None`` where it must not start."""
        start_by = held.start_by(self._margin)
        # A message that can never start here would come again at once if it were shown again at once: it is refused.
        if held.hopeless(self._margin):
            self._report(held, too_short(held, self._margin, self._clock.boot()), Fate.DELETE_BEFORE)
            return None
        if self._clock.boot() > start_by:
            self._turn_away(held, "too little of its lease was left")
            return None
        return job_of(held, self._margin, start_by, self._desk.tracing)

    def _arguments_gone(self, held: Held, damaged: StoreDamaged | None) -> None:
        self._report(held, missing_arguments(held, damaged, self._clock.boot()), Fate.DELETE_BEFORE)

    # ------------------------------------------------------------ what happened

    def _handle(self, event: SlotEvent) -> None:
        held = self._running.get(event.run_id)
        if held is None:
            return
        match event:
            case Began():
                self._begin(held, event.at_boot)
                self._report(held, held.update(UpdateKind.STARTED), Fate.STAY)
                if self._drain is not None:  # it was on its way when the draining began
                    self._say_draining(held, self._drain.reason)
            case Told():
                self._told(held, event)
            case Saving():
                self._desk.save(held, event.state, partial(self._saved, held, event))
            case Loading():
                self._desk.load_state(held, partial(self._answer, held, event.question))
            case Returned():
                self._end(held, event.at_boot)
                self._desk.completed(held, event, partial(self._completed, held))
            case Raised():
                self._end(held, event.at_boot)
                self._desk.failed(held, event, partial(self._report, held, fate=Fate.DELETE_BEFORE))
            case Stopped():
                self._end(held, event.at_boot if event.begun else None)
                self._stopped(held, event)

    def _begin(self, held: Held, at_boot: int) -> None:
        self._in_line.pop(line_of(held), None)
        self._begun[held.run_id] = held
        begin(held, at_boot)

    def _end(self, held: Held, at_boot: int | None) -> None:
        del self._running[held.run_id]
        self._begun.pop(held.run_id, None)
        self._in_line.pop(line_of(held), None)
        self._stopping.discard(held.run_id)
        self._alone.discard(held.task.id)
        if at_boot is not None and held.began is not None:
            took = at_boot - held.began if held.bundle is None else held.bundle.pace(at_boot)
            self._pace.ran(held.message.name, took, held.message.lease)

    def _answer(self, held: Held, question: int, answer: Answer) -> None:
        leaving = self._drain.reason if self._drain is not None else None
        if held.run_id in self._running:  # one that ended meanwhile does not ask any more
            interrupted = answer.interrupted or leaving
            self._slots.answer(held.run_id, answer._replace(interrupted=interrupted, question=question))

    def _saved(self, held: Held, event: Saving, answer: Answer) -> None:
        self._answer(held, event.question, answer)
        if held.run_id in self._running:
            self._progress(held, event.fraction, event.note)

    def _completed(self, held: Held, said: Update) -> None:
        """R4: the result is durable; now it is reported, then the message is deleted."""
        if said.kind is UpdateKind.FAILED:
            self._report(held, said, Fate.DELETE_BEFORE)
            return
        done = (lambda: self._desk.forget(held)) if self._desk.resumable(held) else None
        hand_in(self._reporter, held, said, Fate.DELETE_AFTER, done)

    def _stopped(self, held: Held, event: Stopped) -> None:
        if event.cause == NEIGHBOUR:
            self._alone.add(held.task.id)
        if not event.begun:
            self._turn_away(held, event.cause)
            return
        self._desk.stopped(held, event, partial(self._let_go, held))

    def _let_go(self, held: Held, said: Update) -> None:
        if held.cancelled:  # nobody wants it any more: shown again, it would only start again
            self._report(held, said, Fate.DELETE_BEFORE)
        else:
            self._part(held, said)

    def _part(self, held: Held, said: Update) -> None:
        """Give back what began; while draining, not before that is known (R11)."""
        if held.run_id in self._unacknowledged:
            self._parting.append((held, said))
        else:
            self._report(held, said, Fate.GIVE_BACK)

    def _turn_away(self, held: Held, cause: str) -> None:
        """Give a message back that never began here, or drop it if nobody may start it any more (R6).

        One that was claimed, or whose beginning was told all the same, is released by its own word: "expired" ends no
        run, so the ledger would wait for its lease's end and charge it as lost.
        """
        now = self._clock.boot()
        expired = held.expired(now)
        waited_there = held.bundle is not None and held.bundle.began is not None
        if expired and not held.known and not waited_there:
            self._report(held, held.update(UpdateKind.EXPIRED), Fate.DELETE_BEFORE)
            return
        said = held.update(UpdateKind.RELEASED)._replace(note=cause, ended_boot=now)
        if expired:
            self._report(held, said, Fate.DELETE_BEFORE)
        else:
            self._part(held, said)

    def _progress(self, held: Held, fraction: float | None, note: str | None) -> bool:
        """Report how far it is, but not too often; whether it was reported."""
        if (fraction is None and note is None) or not self._desk.worth_reporting(held):
            return False
        said = held.update(UpdateKind.PROGRESSED)._replace(fraction=fraction, note=note)
        self._report(held, said, Fate.STAY)
        return True

    def _told(self, held: Held, event: Told) -> None:
        """A run that only tells its progress waits for no answer: it hears of a cancellation when it looks next."""
        reported = self._progress(held, event.fraction, event.note)
        if reported and not held.cancelled:
            self._desk.look(held, partial(self._unwanted, held))

    def _unwanted(self, held: Held) -> None:
        if held.run_id in self._running:
            self._slots.interrupt(CANCELLED, [held.run_id])

    def _report(self, held: Held, said: Update, fate: Fate) -> None:
        hand_in(self._reporter, held, said, fate)

    # ------------------------------------------------------------ giving back

    def _say_draining(self, held: Held, reason: str) -> None:
        """Its receipt must not be used by others once it was given back, and they must know that first (R11, R13)."""
        run_id = held.run_id
        self._unacknowledged.add(run_id)
        said = held.update(UpdateKind.DRAINING)._replace(note=reason)
        hand_in(self._reporter, held, said, Fate.STAY, lambda: self._unacknowledged.discard(run_id))

    def _leave(self, drain: Drain) -> None:
        """Give back what never began; what began is stopped when time is up, and given back once that was announced."""
        for held in self._lobby.empty():
            self._turn_away(held, drain.reason)
        waiting = [run_id for run_id, held in self._running.items() if held.began is None]
        if waiting:  # what has begun goes on, even if its word is still on its way
            self._slots.take_back(waiting, drain.reason)
        if self._clock.boot() >= drain.until:
            self._stop([run_id for run_id in self._running if run_id not in self._unacknowledged], drain.reason)
        parting, self._parting = self._parting, []
        for held, said in parting:
            self._part(held, said)

    def _stop(self, run_ids: Sequence[str], cause: str) -> None:
        """Stop each once; its event comes when it is seen dead."""
        fresh = [run_id for run_id in run_ids if run_id not in self._stopping]
        if fresh:
            self._stopping.update(fresh)
            self._slots.stop(fresh, cause)

    def _give_back_waiting(self) -> None:
        """Whatever waits behind a run that turned out to be long goes to another worker (R2).

        Never what has begun, even if its word is still on its way: it was late, and stopping it would be later.
        """
        for held, why in self._lobby.overdue(asking=self._gate.shut):
            self._turn_away(held, why)
        now = self._clock.boot()
        late = {line for line, held in self._in_line.items() if now - held.arrived > 2 * held.hold.turn()}
        if late:
            waiting = [run_id for run_id, held in self._running.items() if line_of(held) in late]
            self._slots.take_back(waiting, TOO_LATE)

    def _make_room(self) -> None:
        """Say how much may be received: for free slots, and ahead only in bites worth a request."""
        owed = max(0, self._desk.load - AT_STORE * self._size)
        free = self._slots.free() - len(self._lobby) - self._gate.asking - owed
        now = self._clock.boot()
        busy = sum(lasts(held, now) for held in self._begun.values())
        ahead = self._pace.ahead(max(0, self._size - busy))
        room = ahead - len(self._in_line) - max(0, -free)
        room = 0 if free <= 0 and room < ahead / 2 else room
        self._reporter.expect(more=free <= 0 and bool(self._in_line or self._lobby))
        with self._changed:
            self._room = max(0, free) + max(0, room) - len(self._inbox)
            if self._room > 0:
                self._changed.notify_all()
