"""Worker -> outbox: packs reports, and deletes or gives back their messages in the order that the rules demand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from threading import Condition
from typing import NamedTuple

from leasehold.core.errors import Unavailable
from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.flow.held import RECALLABLE, Entry, Fate
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Queue
from leasehold.ports.reports import Outbox

ENOUGH = 1_000
"""Ends for which a step does not wait any longer. Beginnings are no reason to hurry: most end before they are told."""

AT_ONCE = 1_000
"""Reports per step at most, so that a backlog after an outage goes out in bites."""

DELETES = 5
"""Tries of a delete before its report claims that the message is still there: true more often than one try would tell,
and soon enough for a worker that is leaving."""

IN_TRANSIT = 5_000
"""ms that a request may take to be carried out: with less of its lease left, a message is left to that. Given back by
a request that arrives late, it would be taken out of the hands of whoever runs it by then."""

AGAIN = 1_000
"""ms between two tries of a delete that comes after its report: nobody waits for it. Where requests are billed, it also
waits so long at most for others to share one with; a worker that dies leaves what it has not deleted to run again."""

NOT_GONE = "it expired here, and its delete was not confirmed"

TRANSIENT = RECALLABLE
"""Reports that a later report of the same run makes needless: every report says all that a Started says."""

Key = tuple[Queue | None, str]


class Stamped(NamedTuple):
    """An entry, and since when (``boot`` ms) it waits for what is next."""

    entry: Entry
    since: int


class Reporter:
    """Collects for a short while (``linger`` ms), then reports. Thread-safe; ``step`` belongs to one thread.

    ``backlogged``: the same (ms) while more work waits in line at this worker: then nobody waits for this one's end
    in order to go on, and every report that is shared is work for the ledger that is saved. Never shorter.
    """

    def __init__(self, outbox: Outbox, clock: Clock, *, linger: int, backlogged: int = 0) -> None:
        self._outbox = outbox
        self._clock = clock
        self._linger = linger
        self._lingers = (linger, max(linger, backlogged))
        self._waiting: list[Stamped] = []
        self._since: int | None = None
        self._ends = 0
        """How many of those that wait do not get needless by waiting."""
        self._busy = 0
        self._changed = Condition()
        self._undeleted: list[Stamped] = []
        self._leaving = False
        self._trouble: Unavailable | None = None

    def add(self, *entries: Entry) -> None:
        """Report this soon."""
        with self._changed:
            now = self._clock.boot()
            self._waiting.extend(Stamped(each, now) for each in entries)
            self._ends += sum(not transient(each) for each in entries)
            if self._since is None:
                self._since = now
                self._changed.notify_all()
            elif self._ends >= ENOUGH:
                self._changed.notify_all()

    def delete(self, reported: Entry) -> None:
        """Delete the message of a bundle, of which everything is acknowledged as reported."""
        with self._changed:
            self._undeleted.append(Stamped(reported, self._clock.boot()))
            self._changed.notify_all()

    def hurry(self) -> None:
        """From now on keep nothing back to fill a request: the worker leaves."""
        with self._changed:
            self._leaving = True
            self._changed.notify_all()

    def expect(self, *, more: bool) -> None:
        """Say whether more work waits in line here. Once none does, what was collected goes at once."""
        linger = self._lingers[more]
        if linger == self._linger:
            return
        with self._changed:
            self._linger = linger
            if self._since is not None and not more:
                self._since = min(self._since, self._clock.boot() - linger)
                self._changed.notify_all()

    @property
    def backlog(self) -> int:
        """How much is not yet reported, or not yet deleted."""
        with self._changed:  # counted between two moves: what is on its way from one to another would be missed
            return len(self._waiting) + self._busy + len(self._undeleted)

    def wake(self) -> None:
        """End a pause under way."""
        with self._changed:
            self._changed.notify_all()

    def pause(self, timeout: int) -> None:
        """Wait until a step would have something to do, at most ``timeout`` ms."""
        with self._changed:
            if self._since is None:
                self._changed.wait(min(timeout, AGAIN if self._undeleted else timeout) / 1000)
            if self._left() > 0:
                self._changed.wait_for(lambda: self._left() <= 0, self._left() / 1000)

    def _left(self) -> int:
        """How long (ms) until what waits is to be said: not at all where nothing waits, or enough does."""
        if self._since is None or self._ends >= ENOUGH:
            return 0
        return self._since + self._linger - self._clock.boot()

    def step(self) -> int:
        """Report what is waiting; how many reports were accepted. What was not stays for the next step.

        One queue that fails keeps nobody else waiting: all that can be done is done, then the failure is raised.
        """
        self._trouble = None
        batch = self._take()
        left, accepted = batch, list[Entry]()
        try:
            ready, later = self._settle(batch)
            left = [*later, *ready]
            refused, accepted = self._post(ready)
            left = [*later, *refused]
        finally:
            self._put_back(left, [each for each in accepted if each.fate is Fate.DELETE_AFTER])
        self._delete_reported()
        if self._trouble is not None:
            raise self._trouble
        return len(accepted)

    def _take(self) -> list[Entry]:
        """What is to be said now. A run that began just now may be over before anybody has to hear that it began."""
        with self._changed:
            now, end = self._clock.boot(), bite(self._waiting)
            first, rest = needed(self._waiting[:end]), self._waiting[end:]
            young = [each for each in first if transient(each.entry) and now - each.since < self._linger]
            self._keep([*young, *rest], now)
            kept = {id(each) for each in young}
            batch = [each.entry for each in first if id(each) not in kept]
            self._busy = len(batch)
        return batch

    def _keep(self, waiting: list[Stamped], now: int) -> None:
        self._waiting = waiting
        self._since = now if waiting else None
        self._ends = sum(not transient(each.entry) for each in waiting)

    def _put_back(self, left: Sequence[Entry], undeleted: Sequence[Entry]) -> None:
        with self._changed:  # in one move: what is neither here nor there would look as if all were done
            now = self._clock.boot()
            self._busy = 0
            self._undeleted.extend(Stamped(each, now) for each in undeleted)
            if left:
                self._keep([*(Stamped(each, now - self._linger) for each in left), *self._waiting], now)

    def _settle(self, batch: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Delete or show again what must be gone before it is reported: (to be reported, to be tried again) (R5).

        Only inside the lease: after it the message may be another's, and a stale receipt could take it from there.
        """
        gone = self._each_queue(batch, Fate.DELETE_BEFORE, deleted_from, spare=0)
        self._each_queue(batch, Fate.GIVE_BACK, shown_again, spare=IN_TRANSIT)
        now = self._clock.boot()
        ready: list[Entry] = []
        later: list[Entry] = []
        for each in batch:
            deleted, inside = key(each) in gone, now < each.ends
            if each.fate is Fate.DELETE_BEFORE and not deleted and inside and each.tries + 1 < DELETES:
                later.append(each._replace(tries=each.tries + 1))
            else:
                ready.append(stated(each, deleted=deleted and inside))
        return ready, later

    def _each_queue(
        self,
        batch: Iterable[Entry],
        fate: Fate,
        act: Callable[[Queue, Sequence[str]], Sequence[bool]],
        *,
        spare: int | None = None,
    ) -> set[Key]:
        """Act on the messages with this fate, queue by queue; those for which that was confirmed.

        ``spare``: only on those with more than so many ms of their lease left, as it is when their queue's turn comes.
        """
        entries: defaultdict[Queue, list[Entry]] = defaultdict(list)
        for each in batch:
            if each.fate is fate and each.queue is not None:
                entries[each.queue].append(each)
        confirmed: set[Key] = set()
        for queue, theirs in entries.items():
            now = self._clock.boot()
            named = [each.receipt for each in theirs if spare is None or now < each.ends - spare]
            named = list(dict.fromkeys(named))  # the members of a bundle have one message
            if not named:
                continue
            try:
                answers = act(queue, named)
            except Unavailable as error:
                self._trouble = error
            else:
                confirmed.update((queue, receipt) for receipt, ok in zip(named, answers, strict=True) if ok)
        return confirmed

    def _post(self, batch: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        """(not accepted, accepted)."""
        ordered = [e for e in batch if isinstance(e.said, Update)] + [e for e in batch if isinstance(e.said, Malformed)]
        if not ordered:
            return [], []
        try:
            answers = self._outbox.post(
                [e.said for e in ordered if isinstance(e.said, Update)],
                [e.said for e in ordered if isinstance(e.said, Malformed)],
            )
        except Unavailable as error:
            self._trouble = error
            return ordered, []
        pairs = list(zip(ordered, answers, strict=True))
        accepted = [each for each, ok in pairs if ok]
        for each in accepted:
            if each.fate is not Fate.DELETE_AFTER and each.done is not None:
                each.done()
        return [each for each, ok in pairs if not ok], accepted

    def _delete_reported(self) -> None:
        """Delete what is acknowledged as reported; try again until it is deleted or its lease is over."""
        with self._changed:
            looked_at = len(self._undeleted)
            batch, kept = self._to_delete()
        gone = self._each_queue([each.entry for each in batch], Fate.DELETE_AFTER, deleted_from)
        now = self._clock.boot()
        left = [Stamped(e, now) for e, _ in batch if key(e) not in gone and now < e.ends]
        for each in batch:
            if key(each.entry) in gone and each.entry.done is not None:
                each.entry.done()
        with self._changed:  # more may have come meanwhile
            self._undeleted[:looked_at] = [*left, *kept]

    def _to_delete(self) -> tuple[list[Stamped], list[Stamped]]:
        """(to be deleted now, kept until more of its queue are there to fill a request that is billed)."""
        now = self._clock.boot()
        by_queue: defaultdict[Queue, list[Stamped]] = defaultdict(list)
        for each in self._undeleted:
            if each.entry.queue is not None:
                by_queue[each.entry.queue].append(each)
        batch: list[Stamped] = []
        kept: list[Stamped] = []
        for queue, theirs in by_queue.items():
            full = len(theirs)
            if queue.traits.billed and not self._leaving and all(patient(each, now) for each in theirs):
                full -= full % queue.traits.batch
            batch += theirs[:full]
            kept += theirs[full:]
        return batch, kept


def bite(waiting: Sequence[Stamped]) -> int:
    """How much of it a step takes: what is said of one deleted message is not torn apart, or it was deleted twice."""
    end = min(AT_ONCE, len(waiting))
    while 0 < end < len(waiting) and waiting[end].entry.receipt:
        if key(waiting[end].entry) != key(waiting[end - 1].entry):
            break
        end += 1
    return end


def patient(each: Stamped, now: int) -> bool:
    """Whether its delete may wait for others."""
    return now - each.since < AGAIN and now + 2 * AGAIN < each.entry.ends


def key(each: Entry) -> Key:
    """Names a receive of a message."""
    return each.queue, each.receipt


def deleted_from(queue: Queue, receipts: Sequence[str]) -> Sequence[bool]:
    """Delete these messages."""
    return queue.delete(receipts)


def shown_again(queue: Queue, receipts: Sequence[str]) -> Sequence[bool]:
    """Give these messages to whoever comes next."""
    return queue.change_visibility([(receipt, 0) for receipt in receipts])


def transient(each: Entry) -> bool:
    """Whether a later report of its run would make it needless."""
    return isinstance(each.said, Update) and each.said.kind in TRANSIENT


def needed(batch: Sequence[Stamped]) -> list[Stamped]:
    """Without the reports that a later one of the same run makes needless."""
    last = {each.said.run_id: index for index, (each, _) in enumerate(batch) if isinstance(each.said, Update)}
    return [
        stamped
        for index, stamped in enumerate(batch)
        if not (transient(stamped.entry) and last[run_of(stamped.entry)] > index)
    ]


def run_of(each: Entry) -> str:
    """Which run said it; nothing where a message could not be read."""
    return each.said.run_id if isinstance(each.said, Update) else ""


def stated(each: Entry, *, deleted: bool) -> Entry:
    """A report that claims a delete, with what came of it; its message needs nothing more."""
    if each.fate is Fate.GIVE_BACK:
        return each._replace(fate=Fate.STAY)
    if each.fate is Fate.DELETE_BEFORE and isinstance(each.said, Update):
        return each._replace(fate=Fate.STAY, said=after_delete(each.said, deleted=deleted))
    return each


def after_delete(said: Update, *, deleted: bool) -> Update:
    """What is true of a message after its delete.

    "Expired" ends a dispatch: nobody has its message. Where the delete was not confirmed inside the lease, another may
    have received it while it was valid, and be running it unheard: so it is only given back, and the clock decides.
    """
    if said.kind is UpdateKind.EXPIRED and not deleted:
        return said._replace(kind=UpdateKind.RELEASED, note=NOT_GONE)
    return said._replace(deleted=deleted)
