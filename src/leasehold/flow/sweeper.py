"""What the clock owes: lapsed leases, lost messages, bulk operations, folding of counters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leasehold.core.errors import BadFilter, LedgerUnavailable, NoSuchTask
from leasehold.core.events import Cancelled, Event, Lapsed, Retried
from leasehold.flow.recorder import announce
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Applied, Change, Ledger, Need, Operation

LIMIT = 500
"""Tasks per transaction: long sweeps must not keep the recorders waiting."""

STRETCH = 100_000
"""Numbers of tasks that a bulk operation looks through per step: of ten million that have ended, one look through all
would take a minute, and no lease would lapse meanwhile."""

LAGGING = 30_000
"""ms of recorder lag from which silence proves nothing yet: the report may be waiting to be recorded (R7)."""

FOLD_EVERY = 1_000
PRUNE_EVERY = 600_000
"""ms between two rounds of work that nobody waits for."""
INDEX_EVERY = 5_000
"""ms until it is looked again whether handlers declare arguments, or an index is waiting for a submit to end."""
PRUNED = 5_000
"""Status ids forgotten per step: as many as twice a second keep pace with the fastest recorder."""
KEEP_STATUS_IDS = 15 * 86_400_000
"""A day longer than SQS can keep a message: no repeated report can be older."""


class Sweeper:
    """Applies what silence means, and carries out bulk operations batch by batch.

    ``lag``: how far the recorders are behind. ``told``: hears what became of tasks that people cancel or retry.
    ``claims_before_run``: no run starts without a claim in the ledger, so a task whose lease ran out may go out again
    at once (R7): whoever receives the old message is refused. ``house``: further work that nobody waits for.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        bell: Bell,
        lag: Callable[[], int],
        told: Callable[[Sequence[Applied]], None] = lambda _: None,
        *,
        claims_before_run: bool = False,
        house: Callable[[], object] = lambda: None,
    ) -> None:
        self._house = house
        self._ledger = ledger
        self._clock = clock
        self._bell = bell
        self._lag = lag
        self._told = told
        self._lapsed = Lapsed(redispatch=claims_before_run)
        self._fold_at = 0
        self._prune_at = 0
        self._index_at = 0
        self._away_since: int | None = None
        """Since when (``boot`` ms) the ledger cannot be reached."""
        self._judge_from = 0
        """Until then silence proves nothing: the ledger was away a moment ago."""

    def step(self) -> int:
        """One batch of each kind of work; how much was done.

        Leases first: nothing that anybody asks for, whatever becomes of it, keeps them from lapsing.
        """
        try:
            swept = self._sweep()
        except LedgerUnavailable:
            self._away_since = self._clock.boot() if self._away_since is None else self._away_since
            raise
        swept += self._operate() + self._index()
        self._keep_house()
        return swept

    def _back_again(self) -> None:
        """Workers that report to the ledger could not do so while it was away: now they have as long to catch up."""
        if self._away_since is not None:
            now = self._clock.boot()
            self._judge_from = now + min(LAGGING, now - self._away_since)
            self._away_since = None

    def _sweep(self) -> int:
        owed = self._ledger.alarms(Need.SWEEPER, LIMIT)
        self._back_again()
        if self._lag() > LAGGING or self._clock.boot() < self._judge_from:
            return 0
        changes = [Change(task_id, self._lapsed if isinstance(event, Lapsed) else event) for task_id, event in owed]
        if changes:
            announce(self._bell, self._ledger.apply(changes))
        return len(changes)

    def _operate(self) -> int:
        operation = self._ledger.next_operation()
        if operation is None:
            return 0
        try:
            stretch = self._ledger.covered(operation, LIMIT, STRETCH)
        except (BadFilter, NoSuchTask) as refusal:  # it would be for ever, and those behind it would wait as long
            self._ledger.fail_operation(operation.id, str(refusal))
            return 1
        answers = self._ledger.advance_operation(operation, stretch, order(operation))
        announce(self._bell, answers)
        self._told(answers)
        return max(1, len(stretch.task_ids))  # there may be more to look at where this found nothing

    def _index(self) -> int:
        """Index declared arguments of older tasks, batch by batch as long as there are any."""
        now = self._clock.boot()
        if now < self._index_at:
            return 0
        indexed = self._ledger.index(LIMIT)
        self._index_at = now if indexed else now + INDEX_EVERY
        return indexed

    def _keep_house(self) -> None:
        now = self._clock.boot()
        if now >= self._fold_at:
            self._ledger.fold_counters()
            self._fold_at = now + FOLD_EVERY
        if now >= self._prune_at:
            pruned = self._ledger.prune(self._ledger.now() - KEEP_STATUS_IDS, PRUNED)
            self._prune_at = now if pruned == PRUNED else now + PRUNE_EVERY
        self._house()


def order(operation: Operation) -> Event:
    """What a bulk operation does to each of its tasks."""
    kind = Cancelled if operation.kind == "cancel" else Retried
    return kind(operation.by, operation.reason)
