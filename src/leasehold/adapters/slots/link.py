"""How one run in a child reaches its worker."""

from __future__ import annotations

from typing import cast

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.frames import LOADING, SAVING, TOLD
from leasehold.adapters.slots.line import Line
from leasehold.adapters.slots.output import Printing
from leasehold.adapters.slots.spool import Text
from leasehold.core.errors import StoreUnavailable


class ChildLink(Printing):
    """``current()`` inside a slot."""

    __slots__ = ("deadline", "line", "why")

    def __init__(self, line: Line, seq: int, deadline: int) -> None:
        super().__init__(seq, line.send)
        self.line = line
        self.deadline = deadline
        self.why: str | None = None

    def load(self) -> str | None:
        """Ask the worker, which alone holds the store."""
        return self._ask(LOADING)

    def save(self, state: str, fraction: float | None, note: str | None) -> None:
        """Hand the state to the worker and wait until it is durable."""
        self._ask(SAVING, self.line.spool.give(state), fraction, note)

    def tell(self, fraction: float | None, note: str | None) -> None:
        """Tell the worker; nobody waits."""
        self.line.send([(TOLD, self.seq, fraction, note)])

    def interrupted(self) -> str | None:
        """Why this run should end early; what the worker said meanwhile is taken in first."""
        if self.why is None:
            self.line.look()
            self.why = self.line.interrupted(self.seq)
        return self.why

    def remaining(self) -> float:
        """Seconds until the leash."""
        return max(0.0, (self.deadline - boot()) / 1_000)

    def _ask(self, kind: int, *more: object) -> str | None:
        state, error, interrupted = cast(
            "tuple[Text | None, str | None, str | None]", self.line.ask(kind, self.seq, *more)[3:]
        )
        if interrupted is not None:
            self.why = interrupted
        if error is not None:
            raise StoreUnavailable(error)
        return None if state is None else self.line.spool.take(state)
