"""The lists of the read side, and where a row stands in each: what their cursors are made of."""

from __future__ import annotations

from leasehold.core.cursors import Listing, Place
from leasehold.core.filters import NO_GROUP
from leasehold.core.reports import Malformed
from leasehold.ports.ledger import Operation
from leasehold.ports.views import BatchView, FailureGroup, WorkerView


def of_batch(view: BatchView) -> tuple[str]:
    """Newest first; a batch is never forgotten."""
    return (view.name,)


def of_operation(one: Operation) -> tuple[str]:
    """Newest first; neither is an operation."""
    return (one.id,)


def of_worker(view: WorkerView) -> tuple[str]:
    """By name."""
    return (view.name,)


def of_group(group: FailureGroup) -> tuple[int, str, str]:
    """Largest first, then by handler. A group that grows or shrinks meanwhile may be told twice, or not at all."""
    return group.tasks, group.name, group.id


def behind(place: Place | None, tasks: int, name: str, group: str) -> bool:
    """Whether a group of failures comes behind a place in their list; a group of no error is '' or its name."""
    if place is None:
        return True
    size, *names = place
    return (-tasks, name, group or NO_GROUP) > (-int(size), *names)


def of_damaged(one: tuple[int, Malformed]) -> tuple[str, str]:
    """Newest first. Where it is gone, so is all that is older."""
    return one[1].source, one[1].digest


BATCHES = Listing[BatchView]("batches", (str,), of_batch)
OPERATIONS = Listing[Operation]("operations", (str,), of_operation)
WORKERS = Listing[WorkerView]("workers", (str,), of_worker)
FAILURES = Listing[FailureGroup]("failures", (int, str, str), of_group)
QUARANTINE = Listing[tuple[int, Malformed]]("quarantine", (str, str), of_damaged)
