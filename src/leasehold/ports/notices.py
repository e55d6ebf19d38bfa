"""Who tells a worker that its machine will be taken away."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Notice(NamedTuple):
    """The machine will be gone soon: why, and in how many ms (``None``: nobody says)."""

    reason: str
    left: int | None = None


class Notices(Protocol):
    """Looks for a notice."""

    def look(self) -> Notice | None:
        """The notice, if there is one. Never raises: whoever cannot be asked has said nothing."""
        ...
