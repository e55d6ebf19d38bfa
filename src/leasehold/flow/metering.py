"""The meter: how many requests this process makes to queues, and how that comes to be known in the ledger.

An orchestrator writes what it counted once a minute, and so does a worker in ``single-queue``. A worker in
``two-queue`` has no ledger: its counts ride in status messages that it sends anyhow, and cause none while it works.
Counts are kept in memory until then. What a crash takes along is not counted, and a message that the queue delivers
twice counts twice: this is a meter, not an audit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock

from leasehold.core.errors import Unavailable
from leasehold.core.happening import LAGGED, Happened, ends, lasted, timed
from leasehold.core.metering import STATUS, Action, Count, Tally, steps
from leasehold.core.model import Decision
from leasehold.core.units import DAY, MINUTE
from leasehold.ports.clock import Clock
from leasehold.ports.ledger import Applied, Flight, Ledger

SPAN = 15 * MINUTE
"""ms that are counted together: how exactly counts that travel late are put into their hour."""

EVERY = MINUTE
"""ms between two times that counts are told on."""

MOST = 2_000
"""Cells that are held at once: days of an idle worker. Beyond them time stands still, and new cells are dropped."""

RIDING = 100
"""Counts that ride in one message: at most some 10 KiB."""

KEPT = 92 * DAY
"""How long the ledger keeps its hours."""

Cell = tuple[int, str, Action]


class Meter:
    """Counts requests, and tasks that end, by queue and quarter of an hour. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._cells: dict[Cell, Tally] = {}
        self._times: Counter[tuple[str, str]] = Counter()
        """By queue, what ``core.happening`` says of durations."""
        self._newest = 0
        self._told = clock.boot()

    def count(self, queue: str, action: Action, *, size: int = 0, messages: int = 0, failed: bool = False) -> None:
        """One request about ``messages`` messages with ``size`` bytes of payload."""
        empty = action is Action.RECEIVE and not messages and not failed
        self._add(0, queue, action, Tally(1, steps(size), int(empty), int(failed), messages))

    def sent_along(self, queue: str, messages: int) -> None:
        """Messages were sent without a request of their own, so none is counted."""
        self._add(0, queue, Action.SEND, Tally(messages=messages))

    def ended(self, answers: Sequence[Applied]) -> None:
        """Reports were recorded: of those that ended a task, one each."""
        decided = [answer for answer in answers if isinstance(answer, Decision)]
        lines = [(each.task.queue, line) for each in decided for line in each.audit]
        for queue, tasks in Counter(queue for queue, line in lines if ends(line.before, line.after)).items():
            self._add(0, f"tasks:{queue}", Action.ENDED, Tally(messages=tasks))
        for each in decided:
            for what, ms in timed(each):
                self._took(each.task.queue, what, ms)

    def looked(self, flights: Mapping[str, Flight], windows: Mapping[str, int]) -> None:
        """An orchestrator looked at how many tasks wait that could run now, and how many might be on each queue."""
        self._add(0, STATUS, Action.WAITED, Tally(requests=1))
        for queue, flight in flights.items():
            found = {Action.WAITED: flight.due + flight.queued + flight.lapsed, Action.WINDOW: windows.get(queue, 0)}
            for action, tasks in found.items():
                if tasks:
                    self._add(0, f"tasks:{queue}", action, Tally(messages=tasks))

    def lagged(self, ms: int) -> None:
        """Reports were recorded, the oldest of them so long after it was sent."""
        self._took(STATUS, LAGGED, ms)

    def hear(self, counts: Iterable[Count]) -> None:
        """What a worker counted. How long its message was on its way hardly matters."""
        for each in counts:
            self._add(each.age, each.queue, each.action, each.tally)

    @property
    def due(self) -> bool:
        """Whether it is time to tell what was counted."""
        return bool(self._cells) and self.late

    @property
    def late(self) -> bool:
        """Whether anything that was counted would have to be told now."""
        return self._clock.boot() - self._told >= EVERY

    def take(self, limit: int | None = None) -> list[Count]:
        """What was counted, oldest first; it is counted here no longer."""
        with self._lock:
            now = self._told = self._clock.boot()
            taken = [(cell, self._cells.pop(cell)) for cell in sorted(self._cells)[:limit]]
        return [Count(max(0, now - span * SPAN), queue, action, tally) for (span, queue, action), tally in taken]

    def take_times(self) -> list[Happened]:
        """How long runs and waits took; it is counted here no longer."""
        with self._lock:
            taken, self._times = self._times, Counter()
        return [Happened(*cell, times) for cell, times in sorted(taken.items())]

    def put_back(self, counts: Iterable[Count], times: Iterable[Happened] = ()) -> None:
        """It was not told after all."""
        self.hear(counts)
        with self._lock:
            for queue, what, more in times:
                self._times[queue, what] += more

    def _took(self, queue: str, what: str, ms: int) -> None:
        with self._lock:
            for word, more in lasted(what, ms):
                self._times[queue, word] += more

    def _add(self, age: int, queue: str, action: Action, tally: Tally) -> None:
        with self._lock:
            span = (self._clock.boot() - age) // SPAN
            full = len(self._cells) >= MOST
            if not full:
                self._newest = max(self._newest, span)
            cell = (min(span, self._newest), queue, action)
            if not full or cell in self._cells:
                self._cells[cell] = tally.plus(self._cells.get(cell, Tally()))


class Accounts:
    """Takes what a process counted to the ledger, and keeps the ledger's hours in order.

    ``windows``: how many messages may be on each queue that nobody has started yet, as the dispatcher of this process
    has it.
    """

    def __init__(self, meter: Meter, ledger: Ledger, windows: Callable[[], Mapping[str, int]] = dict[str, int]) -> None:
        self._meter = meter
        self._ledger = ledger
        self._windows = windows

    def write(self) -> None:
        """Write what was counted, if it is time to."""
        if self._meter.due:
            self.close()

    def keep(self) -> None:
        """As ``write``, with how many tasks wait and may be sent; then add up what others wrote, forget what is old.

        Also where no request was made: that somebody looks, and what he lets wait, is worth knowing then above all.
        """
        if self._meter.late:
            with suppress(Unavailable):
                self._meter.looked(self._ledger.flights(), self._windows())
            self.close()
            with suppress(Unavailable):
                self._ledger.fold_requests(self._ledger.now() - KEPT)

    def close(self) -> None:
        """Write what was counted. What cannot be written is kept for the next time: nobody's work waits for it."""
        counts, times = self._meter.take(), self._meter.take_times()
        try:
            if counts or times:
                self._ledger.note_requests(counts, times)
        except Unavailable:
            self._meter.put_back(counts, times)
