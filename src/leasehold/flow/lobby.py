"""What a worker received and has not handed to a slot: it is ready, or the store still owes its arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from leasehold.core.errors import StoreDamaged, StoreUnavailable
from leasehold.flow.bundle import Unit
from leasehold.flow.desk import Desk, Fetched
from leasehold.flow.held import Held
from leasehold.ports.clock import Clock

FETCH_AGAIN = 1_000
"""ms between two tries to fetch the arguments of a run while the store cannot be reached."""

TOO_LATE = "no slot became free soon enough"


class Fetching(NamedTuple):
    """A run whose arguments are not here yet: when to ask for them again (``None``: they are asked for)."""

    held: Held
    unit: Unit
    """With whom it starts: none of them before all have their arguments."""
    again: int | None = None
    trouble: str = "its arguments took too long to come from the store"


class Lobby:
    """Belongs to the worker's thread. ``missing`` takes what can never start: its arguments are gone, or damaged."""

    def __init__(self, desk: Desk, clock: Clock, missing: Callable[[Held, StoreDamaged | None], None]) -> None:
        self._desk = desk
        self._clock = clock
        self._missing = missing
        self._fetching: dict[str, Fetching] = {}
        self.ready: deque[Unit] = deque()
        """In the order in which they may start."""

    def __len__(self) -> int:
        return len(self.ready) + (len(self._incomplete()) if self._fetching else 0)

    def admit(self, unit: Unit) -> None:
        """Let it wait here until it is started or turned away."""
        absent = [held for held in unit if held.arguments is None]
        for held in absent:
            if held.task.arguments_ref is None:
                unit.remove(held)
                self._missing(held, None)
            else:
                self._fetching[held.run_id] = Fetching(held, unit)  # all, before any is answered
        self._look_at(unit)
        for held in absent:
            if (fetching := self._fetching.get(held.run_id)) is not None:
                self._fetch(fetching)

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
        while self.ready and now - self.ready[0][0].arrived > bound(self.ready[0][0], asking=asking):
            leaving += [(held, TOO_LATE) for held in self.ready.popleft()]
        for fetching in list(self._fetching.values()) if self._fetching else ():
            late = now - fetching.held.arrived > fetching.held.hold.patience()
            if late and fetching.held.run_id in self._fetching:
                for held in fetching.unit:
                    self._fetching.pop(held.run_id, None)
                    leaving.append((held, fetching.trouble))
        return leaving

    def empty(self) -> list[Held]:
        """Everything leaves."""
        leaving = [held for unit in (*self.ready, *self._incomplete()) for held in unit]
        self.ready.clear()
        self._fetching.clear()
        return leaving

    def _incomplete(self) -> list[Unit]:
        return list({id(fetching.unit): fetching.unit for fetching in self._fetching.values()}.values())

    def _look_at(self, unit: Unit) -> None:
        """It is ready once all of its runs have their arguments."""
        if unit and all(held.arguments is not None for held in unit):
            self.ready.append(unit)

    def _fetch(self, fetching: Fetching) -> None:
        held = fetching.held
        self._fetching[held.run_id] = fetching
        self._desk.fetch(held, partial(self._fetched, held, fetching.unit))

    def _fetched(self, held: Held, unit: Unit, got: Fetched) -> None:
        if held.run_id not in self._fetching:
            return  # it was turned away meanwhile
        if isinstance(got, StoreUnavailable):  # tried again while it may wait; given back now, it would come back now
            again = self._clock.boot() + FETCH_AGAIN
            self._fetching[held.run_id] = Fetching(held, unit, again, f"its arguments could not be read: {got}")
            return
        del self._fetching[held.run_id]
        if got is None or isinstance(got, StoreDamaged):
            unit.remove(held)
            self._missing(held, got)
        else:
            held.arguments = got
        self._look_at(unit)


def bound(held: Held, *, asking: bool) -> int:
    """How long (ms) a message that is ready may wait here."""
    return held.hold.patience() if asking else held.hold.turn()
