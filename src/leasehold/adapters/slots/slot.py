"""One process that runs: giving it work, the leash on it, and what its death means for each of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.deaths import classify
from leasehold.adapters.slots.entry import LEASE_OVER, Entry
from leasehold.adapters.slots.environment import lent
from leasehold.adapters.slots.frames import (
    ANSWER,
    CANCEL,
    CANNOT,
    HELLO,
    INTERRUPT,
    INTERRUPT_ONE,
    LEAVE,
    LITTERED,
    SIZE,
    Garbage,
    Message,
)
from leasehold.adapters.slots.heard import understood
from leasehold.adapters.slots.process import Death, Process
from leasehold.adapters.slots.runs import SPEAKS_OF_RUNS, Runs
from leasehold.adapters.slots.shared import Kind, Shared
from leasehold.core.model import Failure, FailureKind
from leasehold.ports.slots import NEIGHBOUR, SIBLING, Answer, Job, SlotEvent

NEVER = 1 << 62
DYING = 1_000
"""ms between the end of a child's pipe and the news of its death, at most."""
TAMPERED = Failure(
    FailureKind.EXCEPTION, "PipeBroken", "the run wrote into, or closed, the pipe between its process and the worker"
)


STUCK = 25
"""ms without a word from a child that has short runs in hand, after which what has not begun is taken back."""
HELP_AFTER = 100
"""ms that a guard may take to kill everything before the worker does it too: something has stopped it, perhaps."""
HELP_EVERY = 25
GUARD_TIME = 2_000
"""ms after which a guard that says nothing is killed itself."""


class Slot:
    """One process, from its start to its death; a new one then takes its place."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.process = Process(shared.launch)
        self.runs = Runs(self.process.spool, shared.give_back, shared.learn, shared.oom, shared.redaction)
        self.handlers: dict[str, Kind] | None = None
        """What the child has, once it has loaded the application."""
        self.opened_at = boot()
        self.met = False
        """Whether the pool has looked at them."""
        self.broken: str | None = None
        """Why the application cannot be loaded."""
        self.kind: Kind | None = None
        """Of the runs in it."""
        self.limit = 1
        """How many runs may be in it, while they are async."""
        self.size = 0
        """Bytes of memory its child had in use when it last said so."""
        self.worn = False
        """It has done enough: it leaves once its runs have ended."""
        self.leaving = False
        """It gets no more jobs: it is being stopped, or recycled."""
        self.heard_at = 0
        """When the child was last heard, or given work."""
        self.deaf = False
        """Nothing more is to be heard from the child."""
        self.alarm = NEVER
        """When ``tick`` has something to do."""
        self._gone_by = NEVER
        """When it is killed, once it was told to leave or has closed its pipe."""
        self._killed_at: int | None = None
        self._help_at = NEVER
        self._tampered = False

    @property
    def idle(self) -> bool:
        """Whether it could begin a run of any handler at once."""
        return self.open and not self.runs.entries

    @property
    def open(self) -> bool:
        """Whether it takes jobs at all."""
        return self.handlers is not None and not self.leaving and not self.worn

    # ------------ giving it work
    def hand(self, jobs: list[Job], kind: Kind) -> None:
        """Give jobs to the child; it begins them in this order."""
        self.limit = min(kind.concurrency, self.limit) if self.runs.entries else kind.concurrency
        self.kind = kind
        loan = tuple(lent(self._shared.environment, kind.environment).items()) if kind.environment else ()
        messages = [message for job in jobs if (message := self.runs.add(job, loan)) is not None]
        self.heard_at = boot()
        self._set_leash()  # before it can begin: this process may be stopped for good between any two of its steps
        self.process.send(messages)

    def recall(self) -> None:
        """Take back every job that has not begun; none of them will begin.

        First no further one may begin, then what the child has said up to now is read: a job that has not said there
        that it begins will find itself revoked. What it said may be unheard, once somebody has spoilt the pipe: so what
        the child wrote down beside it counts too. Where the two differ, the job stays until it is known.
        """
        self._turn_away(())

    def take_back(self, run_ids: Iterable[str], cause: str) -> None:
        """Take back every job that has not begun; for these, that is their end."""
        if wanted := self._here(run_ids):
            self._turn_away(wanted, cause)
            self._set_leash()

    def _turn_away(self, wanted: Sequence[int], cause: str | None = None) -> None:
        self.process.revoke(self.runs.last)
        self._hear()
        now = boot()
        begun = self.process.begun  # after that: reading is what orders both sides' words
        for seq in self.runs.unbegun():
            if seq in wanted:
                self.runs.entries[seq].unwanted = cause
            if seq > begun:
                self.runs.turn_away(seq, now)

    def _here(self, run_ids: Iterable[str]) -> list[int]:
        """The numbers of those of these runs that are here."""
        return [seq for run_id in run_ids if (seq := self.runs.find(run_id)) is not None]

    def answer(self, run_id: str, answer: Answer) -> None:
        """Pass an answer on, if the run is here."""
        if (seq := self.runs.find(run_id)) is not None:
            state = None if answer.state is None else self.process.spool.give(answer.state)
            self.process.send([(ANSWER, seq, answer.question, state, answer.error, answer.interrupted)])

    def interrupt(self, reason: str, run_ids: Iterable[str] | None = None) -> None:
        """Tell those of these runs that are here, or all that are, that they should end soon."""
        if run_ids is None:
            self.process.send([(INTERRUPT, reason, self.runs.last)])
        elif found := self._here(run_ids):
            self.process.send([(INTERRUPT_ONE, reason, seq) for seq in found])

    def leave(self) -> None:
        """Recycle the process, whose runs have all ended."""
        self.leaving = True
        self.process.send([(LEAVE,)])
        self._set_leash()

    def stop(self, run_ids: Iterable[str], cause: str) -> None:
        """End those of these runs that are here."""
        wanted = self._here(run_ids)
        if not wanted:
            return
        for seq in wanted:
            self.runs.entries[seq].stop = cause
        self.recall()
        for seq in wanted:
            if (entry := self.runs.entries.get(seq)) is not None and entry.ending is None:
                self._end(seq, entry, boot())
        self._set_leash()

    # ------------ the leash
    def tick(self, now: int) -> None:
        """Do what the clock asks for."""
        if now < self.alarm:
            return
        if self.stuck(now) or any(waits_too_long(entry, now) for entry in self.runs.entries.values()):
            self.recall()
        for seq, entry in self.runs.entries.items():
            if entry.ending is None and entry.job.deadline_boot <= now:
                entry.overrun = True
                self._end(seq, entry, now)
        if min([self._gone_by, *self._endings()]) <= now:
            self._kill(now)
        self._set_leash()

    def stuck(self, now: int) -> bool:
        """Whether its jobs wait behind a run that takes longer than short runs do."""
        return self._waiting and now - self.heard_at >= STUCK

    @property
    def _waiting(self) -> bool:
        """Whether a job waits behind a run; what has begun unheard does not."""
        entries = self.runs.entries
        return not self.shares and len(entries) > 1 and next(reversed(entries)) > self.process.begun

    def flows(self, now: int) -> bool:
        """Whether plain runs follow each other in it quickly, as far as one can see."""
        return self.open and not self.shares and now - self.heard_at < STUCK

    def _kill(self, now: int) -> None:
        """Kill all of it; a guard that does not manage is helped, and goes too if that does not help."""
        self.leaving = True
        if self._killed_at is None:
            self._killed_at = now
            self._help_at = now + HELP_AFTER
            self.process.kill()
        elif now >= self._help_at:
            self._help_at = now + HELP_EVERY
            self.process.help()
            if now - self._killed_at >= GUARD_TIME:
                self.process.destroy()

    def _end(self, seq: int, entry: Entry, now: int) -> None:
        """Make a run end: an async one is cancelled, a plain one is asked to end with its whole process.

        One that comes late to the end of a lease gives no more grace: the guard may have asked already.
        """
        entry.ending = min(now, entry.job.deadline_boot) + self._shared.grace
        if self.shares:
            self.process.send([(CANCEL, seq)])
        else:
            self.leaving = True
            self.process.lease(now, entry.ending)  # the guard kills at that instant, with or without us
            self.process.ask()

    @property
    def shares(self) -> bool:
        """Whether its runs are async, and may be several."""
        return self.kind is not None and self.kind.is_async

    def _endings(self) -> list[int]:
        """When each run that was made to end has had its grace."""
        return [entry.ending for entry in self.runs.entries.values() if entry.ending is not None]

    def _set_leash(self) -> None:
        """Write down for the guard, and for ``tick``, what the clock will ask for next."""
        grace = self._shared.grace
        entries = self.runs.entries.values()
        if not entries:
            self._set_leash_on_none()
            return
        kill_at = min([entry.ending or entry.job.deadline_boot + grace for entry in entries])
        self.process.lease(kill_at if self.shares else kill_at - grace, kill_at)
        self.alarm = min([self._gone_by, *[entry.ending or entry.job.deadline_boot for entry in entries]])
        if self._waiting:
            self.alarm = min(self.alarm, self.heard_at + STUCK)
        self._mind_the_guard()

    def _set_leash_on_none(self) -> None:
        if self.leaving and self._gone_by == NEVER:
            self._gone_by = boot() + self._shared.grace
        self.alarm = self._gone_by
        never = self._gone_by == NEVER
        self.process.lease(0 if never else self._gone_by, 0 if never else self._gone_by)
        self._mind_the_guard()

    def _mind_the_guard(self) -> None:
        if self._killed_at is not None:
            self.alarm = self._help_at

    # ------------ hearing of it
    def take(self) -> list[SlotEvent]:
        """What the child and its programs have said since."""
        self._hear()
        self.heard_at = boot()
        self._set_leash()
        return self.events()

    def events(self) -> list[SlotEvent]:
        """What has become known, once."""
        events, self.runs.events = self.runs.events, []
        return events

    def take_raw(self) -> bool:
        """Keep raw output with the run begun last; whether there can be more."""
        if (piece := self.process.read_raw()) is None:
            return False
        if piece:
            self.runs.print_raw(piece)
        return True

    def _hear(self) -> None:
        self.take_raw()  # before anything ends: it belongs to a run that has begun
        try:
            while not self.deaf:
                messages = self.process.read()
                if messages is None:
                    self._go_deaf(DYING)
                    return
                for message in messages:
                    self._hear_one(understood(message))
                if not messages:
                    return
        except (Garbage, OSError):  # also a spool file that is not there, or no file
            self._go_deaf(0)

    def _go_deaf(self, patience: int) -> None:
        """The pipe is of no use any more. Whoever closed it or wrote into it has to go, if it is not going already.

        A process that dies closes its pipe a moment before its guard can say how it died: that moment is left to it.
        """
        self.deaf = True
        self._tampered = not self.leaving
        self.leaving = True
        self._gone_by = min(self._gone_by, boot() + patience)

    def _hear_one(self, message: Message) -> None:
        kind = message[0]
        if kind in SPEAKS_OF_RUNS:
            self.runs.hear(message)
        elif kind == HELLO:
            self.runs.disown()
            listed = cast("list[tuple[str, bool, int, tuple[str, ...]]]", message[1])
            self.handlers = {name: Kind(alone, many, asks) for name, alone, many, asks in listed}
        elif kind == CANNOT:
            self.take_raw()
            self.runs.disown()
            self.broken = "{1}: {2}\n{3}".format(*message)
        elif kind == SIZE:
            self.size = cast("int", message[1])
        elif kind == LITTERED:
            self.leaving = True

    # ------------ its end
    def death(self) -> list[SlotEvent] | None:
        """``None`` while anything of it is alive; then what its death means for its runs. It is buried with that.

        A child whose guard was killed dies a moment after it: in that moment it may begin nothing that we take back.
        """
        death = self.process.death()
        if death is None:
            return None
        self.process.revoke(self.runs.last)
        self._hear()
        while piece := self.process.read_raw():
            self.runs.print_raw(piece)
        self.runs.disown()
        now, begun = boot(), self.process.begun
        for seq in self.runs.unbegun():
            if seq > begun:
                self.runs.turn_away(seq, now)
            else:
                self.runs.presume(seq, now)
        self._judge(death, now)
        self.close()
        return self.events()

    def close(self) -> None:
        """Kill what is alive of it, and give back everything."""
        self.process.bury()

    def _judge(self, death: Death, now: int) -> None:
        """Charge whoever is to blame. Whom the process took along is not, and where nobody knows, nobody is.

        The guard acts on the least deadline of all that the worker had handed over when it was last awake: whoever had
        time left at that instant was killed for another, one that has ended since or waited behind it.
        """
        entries = list(self.runs.entries.values())
        self.runs.entries.clear()
        late = death.why == "late"
        for entry in entries:
            entry.overrun |= late and entry.job.deadline_boot <= (now if death.at is None else death.at)
        explained = late or any(entry.overrun or entry.stop is not None for entry in entries)
        for entry in entries:
            if entry.overrun:
                self.runs.events.append(entry.raised(now, LEASE_OVER))
            elif entry.stop is not None:
                self.runs.events.append(entry.stopped(now, entry.stop))
            elif explained or len(entries) > 1:
                self.runs.events.append(entry.stopped(now, SIBLING if explained else NEIGHBOUR))
            else:
                self.runs.events.append(entry.raised(now, self._failure(death)))

    def _failure(self, death: Death) -> Failure:
        if self._tampered and death.why == "told":
            return TAMPERED
        return classify(death, oom=self._shared.oom.again())


def waits_too_long(entry: Entry, now: int) -> bool:
    """Whether its lease ended before it began."""
    return entry.began is None and entry.job.deadline_boot <= now
