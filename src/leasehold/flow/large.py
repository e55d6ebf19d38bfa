"""What viewers read that may be too large for a row: arguments, results, logs. The store is opened if one is there."""

from __future__ import annotations

from collections.abc import Callable

from leasehold.core.errors import NoSuchTask
from leasehold.flow.stored import read
from leasehold.ports.store import Store
from leasehold.ports.views import Outcome, RunView

Opening = Callable[[], Store]


def whole(store: Opening, text: str | None, reference: str | None) -> str | None:
    """A value as JSON text, also where it is kept in the store; what is gone there is what the ledger has."""
    stored = read(store(), reference) if reference else None
    return text if stored is None else stored.decode()


def result_of(store: Opening, outcome: Outcome) -> str:
    """A result as JSON text, from the ledger or the store. Raises ``NoSuchTask`` where it is gone, ``StoreDamaged``."""
    if outcome.result_ref is None:
        return outcome.result if outcome.result is not None else "null"
    stored = read(store(), outcome.result_ref)
    if stored is None:
        raise NoSuchTask(f"the stored result {outcome.result_ref!r} of task {outcome.task_id} is gone")
    return stored.decode()


def log_of(store: Opening, run: RunView) -> str:
    """All that is kept of what a run wrote; the ledger holds its end, the store the rest."""
    stored = read(store(), run.log_ref) if run.log_ref else None
    return run.log or "" if stored is None else stored.decode(errors="replace")
