"""The topology: who grants a run, and where reports go."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from leasehold.core.model import Failure
from leasehold.ports.ledger import Malformed


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


class UpdateKind(StrEnum):
    """What a report says."""

    STARTED = "started"
    PROGRESSED = "progressed"
    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"
    DRAINING = "draining"
    REFUSED = "refused"
    EXPIRED = "expired"
    DEAD_LETTERED = "dead-lettered"


class Update(NamedTuple):
    """One report as the worker makes it; its ``*_boot`` instants become ages when it is encoded, so that no machine
    clock ever enters the ledger.
    """

    status_id: str
    kind: UpdateKind
    task_id: str
    capability: str
    n: int
    r: int
    run_id: str
    worker: str
    lease: int
    received_boot: int
    """When the receive request that brought the message began."""
    began_boot: int | None = None
    ended_boot: int | None = None
    receipt: str | None = None
    deleted: bool = False
    result: str | None = None
    result_ref: str | None = None
    failure: Failure | None = None
    unrecoverable: bool = False
    after: int | None = None
    fraction: float | None = None
    note: str | None = None
    log: str | None = None
    log_ref: str | None = None
    log_bytes: int = 0


class Outbox(Protocol):
    """Where reports go: the status queue, or (single-queue) the recorder itself."""

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        """Whether each update is durably accepted, in order. What is not may be posted again."""
        ...
