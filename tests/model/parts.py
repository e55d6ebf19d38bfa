"""What a world of the model is made of. All times are whole ticks from now on, and 0 is over: the past is forgotten."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)


class Message(NamedTuple):
    """One copy of the message of dispatch ``n``, as the queue keeps it."""

    n: int
    copy: int
    r: int
    """How often it was handed out."""
    hidden: int
    """Until when."""
    valid: int
    """Until when its dispatch may be started."""


class Sending(NamedTuple):
    """A dispatch that is committed and not known to be on the queue."""

    n: int
    valid: int
    copies: int = 0
    """How many messages its sends of unknown fate have put there."""


class Phase(IntEnum):
    """What a worker does with the one message that it holds."""

    IDLE = auto()
    COMING = auto()
    """The reply that brings it is on its way."""
    HELD = auto()
    RUNNING = auto()
    """Its child is alive. In the next phases it is dead, unless they say so."""
    PAUSED = auto()
    """The machine is suspended; its child is alive and does nothing."""
    SUCCEEDED = auto()
    """To be reported."""
    REPORTED = auto()
    """To be deleted."""
    DELETING = auto()
    """To be deleted, then reported."""
    SHOWING = auto()
    """To be shown to others, then reported."""
    SPEAKING = auto()
    """To be reported."""
    STALE = auto()
    """Refused by the ledger: to be deleted, and not spoken of."""


class Hand(NamedTuple):
    """A worker with what it holds: receive ``r`` of a copy of message ``n``, which the queue hides until ``ends``."""

    phase: Phase
    n: int = 0
    copy: int = 0
    r: int = 0
    ends: int = 0
    valid: int = 0
    begun: bool = False
    """Its child was started."""
    known: bool = False
    """The ledger has, or may have, recorded its beginning."""
    draining: int = 0
    """1: it was told to leave; 2: that it is draining is acknowledged."""
    kind: str = ""
    """What it will report."""
    deleted: bool = False

    @property
    def alive(self) -> bool:
        """Whether a child of it lives."""
        return self.phase in (Phase.RUNNING, Phase.PAUSED)


IDLE = Hand(Phase.IDLE)


class Report(NamedTuple):
    """What a worker says of the run ``n.r`` of a copy; its lease lasts until ``ends``."""

    kind: str
    n: int
    r: int
    copy: int = 0
    ends: int = 0
    deleted: bool = False
    begun: bool = True

    @property
    def run(self) -> str:
        """The run's name."""
        return run_name(self.n, self.r, self.copy)


class Reports(NamedTuple):
    """The status queue, in no order, and what is true beside it."""

    there: tuple[Report, ...] = ()
    acknowledged: bool = False
    """A success was acknowledged to its worker and is not recorded yet."""
    gone: tuple[Report, ...] = ()
    """Runs whose machines are gone for good, which the platform will say, with what they last told of their leases."""


class Effect(NamedTuple):
    """What one step of a worker does."""

    hand: Hand
    messages: tuple[Message, ...]
    says: str
    """The step in words, for the story."""
    told: Report | None = None
    cost: str | None = None
    """The fault that it takes."""
    dies: Report | None = None
    """The run whose machine is gone for good."""
    breaks: str = ""
    """The invariant that the step itself violates."""


@dataclass(frozen=True)
class Configuration:
    """One small world: how often each fault may happen, and what kind of deployment it is."""

    name: str
    about: str
    faults: Mapping[str, int]
    dispatches: int = 2
    receives: int = 2
    lease: int = 2
    validity: int = 1
    attempts: int = 2
    losses: int = 2
    workers: int = 2
    claims: bool = False
    """single-queue: runs are claimed, reports go straight to the ledger."""
    fifo: bool = False
    one_transaction: bool = False
    """The queue is in the ledger's database: dispatch and send are one transaction."""
    slow_replies: bool = False
    bundle: bool = False
    """The task is one of a bundle, which runs at its first receive only (B1)."""
    most_receives: int = 10
    recalls: bool = False
    without: str = ""
    """The rule of the road that is left out."""
    breaks: str = ""
    """The invariant that is violated without them."""
    sees: tuple[str, ...] = field(default=())
    """What must have happened somewhere in this world, or it would show nothing."""

    def lacks(self, rule: str) -> bool:
        """Whether this rule is left out."""
        return rule == self.without


class Interner(Generic[T]):
    """Small numbers for values, so that states are small and compare fast."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._numbers: dict[T, int] = {}

    def __call__(self, value: T) -> int:
        """The number of this value."""
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number


def run_name(n: int, r: int, copy: int) -> str:
    """What a run is called: dispatch, receive, and the copy of the message if it is not the first."""
    return f"{n}.{r}" + ("", "'")[copy]


def later(ticks: int) -> int:
    """A remaining time one tick later."""
    return ticks - 1 if ticks else 0


def without_one(things: tuple[T, ...], thing: T) -> tuple[T, ...]:
    """One less of this."""
    at = things.index(thing)
    return things[:at] + things[at + 1 :]
