"""What a worker received and has not handed to a slot: it is ready, or the store still owes its arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from leasehold.core.errors import StoreDamaged, StoreUnavailable
from leasehold.flow.desk import Desk, Fetched
from leasehold.flow.held import Held
from leasehold.ports.clock import Clock

FETCH_AGAIN = 1_000
"""ms between two tries to fetch the arguments of a run while the store cannot be reached."""

TOO_LATE = "no slot became free soon enough"


class Fetching(NamedTuple):
    """A message whose arguments are not here yet: when to ask for them again (``None``: they are asked for)."""

    held: Held
    again: int | None = None
    trouble: str = "its arguments took too long to come from the store"


class Lobby:
    """Belongs to the worker's thread. ``missing`` takes what can never start: its arguments are gone, or damaged."""

    def __init__(self, desk: Desk, clock: Clock, missing: Callable[[Held, StoreDamaged | None], None]) -> None:
        self._desk = desk
        self._clock = clock
        self._missing = missing
        self._fetching: dict[str, Fetching] = {}
        self.ready: deque[Held] = deque()
        """In the order in which they may start."""

    def __len__(self) -> int:
        return len(self.ready) + len(self._fetching)

    def admit(self, held: Held) -> None:
        """Let it wait here until it is started or turned away."""
        if held.arguments is not None:
            self.ready.append(held)
        elif held.task.arguments_ref is None:
            self._missing(held, None)
        else:
            self._fetch(Fetching(held))

    def step(self) -> None:
        """Ask again for what the store could not give."""
        now = self._clock.boot()
        for fetching in list(self._fetching.values()):
            if fetching.again is not None and now >= fetching.again:
                self._fetch(fetching._replace(again=None))

    def overdue(self, *, asking: bool) -> list[tuple[Held, str]]:
        """Whatever has waited here for too long leaves (R2): each with the reason.

        ``asking``: it is not a slot that they wait for but the ledger's word; elsewhere they would wait for it too.
        """
        now = self._clock.boot()
        leaving: list[tuple[Held, str]] = []
        while self.ready and now - self.ready[0].arrived > bound(self.ready[0], asking=asking):
            leaving.append((self.ready.popleft(), TOO_LATE))
        for run_id, fetching in list(self._fetching.items()):
            if now - fetching.held.arrived > fetching.held.hold.patience():
                del self._fetching[run_id]
                leaving.append((fetching.held, fetching.trouble))
        return leaving

    def empty(self) -> list[Held]:
        """Everything leaves."""
        leaving = [*self.ready, *(fetching.held for fetching in self._fetching.values())]
        self.ready.clear()
        self._fetching.clear()
        return leaving

    def _fetch(self, fetching: Fetching) -> None:
        held = fetching.held
        self._fetching[held.run_id] = fetching
        self._desk.fetch(held, partial(self._fetched, held))

    def _fetched(self, held: Held, got: Fetched) -> None:
        if held.run_id not in self._fetching:
            return  # it was turned away meanwhile
        if isinstance(got, StoreUnavailable):  # tried again while it may wait; given back now, it would come back now
            again = self._clock.boot() + FETCH_AGAIN
            self._fetching[held.run_id] = Fetching(held, again, f"its arguments could not be read: {got}")
            return
        del self._fetching[held.run_id]
        if got is None or isinstance(got, StoreDamaged):
            self._missing(held, got)
            return
        held.arguments = got
        self.ready.append(held)


def bound(held: Held, *, asking: bool) -> int:
    """How long (ms) a message that is ready may wait here."""
    return held.hold.patience() if asking else held.hold.turn()
