"""The lists of the read side, and where a row stands in each: what their cursors are made of."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.core.cursors import Listing, Place
from leasehold.core.filters import NO_GROUP
from leasehold.core.model import Audit
from leasehold.core.reports import Malformed
from leasehold.ports.ledger import Operation
from leasehold.ports.views import BatchView, FailureGroup, RunView, WorkerView


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


def numbered(one: tuple[int, RunView]) -> tuple[int, int, int, str]:
    """By token; its number among the runs of its task only tells how to count on."""
    number, run = one
    return number, run.n, run.r, run.run_id


def after_run(place: Place | None, runs: Sequence[RunView]) -> Sequence[RunView]:
    """Runs from a token on, in order, without those up to a place: of equal tokens there may be several."""
    if place is None:
        return runs
    _, n, r, run_id = place
    behind = next((nth for nth, run in enumerate(runs, 1) if (run.n, run.r, run.run_id) == (n, r, run_id)), 0)
    return runs[behind:] if behind else [run for run in runs if (run.n, run.r) != (n, r)]


def of_line(line: Audit) -> tuple[int]:
    """Oldest first; a line stays as it is."""
    return (line.seq,)


def runs_of(task_id: str) -> Listing[tuple[int, RunView]]:
    """The runs of one task, each with its number among them."""
    return Listing[tuple[int, RunView]](f"runs of {task_id}", (int, int, int, str), numbered)


def events_of(task_id: str) -> Listing[Audit]:
    """The trail of one task."""
    return Listing[Audit](f"events of {task_id}", (int,), of_line)


BATCHES = Listing[BatchView]("batches", (str,), of_batch)
OPERATIONS = Listing[Operation]("operations", (str,), of_operation)
WORKERS = Listing[WorkerView]("workers", (str,), of_worker)
FAILURES = Listing[FailureGroup]("failures", (int, str, str), of_group)
QUARANTINE = Listing[tuple[int, Malformed]]("quarantine", (str, str), of_damaged)
