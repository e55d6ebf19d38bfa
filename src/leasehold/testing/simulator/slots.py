"""Slots in a simulated world: runs take their time, save, succeed, fail, crash, hang, and die by the guard.

What a handler does, by its name: ``work``, ``large`` (its arguments and results need the store) and ``new`` (only new
workers know it) mostly succeed, ``flaky`` fails half the time, ``hang`` never ends by itself while trouble lasts,
``poison`` always raises, ``killer`` kills its worker before that can say anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from leasehold.core.model import Failure, FailureKind
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
    Stopped,
    Told,
)
from leasehold.testing.simulator.chance import Chance
from leasehold.testing.simulator.life import Life, Living
from leasehold.testing.simulator.terms import GRACE
from leasehold.testing.turns import next_turn, places_taken

NEVER = 1 << 60
LARGE = 40_000
"""Characters of a result that has to go to the store."""
BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "boom", "jobs.py:work")
OVERRUN = Failure(FailureKind.LEASE, "LeaseOverrun", "it was not over in time")
SEGFAULT = Failure(FailureKind.SIGNAL, "Killed", "it died by signal 11", signal=11)


class Running:
    """One run under way."""

    __slots__ = ("cause", "ends", "hangs", "job", "killed_at", "waits")

    def __init__(self, job: Job, ends: int, killed_at: int) -> None:
        self.job = job
        self.ends = ends
        """When it ends by itself."""
        self.killed_at = killed_at
        """When its guard has killed it, at the latest."""
        self.waits = False
        """For an answer of its worker."""
        self.cause: str | None = None
        """Why it was asked to end early, if it was."""


class WorldSlots:
    """The slots of one worker."""

    def __init__(
        self,
        clock: Clock,
        life: Life,
        chance: Chance,
        *,
        worker: str,
        places: int,
        knows: Callable[[str], bool],
        stands_still: Callable[[], bool],
        die: Callable[[], None],
        peace: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self.running: dict[str, Running] = {}
        self._clock = clock
        self._life = life
        self._chance = chance
        self._worker = worker
        self._places = places
        self._knows = knows
        self._stands_still = stands_still
        self._die = die
        self._peace = peace
        self._say = say
        self._line: deque[Job] = deque()
        self._events: list[SlotEvent] = []

    # ------------------------------------------------------------ the port

    def free(self) -> int:
        """How many runs could begin at once now."""
        return max(0, self._places - places_taken(self._line, self._jobs()))

    def knows(self, name: str) -> bool:
        """Whether the application has this handler."""
        return self._knows(name)

    def start(self, jobs: Sequence[Job]) -> None:
        """Hand over."""
        self._line.extend(jobs)
        self.tick()

    def events(self, wait: int) -> list[SlotEvent]:
        """What happened. Runs that wait for nobody may ask something of their worker."""
        del wait
        self.tick()
        for running in self.running.values():
            if not running.waits and self._chance.random() < 0.2:
                self._speak(running)
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Nothing sleeps here."""

    def answer(self, run_id: str, answer: Answer) -> None:
        """Answer a ``Saving`` or ``Loading``."""
        running = self.running.get(run_id)
        if running is not None:
            running.waits = False
            if answer.interrupted is not None:
                self._hear(running, answer.interrupted)

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        """Tell these runs that they should end soon. Some look, some do not."""
        for run_id, running in self.running.items():
            if (run_ids is None or run_id in run_ids) and self._chance.random() < 0.5:
                self._hear(running, reason)

    def take_back(self, run_ids: Sequence[str], cause: str) -> None:
        """What waits never begins."""
        for job in [job for job in self._line if job.run_id in run_ids]:
            self._line.remove(job)
            self._events.append(Stopped(job.run_id, self._clock.boot(), cause, begun=False))

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        """End these runs; waiting ones never begin."""
        now = self._clock.boot()
        self.take_back(run_ids, cause)
        for run_id in run_ids:
            running = self.running.get(run_id)
            if running is not None:
                running.cause = cause
                running.killed_at = min(running.killed_at, now + self._chance.randrange(GRACE))

    def close(self) -> None:
        """Kill everything."""
        for run_id in list(self.running):
            self._life.end(run_id)
        self.running.clear()
        self._line.clear()

    # ------------------------------------------------------------ the world's side

    def tick(self) -> None:
        """Time has passed: what is over ends, what may begin begins."""
        now = self._clock.boot()
        for running in list(self.running.values()):
            if running.job.run_id not in self.running:
                continue  # it died with another one just now
            if running.killed_at <= now:
                self._killed(running, now)
            elif running.ends <= now and not running.waits:
                self._ends(running, now)
        while len(self.running) < self._places and (job := next_turn(self._line, self._jobs())) is not None:
            self._begin(job, now)

    def _jobs(self) -> list[Job]:
        return [running.job for running in self.running.values()]

    def next_at(self) -> int | None:
        """When something happens by itself next (``boot`` ms)."""
        ends = [min(r.killed_at, NEVER if r.waits else r.ends) for r in self.running.values()]
        return min(ends, default=None)

    def supervisor_died(self) -> None:
        """The guards notice, and kill what is below them within a moment."""
        self._line.clear()
        soon = self._clock.boot() + self._chance.randrange(GRACE)
        for running in self.running.values():
            running.killed_at = min(running.killed_at, soon)

    def beat(self) -> None:
        """The machine stood still and goes on: whatever is overdue may do something before its guard acts."""
        for run_id, running in self.running.items():
            living = self._life.alive.get(run_id)
            if living is not None and living.overdue and self._chance.random() < 0.5:
                running.killed_at = min(running.killed_at, self._clock.boot())
                self._life.beat(living)

    # ------------------------------------------------------------ runs

    def _begin(self, job: Job, now: int) -> None:
        if now > job.start_by_boot:
            self._events.append(Stopped(job.run_id, now, "its turn came too late", begun=False))
            return
        if job.name == "killer":
            self._die()
            return
        chance = self._chance
        ends = now + chance.randrange(chance.choice((1, 2_000, 20_000)))
        if not self._peace() and (job.name == "hang" or chance.random() < 0.05):
            ends = NEVER
        running = Running(job, ends, job.deadline_boot + chance.randrange(GRACE))
        self.running[job.run_id] = running
        self._life.begin(Living(job, self._worker, self._clock.boot, self._stands_still))
        self._events.append(Began(job.run_id, now))
        self._say(f"{self._worker}: run {job.n}.{job.r} of task {job.task_id} begins")

    def _hear(self, running: Running, cause: str) -> None:
        running.cause = cause
        running.ends = min(running.ends, self._clock.boot() + self._chance.randrange(3_000))

    def _speak(self, running: Running) -> None:
        run_id, chance = running.job.run_id, self._chance
        fraction = chance.random()
        match chance.randrange(3):
            case 0:
                self._life.write(running.job)
                self._events.append(Saving(run_id, str(chance.randrange(9)), fraction, None))
                running.waits = True
            case 1:
                self._events.append(Loading(run_id))
                running.waits = True
            case _:
                self._events.append(Told(run_id, fraction, None))

    def _killed(self, running: Running, now: int) -> None:
        run_id = running.job.run_id
        if running.cause is not None and now < running.job.deadline_boot:
            self._end(Stopped(run_id, now, running.cause, begun=True))
        else:
            self._end(Raised(run_id, now, OVERRUN))

    def _ends(self, running: Running, now: int) -> None:
        job, chance = running.job, self._chance
        fails = {"poison": 1.0, "flaky": 0.5}.get(job.name, 0.1)
        if self._peace() and job.name != "poison":
            fails = 0.0
        if running.cause is not None:
            self._end(Stopped(job.run_id, now, running.cause, begun=True))
        elif chance.random() < fails:
            self._fail(running, now)
        else:
            self._life.write(job)
            large = job.name == "large" and chance.random() < 0.5
            result = f'"{job.run_id}{"." * (LARGE if large else 0)}"'
            self._life.returned[job.run_id] = result
            self._end(Returned(job.run_id, now, result, *self._log()))

    def _fail(self, running: Running, now: int) -> None:
        run_id, chance = running.job.run_id, self._chance
        if chance.random() < 0.7:
            after = chance.choice((None, 0, 3_000))
            log, log_bytes = self._log()
            self._end(Raised(run_id, now, BOOM, after=after, log=log, log_bytes=log_bytes))
            return
        self._end(Raised(run_id, now, SEGFAULT))
        for other in list(self.running.values()):  # runs side by side in one process die with it
            if chance.random() < 0.5:
                self._end(Stopped(other.job.run_id, now, NEIGHBOUR, begun=True))

    def _log(self) -> tuple[bytes, int]:
        size = self._chance.choice((0, 0, 10, 10_000))
        return b"x" * size, size

    def _end(self, event: Returned | Raised | Stopped) -> None:
        job = self.running.pop(event.run_id).job
        self._life.end(event.run_id)
        self._say(f"{self._worker}: run {job.n}.{job.r} of task {job.task_id} ends: {type(event).__name__}")
        self._events.append(event)
