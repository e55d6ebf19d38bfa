"""The ledger as an audit reads it: all of it, at one instant, in chunks that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from leasehold.core.model import Task
from leasehold.ports.views import RunView


class Trail(NamedTuple):
    """The audit trail of one task, summed up."""

    lines: int
    last: int
    """The highest ``seq``: as many as there are lines, unless some are missing."""
    after: str
    """The state to which the last line leads."""
    jumps: int
    """Lines that do not begin where the line before them ended, or were recorded before it."""
    dispatches: int
    completions: int


NO_TRAIL = Trail(0, 0, "", 0, 0, 0)


class Inspected(NamedTuple):
    """One task with what else is on record of it."""

    task: Task
    trail: Trail
    successes: int
    """Runs that reported a success."""
    runs: Sequence[RunView] = ()
    """By token, where there are several; without their logs."""


class LineCount(NamedTuple):
    """How many lines of the trails take a task from ``before`` to ``after``."""

    kind: str
    before: str
    after: str
    lines: int
    example: str
    """A task id."""


class Miscount(NamedTuple):
    """One counter cell that does not say what the tasks say; ``gap``: by how much it is too high."""

    cell: tuple[str, ...]
    """Queue, state, handler, batch and failure group, without those that are empty."""
    gap: int


class Quarantined(NamedTuple):
    """Messages in quarantine."""

    damaged: int
    forged: int
    """Reports whose capability did not fit."""


class Inspection(Protocol):
    """One snapshot of the whole ledger. Nothing in it moves; each call reads, none blocks a writer."""

    @property
    def now(self) -> int:
        """The instant of the snapshot, on the ledger's clock."""
        ...

    def chunks(self, size: int) -> Iterator[Sequence[Inspected]]:
        """Every task, in the order of submits, ``size`` at a time at most."""
        ...

    def lines(self) -> Iterator[LineCount]:
        """The lines of all trails by what they do; a kind may come several times."""
        ...

    def miscounts(self, limit: int) -> Sequence[Miscount]:
        """Counters that differ from the tasks that they count, once all chunks have been read."""
        ...

    def happened(self) -> Mapping[str, int]:
        """What was counted as it happened: ``started``, ``repeated``, ``ignored: WHY``, ``refused: WHY``, ..."""
        ...

    def quarantined(self) -> Quarantined:
        """What could not be understood or trusted."""
        ...

    def last_report(self) -> int | None:
        """When a report was last recorded; ``None`` where none is remembered."""
        ...
