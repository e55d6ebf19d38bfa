"""Slots without processes, in which each run takes the time that it is told to take: for fleets of many nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from threading import Condition

from leasehold.ports.clock import Clock
from leasehold.ports.slots import Answer, Began, Job, Returned, SlotEvent, Stopped


class TimedSlots:
    """The Slots port for measuring the roles around it: nothing runs, so there is no leash and no crash.

    ``lasting`` says how many ms a job takes. The clock may be a machine's or a manual one: ``next_at`` says when the
    next run ends, for whoever turns it. Thread-safe.
    """

    def __init__(
        self,
        clock: Clock,
        size: int,
        lasting: Callable[[Job], int] = lambda _: 0,
        *,
        began: Callable[[Job, int], None] = lambda _job, _at: None,
        result: str = "null",
    ) -> None:
        """``began`` hears of each job when it begins, with the instant (``boot`` ms); each run returns ``result``."""
        self._clock = clock
        self._size = size
        self._lasting = lasting
        self._began = began
        self._result = result
        self._line: deque[Job] = deque()
        self._running: dict[str, int] = {}
        """When each run ends, by run_id."""
        self._ends: list[tuple[int, str]] = []
        self._events: list[SlotEvent] = []
        self._changed = Condition()
        self._woken = False

    def free(self) -> int:
        """How many runs could begin at once now."""
        with self._changed:
            return max(0, self._size - len(self._running) - len(self._line))

    def knows(self, name: str) -> bool:
        """Every handler."""
        del name
        return True

    def start(self, jobs: Sequence[Job]) -> None:
        """Hand over; jobs beyond ``free()`` wait."""
        with self._changed:
            self._line.extend(jobs)
            self._go_on()

    def events(self, wait: int) -> list[SlotEvent]:
        """What happened, waiting up to ``wait`` ms for the first event."""
        with self._changed:
            self._go_on()
            until = self._clock.boot() + wait
            while not self._events and not self._woken and (left := self._sleep(until)) > 0:
                self._changed.wait(left / 1000)
                self._go_on()
            self._woken = False
            events, self._events = self._events, []
            return events

    def _sleep(self, until: int) -> int:
        return min(until, self._next(), key=int) - self._clock.boot()

    def _next(self) -> int:
        while self._ends and self._running.get(self._ends[0][1]) != self._ends[0][0]:
            heappop(self._ends)  # it was stopped
        return self._ends[0][0] if self._ends else 1 << 60

    @property
    def next_at(self) -> int | None:
        """When the next run ends (``boot`` ms)."""
        with self._changed:
            at = self._next()
            return at if self._running else None

    def _go_on(self) -> None:
        """What is over ends, at the instant at which it was over; what stood in line begins then."""
        now = self._clock.boot()
        self._fill(now)
        while (at := self._next()) <= now:
            _, run_id = heappop(self._ends)
            del self._running[run_id]
            self._events.append(Returned(run_id, at, self._result))
            self._fill(at)

    def _fill(self, at: int) -> None:
        while self._line and len(self._running) < self._size:
            job = self._line.popleft()
            if at > job.start_by_boot:
                self._events.append(Stopped(job.run_id, at, "its turn came too late", begun=False))
                continue
            self._events.append(Began(job.run_id, at))
            self._began(job, at)
            ends = at + self._lasting(job)
            self._running[job.run_id] = ends
            heappush(self._ends, (ends, job.run_id))

    def wake(self) -> None:
        """End an ``events`` under way."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def answer(self, run_id: str, answer: Answer) -> None:
        """Nobody asks."""

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        """Nobody listens."""

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        """End these runs."""
        with self._changed:
            now = self._clock.boot()
            for run_id in run_ids:
                waiting = next((job for job in self._line if job.run_id == run_id), None)
                if waiting is not None:
                    self._line.remove(waiting)
                    self._events.append(Stopped(run_id, now, cause, begun=False))
                elif self._running.pop(run_id, None) is not None:
                    self._events.append(Stopped(run_id, now, cause, begun=True))
            self._go_on()
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is left behind."""
        with self._changed:
            self._running.clear()
            self._line.clear()
