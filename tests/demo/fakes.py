"""Stand-ins: a listener that needs no model, time that passes only by waiting, a run without a worker."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field
from typing import Final

from leasehold.core.errors import Interrupted
from leasehold.demo.job import State
from leasehold.demo.listen import Pace
from leasehold.demo.pauses import Bounds

BOUNDS: Final = Bounds(pause=0.2, speech=0.2, longest=5.0, hush=0.1)


class CountingListener:
    """Hears the length of a piece, in tenths of a second; deciding takes it `slowness` seconds."""

    def __init__(self, hours: FakeTime | None = None, slowness: float = 0.0) -> None:
        self.bounds = BOUNDS
        self.hours, self.slowness = hours, slowness

    def hear(self, samples: array[int]) -> str:
        """Return the length as a word."""
        if self.hours:
            self.hours.wait(self.slowness)
        return f"w{round(len(samples) / 1_600)}"


class FakeTime:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """Return the instant."""
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def pace(self, rate: float) -> Pace:
        """Return a pace in this time."""
        return Pace(rate, self.wait, self.now)


def unpaced() -> Pace:
    """Return a pace that never waits."""
    return Pace(0.0)


class KilledError(Exception):
    """Stands for the death of the process."""


@dataclass
class FakeRun:
    """A task's checkpoints in memory, as JSON text: what JSON cannot carry is lost here too."""

    kept: list[str] = field(default_factory=list)
    told: list[tuple[float, float]] = field(default_factory=list)
    notes: list[str | None] = field(default_factory=list[str | None])
    dies_at_save: int | None = None  # the process dies right after so many saves
    ends_at_save: int | None = None  # after so many it is asked to end early

    def load(self, default: State) -> State:
        """Return the last checkpoint."""
        if not self.kept:
            return default
        state: State = json.loads(self.kept[-1])
        return state

    def save(self, state: State, *, done: float, total: float, note: str | None = None) -> None:
        """Keep a checkpoint."""
        self.kept.append(json.dumps(state))
        self.told.append((done, total))
        self.notes.append(note)
        if len(self.kept) == self.dies_at_save:
            raise KilledError

    def check(self) -> None:
        """Raise if the run is to end early."""
        if len(self.kept) == self.ends_at_save:
            raise Interrupted("its node is leaving")
