"""What workers say, before it is put on the wire and after it was taken off: plain data."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from leasehold.core.model import Failure

FORGED = "its capability does not fit"
"""Begins the reason for which a report is kept in quarantine that speaks of what its sender was not given."""


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
    """One report as the worker makes it.

    Its ``*_boot`` instants become ages when it is encoded, so that no machine clock ever enters the ledger.
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
    """Of a progress report its note; of a released or refused run the cause."""
    log: str | None = None
    log_ref: str | None = None
    log_bytes: int = 0
    trace: str | None = None
    """Of an end: the ``traceparent`` of its task, where the worker tells spans."""


class Payload(NamedTuple):
    """The bulky part of a report, kept beside the hot row."""

    result: str | None = None
    result_ref: str | None = None
    log: str | None = None
    log_ref: str | None = None
    log_bytes: int = 0


class Malformed(NamedTuple):
    """A message that could not be understood. ``body`` is cut to its first 16 KiB."""

    source: str
    digest: str
    body: str
    reason: str
