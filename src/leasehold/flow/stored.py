"""Values in the store, as those who read them must get them: what was put there, or an error."""

from __future__ import annotations

from leasehold.core.errors import StoreDamaged
from leasehold.core.references import fits
from leasehold.ports.store import Store


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
