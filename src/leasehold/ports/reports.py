"""The topology: who grants a run, and where reports go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from leasehold.core.reports import Malformed, Update


class Start(NamedTuple):
    """A run that a worker wants to begin, on a message that it may hold for ``remaining`` ms yet."""

    task_id: str
    n: int
    r: int
    run_id: str
    worker: str
    remaining: int
    receipt: str | None = None


class Grant(NamedTuple):
    """Go ahead.

    ``recorded``: the run counts as begun from here on. Whoever was granted it owes a report of its end, also where it
    never begins.
    """

    recorded: bool = False


class StaleRun(NamedTuple):
    """Another run has this task, or it has ended: delete the message."""

    reason: str


class Busy(NamedTuple):
    """Another run holds its lease until then (ms from now): hide the message that long."""

    remaining: int


class Claims(Protocol):
    """Who grants a run. In ``two-queue`` always; in ``single-queue`` the ledger does."""

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        """One answer per start, in order. Where the answer is lost (``Unavailable``), the same start is asked again."""
        ...


class Outbox(Protocol):
    """Where reports go: the status queue, or (single-queue) the recorder itself."""

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each update is durably accepted, in order. What is not may be posted again."""
        ...
