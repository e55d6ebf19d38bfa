"""Values in the store, as those who read them must get them: what was put there, or an error."""

from __future__ import annotations

from typing import Protocol

from leasehold.core.errors import NoSuchTask, StoreDamaged
from leasehold.core.references import fits
from leasehold.ports.store import Store
from leasehold.ports.views import Outcome, RunView


class HasStore(Protocol):
    """Whatever can open the store; nothing here asks for it before a value lies there."""

    @property
    def store(self) -> Store:
        """Where large values are."""
        ...


def read(store: Store, reference: str) -> bytes | None:
    """The object that a reference names; ``None`` if it is gone.

    Raises ``StoreDamaged`` where something else lies there: its SHA-256 is not the one that the reference ends with.
    """
    value = store.get(reference)
    if value is not None and not fits(reference, value):
        raise StoreDamaged(
            f"the stored object {reference!r} is not what was put there: its SHA-256 differs. Somebody who may write "
            "there replaced it, or the store damaged it"
        )
    return value


def whole(place: HasStore, text: str | None, reference: str | None) -> str | None:
    """A value as JSON text, also where it is kept in the store; what is gone there is what the ledger has."""
    stored = read(place.store, reference) if reference else None
    return text if stored is None else stored.decode()


def result_of(place: HasStore, outcome: Outcome) -> str:
    """A result as JSON text, from the ledger or the store. Raises ``NoSuchTask`` where it is gone, ``StoreDamaged``."""
    if outcome.result_ref is None:
        return outcome.result if outcome.result is not None else "null"
    stored = read(place.store, outcome.result_ref)
    if stored is None:
        raise NoSuchTask(f"the stored result {outcome.result_ref!r} of task {outcome.task_id} is gone")
    return stored.decode()


def log_of(place: HasStore, run: RunView) -> str:
    """All that is kept of what a run wrote; the ledger holds its end, the store the rest."""
    stored = read(place.store, run.log_ref) if run.log_ref else None
    return run.log or "" if stored is None else stored.decode(errors="replace")
