"""Claims and reports straight to the ledger: for workers that may write there (``single-queue``)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from leasehold.core.errors import MalformedMessage
from leasehold.core.events import Claimed
from leasehold.core.model import Decision, Ignored
from leasehold.core.reports import Malformed, Update
from leasehold.core.wire import WireUpdate, encode_update, quarantined, told_directly
from leasehold.flow.metering import Accounts, Meter
from leasehold.flow.recorder import announce, change_of, tell_recorded
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Applied, Change, Ledger, Unreadable
from leasehold.ports.reports import Busy, Grant, StaleRun, Start
from leasehold.ports.tracing import UNTRACED, Tracing

SOURCE = "status report"


class LedgerClaims:
    """Every run is granted by the ledger before it starts: one transaction for all that a worker wants to begin.

    Raises ``LedgerUnavailable`` where the answer is not known; asked again, the same run gets the same answer.
    """

    def __init__(self, ledger: Ledger, bell: Bell) -> None:
        self._ledger = ledger
        self._bell = bell

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        """One answer per start, in order."""
        answers = self._ledger.apply([Change(start.task_id, claimed(start)) for start in starts])
        announce(self._bell, answers)
        return [said(answer) for answer in answers]


class LedgerOutbox:
    """Where reports are recorded by whoever makes them, through the same code as those of the status queue.

    No capability is looked at: who may write to the ledger at all is the database's to say.
    """

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        clock: Clock,
        random: Random,
        meter: Meter | None = None,
        tracing: Tracing = UNTRACED,
    ) -> None:
        """``meter``: what this worker counts, written to the ledger beside its reports."""
        self._meter = meter
        self._accounts = None if meter is None else Accounts(meter, ledger)
        self._ledger = ledger
        self._bell = bell
        self._clock = clock
        self._tracing = tracing
        self._random = random

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Record all in one transaction; what cannot be understood goes to quarantine, as off the wire.

        Raises ``LedgerUnavailable`` where they are not known to be recorded: posted again, they count once.
        """
        now = self._clock.boot()  # before the ledger's clock is read: a lease may look longer by that, never shorter
        sent_at = self._ledger.now()
        changes: list[Change] = []
        ends: list[tuple[WireUpdate, int]] = []
        damaged = list(malformed)
        for update in updates:
            try:
                told = told_directly(update, now)
                changes.append(change_of(told, sent_at, self._random.random()))
                if told.trace is not None:
                    ends.append((told, sent_at))
            except MalformedMessage as error:
                damaged.append(quarantined(SOURCE, encode_update(update, now), str(error)))
        answers = self._ledger.apply(changes, damaged)
        announce(self._bell, answers)
        if self._meter is not None and self._accounts is not None:
            self._meter.ended(answers)
            self._accounts.write()
        if ends:
            tell_recorded(self._tracing, ends, self._ledger.now())
        return [True] * (len(updates) + len(malformed))

    def close(self) -> None:
        """Write what was counted since it was last written."""
        if self._accounts is not None:
            self._accounts.close()


def claimed(start: Start) -> Claimed:
    """The event of a claim."""
    return Claimed(start.n, start.r, start.run_id, start.worker, start.remaining, start.receipt)


def said(answer: Applied) -> Grant | StaleRun | Busy:
    """The ledger's answer in the words of the port."""
    if isinstance(answer, Unreadable):
        return StaleRun(answer.reason)
    if not isinstance(answer, Decision | Ignored):
        return StaleRun("there is no such task in this ledger")
    if answer.refusal is None:
        return Grant(recorded=True)
    reason, remaining = answer.refusal
    return StaleRun(reason) if remaining is None else Busy(remaining)
