"""The runs that one process has: what it says of them becomes events."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import cast

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.deaths import OutOfMemory, killed
from leasehold.adapters.slots.entry import Entry
from leasehold.adapters.slots.frames import (
    BEGAN,
    JOB,
    LOADING,
    OUTPUT,
    RAISED,
    RETURNED,
    SAVING,
    TOLD,
    UNBEGUN,
    YIELDED,
    Message,
)
from leasehold.adapters.slots.lending import Loan
from leasehold.adapters.slots.logs import Log
from leasehold.adapters.slots.spool import Spool, Text
from leasehold.core.redaction import Redaction
from leasehold.ports.slots import Began, Job, Loading, Raised, Saving, SlotEvent, Told

LATE = "its turn came too late"
UNCLAIMED = 1 << 20
"""Bytes of raw output that wait for a beginning, at most."""
SPEAKS_OF_RUNS = frozenset({BEGAN, RETURNED, RAISED, YIELDED, UNBEGUN, SAVING, LOADING, TOLD, OUTPUT})


class Runs:
    """Runs from hand-over to end, in the order of hand-over."""

    def __init__(
        self,
        spool: Spool,
        give_back: Callable[[list[Job]], None],
        learn: Callable[[str, int], None],
        oom: OutOfMemory,
        redaction: Redaction | None = None,
    ) -> None:
        self._spool = spool
        self._give_back = give_back
        self._learn = learn
        self._oom = oom
        self._redaction = redaction
        self.entries: dict[int, Entry] = {}
        self._numbers: dict[str, int] = {}
        self.last = 0
        """The number of the job handed over last."""
        self._begun_last: Entry | None = None
        self._unclaimed = b""
        """Raw output that came before the word of the run it belongs to."""
        self.stray = Log()
        """Raw output that belongs to no run: printed while the application was loaded, or more than can be meant."""
        self.events: list[SlotEvent] = []

    def add(self, job: Job, loan: Loan) -> Message | None:
        """A run more, with its loan of variables; the message that hands it over, if its arguments find room."""
        try:
            arguments = self._spool.give(job.arguments)
        except OSError as error:
            self.events.append(Entry(job).stopped(boot(), f"its arguments cannot be spooled: {error}"))
            return None
        self.last += 1
        self.entries[self.last] = Entry(job, self._redaction, loan)
        self._numbers[job.run_id] = self.last
        start_by = min(job.start_by_boot, job.deadline_boot)
        numbers = (job.n, job.r, job.deadline_boot, start_by)
        return (JOB, self.last, job.task_id, job.name, arguments, *numbers, loan, job.trace)

    def find(self, run_id: str) -> int | None:
        """The number of a run that is here."""
        return self._numbers.get(run_id)

    def remove(self, seq: int) -> Entry:
        """It is here no more."""
        entry = self.entries.pop(seq)
        del self._numbers[entry.job.run_id]
        if entry is self._begun_last:
            self._begun_last = None
        return entry

    def unbegun(self) -> list[int]:
        """The numbers of those that have not said that they begin."""
        return [seq for seq, entry in self.entries.items() if entry.began is None]

    def presume(self, seq: int, at: int) -> None:
        """It may have begun, and said so where nobody heard it: it counts as begun."""
        self._begin(self.entries[seq], at)

    def print_raw(self, piece: bytes) -> None:
        """Raw output belongs to the run begun last; where there is none, to the one whose beginning is on its way."""
        if self._begun_last is not None:
            self._begun_last.take_output(piece, len(piece))
        elif len(self._unclaimed) < UNCLAIMED:
            self._unclaimed += piece
        else:
            self.stray.add(piece, len(piece))

    def disown(self) -> None:
        """No run can have printed what is unclaimed up to now."""
        self.stray.add(self._unclaimed, len(self._unclaimed))
        self._unclaimed = b""

    def turn_away(self, seq: int, at: int) -> None:
        """It did not begin: for good, or to be begun elsewhere."""
        entry = self.remove(seq)
        entry.began = None
        if (cause := entry.stop or entry.unwanted) is not None:
            self.events.append(entry.stopped(at, cause))
        elif at > min(entry.job.start_by_boot, entry.job.deadline_boot):
            self.events.append(entry.stopped(at, LATE))
        else:
            self._give_back([entry.job])

    def hear(self, message: Message) -> None:
        """What the child says of a run. Of one that was taken back, nothing counts any more."""
        kind, seq = cast("tuple[int, int]", message[:2])
        entry = self.entries.get(seq)
        if entry is None:
            return
        if kind == BEGAN:
            self._begin(entry, cast("int", message[2]))
        elif kind == UNBEGUN:
            self.turn_away(seq, cast("int", message[2]))
        elif kind in {RETURNED, RAISED, YIELDED}:
            self._ended(seq, entry, message)
        else:
            self._said(entry, message)

    def _begin(self, entry: Entry, at: int) -> None:
        entry.began = at
        entry.take_output(self._unclaimed, len(self._unclaimed))
        self._unclaimed = b""
        self._begun_last = entry
        self.events.append(Began(entry.job.run_id, at))

    def _ended(self, seq: int, entry: Entry, message: Message) -> None:
        kind, _, _, took, payload, piece, stands_for = cast("tuple[int, int, int, int, Text, bytes, int]", message)
        result = self._spool.take(payload) if kind == RETURNED else None  # first: a file that is not there ends no run
        self.remove(seq)
        entry.take_output(piece, stands_for)
        end = entry.ended(message, result)
        if isinstance(end, Raised) and end.failure.signal == signal.SIGKILL and self._oom.again():
            end = end._replace(failure=killed(signal.SIGKILL, oom=True))  # it was not the child, but its program
        self.events.append(end)
        self._learn(entry.job.name, took)

    def _said(self, entry: Entry, message: Message) -> None:
        run_id = entry.job.run_id
        kind = message[0]
        if kind == OUTPUT:
            entry.take_output(cast("bytes", message[2]), cast("int", message[3]))
        elif kind == LOADING:
            self.events.append(Loading(run_id, cast("int", message[2])))
        elif kind == TOLD:
            fraction, note = cast("tuple[float | None, str | None]", message[2:])
            self.events.append(Told(run_id, fraction, entry.note(note)))
        else:
            question, state, fraction, note = cast("tuple[int, Text, float | None, str | None]", message[2:])
            self.events.append(Saving(run_id, self._spool.take(state), fraction, entry.note(note), question))
