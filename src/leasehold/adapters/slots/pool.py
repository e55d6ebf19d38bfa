"""The slots of one worker: a line of jobs before them, and one ear for all."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.deaths import OutOfMemory
from leasehold.adapters.slots.environment import scrubbed
from leasehold.adapters.slots.orphans import Orphans
from leasehold.adapters.slots.process import Launch
from leasehold.adapters.slots.shared import Kind, Shared
from leasehold.adapters.slots.slot import Slot
from leasehold.adapters.slots.starts import Starts
from leasehold.adapters.slots.tempo import Tempo
from leasehold.core.errors import BadApplication, UnknownHandler
from leasehold.core.redaction import Redaction
from leasehold.ports.handlers import LOADER
from leasehold.ports.slots import Answer, Job, SlotEvent, Stopped

MEBIBYTE = 1 << 20
GRACE = 5_000
READABLE = select.POLLIN | select.POLLHUP
LOADING_TIME = 60_000
"""ms that an application may take to load."""


class Recycling(NamedTuple):
    """When a child is replaced by a new one: after so many runs, or once it holds so much memory while idle."""

    runs: int = 10_000
    mebibytes: int = 512


class SlotPool:
    """``ports.slots.Slots`` with one guarded process per slot.

    Args:
        spec: the application: ``module:attr``, ``path/to/file.py[:attr]`` or ``command:{...}``.
        count: how many slots.
        grace: ms between asking a run to end and killing it.
        env: what children may see of the environment: the allow-list of ``environment.py`` picks from it.
        also: names of further variables to hand on.
        recycling: when children are replaced.
        memory_limit: bytes that one slot's processes may use together; ``None`` = no limit.
        loader: dotted name of the function that turns ``spec`` into handlers, imported in the child only.
        redaction: what of their arguments runs do not show in errors, logs and notes; ``None``: nothing is hidden.
        adopt: this process runs nothing but slots, and takes every orphan below it for theirs.
    """

    def __init__(
        self,
        spec: str,
        count: int,
        *,
        env: Mapping[str, str],
        grace: int = GRACE,
        also: Iterable[str] = (),
        recycling: Recycling | None = None,
        memory_limit: int | None = None,
        loader: str = LOADER,
        adopt: bool = False,
        redaction: Redaction | None = None,
    ) -> None:
        self._recycling = recycling or Recycling()
        self._tempo = Tempo()
        self._line: deque[Job] = deque()
        self._returned: list[Job] = []
        self._events: list[SlotEvent] = []
        self._kinds: dict[str, Kind] | None = None
        self._starts = Starts()
        self._openings: list[int] = []
        """When places without a process get one."""
        self._poll = select.poll()
        self._ears: dict[int, Slot] = {}
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        self._poll.register(self._woken, READABLE)
        launch = Launch(spec, loader, scrubbed(env, also), memory_limit or 0, Orphans(adopt=adopt))
        self._shared = Shared(launch, env, grace, OutOfMemory(), self._returned.extend, redaction, self._tempo.learn)
        self._slots = [self._open() for _ in range(count)]

    # ------------ what a worker asks
    def free(self) -> int:
        """How many runs could begin at once now; none while others wait, so that nobody overtakes them."""
        if self._line or self._returned:
            return 0
        return sum(self._places(slot) for slot in self._slots)

    def knows(self, name: str) -> bool:
        """Whether the application has this handler. Waits until it is loaded.

        Raises:
            BadApplication: it cannot be loaded.
        """
        return name in self.kinds()

    def kinds(self) -> dict[str, Kind]:
        """Every handler that the application has. Waits until it is loaded."""
        late = boot() + LOADING_TIME
        while self._kinds is None:
            if boot() > late:
                raise BadApplication("the application is still loading after a minute; do less while it is imported")
            self._turn(LOADING_TIME)
        return self._kinds

    def start(self, jobs: Sequence[Job]) -> None:
        """Hand over. What finds no free slot waits in one line for the first that becomes free."""
        kinds = self.kinds()
        for job in jobs:
            if job.name not in kinds:
                raise UnknownHandler(f"the application has no handler {job.name!r}")
        self._line.extend(jobs)
        self._feed()

    def events(self, wait: int) -> list[SlotEvent]:
        """What happened, waiting up to ``wait`` ms for the first event, for a place that becomes free, or for ``wake``.

        Raises:
            BadApplication: the application cannot be loaded any more.
        """
        self._turn(0 if self._events else wait)
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Make an ``events`` under way in another thread return at once."""
        try:
            os.write(self._wake, b"!")
        except BlockingIOError:
            return  # it is awake already

    def answer(self, run_id: str, answer: Answer) -> None:
        """Answer a ``Saving`` or ``Loading``."""
        for slot in self._slots:
            slot.answer(run_id, answer)

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        """Tell these runs, or every running handler, that they should end soon."""
        for slot in self._slots:
            slot.interrupt(reason, run_ids)

    def take_back(self, run_ids: Sequence[str], cause: str) -> None:
        """Those of these runs that have not begun never do; what has begun goes on."""
        self._turn_away(run_ids, cause)
        for slot in self._slots:
            slot.take_back(run_ids, cause)
            self._events += slot.events()

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        """End these runs; each yields its event when it is seen dead. Waiting ones never begin."""
        self._turn_away(run_ids, cause)
        for slot in self._slots:
            slot.stop(run_ids, cause)
            self._events += slot.events()

    def _turn_away(self, run_ids: Sequence[str], cause: str) -> None:
        """Those that no slot has yet."""
        self._retrieve()
        wanted, now = frozenset(run_ids), boot()
        waiting = [job for job in self._line if job.run_id in wanted]
        for job in waiting:
            self._line.remove(job)
        self._events += [Stopped(job.run_id, now, cause, begun=False) for job in waiting]

    def close(self) -> None:
        """Kill everything, return when nothing is left alive."""
        for slot in self._slots:
            slot.process.kill()
        for slot in self._slots:
            slot.close()
        self._slots.clear()
        self._shared.launch.orphans.release()
        for end in (self._woken, self._wake):
            os.close(end)

    # ------------ its turn
    def _turn(self, wait: int) -> None:
        """Wait for something to happen, and take it in."""
        self._feed()
        for slot in self._slots:
            if slot.process.clogged:  # by an answer, perhaps: whoever sends need not think of it
                self._watch_inward(slot)
        for fd, _ in self._poll.poll(self._patience(wait)):
            if fd == self._woken:
                drain(fd)
            else:
                self._attend(fd)
        self._tick()
        self._feed()

    def _patience(self, wait: int) -> int:
        alarm = min([slot.alarm for slot in self._slots] + self._openings)
        return max(0, min(wait, alarm - boot()))

    def _attend(self, fd: int) -> None:
        """Something came in at one of a slot's pipes."""
        slot = self._ears.get(fd)
        if slot is None:
            return  # its slot died a moment ago
        process = slot.process
        if fd == process.outward:
            self._events += slot.take()
            if slot.deaf:
                self._poll.unregister(fd)
            self._meet(slot)
        elif fd == process.raw:
            if not slot.take_raw():
                self._poll.unregister(fd)
        elif fd == process.inward:
            process.push()
            self._watch_inward(slot)
        elif (events := slot.death()) is not None:
            self._events += events
            self._replace(slot)

    def _meet(self, slot: Slot) -> None:
        """A child has loaded the application, or has had enough runs."""
        if slot.handlers is not None and not slot.met:
            slot.met = True
            self._kinds = slot.handlers
            self._starts.loaded(boot() - slot.opened_at)
        slot.worn = self._worn(slot)

    def _worn(self, slot: Slot) -> bool:
        return slot.runs.last >= self._recycling.runs or slot.size > self._recycling.mebibytes * MEBIBYTE

    def _tick(self) -> None:
        now = boot()
        for slot in self._slots:
            if slot.alarm <= now:
                slot.tick(now)
                self._events += slot.events()
            if slot.worn and not slot.leaving and not slot.runs.entries:
                slot.leave()
        if self._openings:
            self._reopen(now)

    # ------------ life and death
    def _open(self) -> Slot:
        slot = Slot(self._shared)
        process = slot.process
        for fd in (process.outward, process.raw, process.control.fileno()):
            self._ears[fd] = slot
            self._poll.register(fd, READABLE)
        return slot

    def _replace(self, slot: Slot) -> None:
        """A process is dead: a new one takes its place; later, if it died before it had loaded the application."""
        for fd in [fd for fd, owner in self._ears.items() if owner is slot]:
            del self._ears[fd]
            self._forget(fd)
        self._slots.remove(slot)
        delay = 0 if slot.handlers else self._starts.fail(slot.broken, slot.runs.stray.kept().decode(errors="replace"))
        self._openings.append(boot() + delay)

    def _reopen(self, now: int) -> None:
        """Start what is due; what cannot be loaded at all is not tried for ever."""
        if self._starts.hopeless(alive=any(slot.handlers for slot in self._slots)):
            raise BadApplication(f"the application cannot be loaded: {self._starts.excuse}")
        for due in [due for due in self._openings if due <= now]:
            self._openings.remove(due)
            self._slots.append(self._open())

    def _forget(self, fd: int) -> None:
        try:
            self._poll.unregister(fd)
        except KeyError:
            return

    # ------------ the line
    def _retrieve(self) -> None:
        """What slots have given back goes before everything that waits."""
        if self._returned:
            self._line.extendleft(reversed(self._returned))
            self._returned.clear()

    def _feed(self) -> None:
        """Hand out the line, in its order."""
        self._retrieve()
        while self._line:
            job = self._line[0]
            kind = (self._kinds or {}).get(job.name)
            if kind is None:  # the application was loaded anew, and has changed
                self._line.popleft()
                cause = f"the application has no handler {job.name!r} any more"
                self._events.append(Stopped(job.run_id, boot(), cause, begun=False))
                continue
            found = self._find(job, kind)
            if found is None:
                return
            slot, room = found
            jobs = [self._line.popleft()]
            while len(jobs) < room and self._line and self._line[0].name == job.name:
                jobs.append(self._line.popleft())
            slot.hand(jobs, kind)
            self._events += slot.events()
            self._watch_inward(slot)

    def _watch_inward(self, slot: Slot) -> None:
        """Listen for room in a slot's pipe while messages wait for it."""
        inward = slot.process.inward
        if slot.process.clogged:
            self._ears[inward] = slot
            self._poll.register(inward, select.POLLOUT)
        elif self._ears.pop(inward, None) is not None:
            self._poll.unregister(inward)

    def _find(self, job: Job, kind: Kind) -> tuple[Slot, int] | None:
        """A slot for this job, and how many like it may go with it."""
        if kind.is_async:
            fitting = [slot for slot in self._slots if room(slot, kind.concurrency) and shares_with(slot, kind)]
            return (min(fitting, key=load), 1) if fitting else None
        together = self._tempo.together(job.name)
        for slot in self._slots:
            if slot.idle:
                return slot, together
        return self._behind_short_runs(together) if together > 1 else None

    def _places(self, slot: Slot) -> int:
        """How many runs could begin in it at once; one whose child starts quickly is as good as ready."""
        if slot.handlers is None:
            return int(self._starts.quick)
        return room(slot, slot.limit) if slot.runs.entries else int(slot.open)

    def _behind_short_runs(self, together: int) -> tuple[Slot, int] | None:
        """A slot whose child should have more in hand, so that it never waits for us."""
        now = boot()
        for slot in self._slots:
            if slot.flows(now):
                space = together - load(slot)
                if 2 * space >= together:
                    return slot, space
        return None


def shares_with(slot: Slot, kind: Kind) -> bool:
    """Whether a run of that handler may be beside those in it: what one of them is lent, all of them see."""
    return not slot.runs.entries or (slot.kind is not None and slot.kind.environment == kind.environment)


def load(slot: Slot) -> int:
    """How many runs it has."""
    return len(slot.runs.entries)


def room(slot: Slot, limit: int) -> int:
    """How many async runs more it could begin at once, of a handler with that concurrency."""
    if not slot.open:
        return 0
    if not slot.runs.entries:
        return limit
    return max(0, min(limit, slot.limit) - load(slot)) if slot.shares else 0


def drain(fd: int) -> None:
    """Empty a pipe of wake-ups."""
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        return
