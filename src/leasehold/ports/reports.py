"""The topology: who grants a run, and where reports go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from leasehold.core.reports import Malformed, Update


class Start(NamedTuple):
    """A run that a worker wants to begin."""

    task_id: str
    n: int
    r: int
    run_id: str
    worker: str
    lease_until: int


class Grant(NamedTuple):
    """Go ahead."""


class StaleRun(NamedTuple):
    """Another run has this task, or it has ended: delete the message."""

    reason: str


class Busy(NamedTuple):
    """Another run holds its lease until then (ms from now): hide the message that long."""

    remaining: int


class Claims(Protocol):
    """Who grants a run. In ``two-queue`` always; in ``single-queue`` the ledger does."""

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        """One answer per start, in order."""
        ...


class Outbox(Protocol):
    """Where reports go: the status queue, or (single-queue) the recorder itself."""

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each update is durably accepted, in order. What is not may be posted again."""
        ...
