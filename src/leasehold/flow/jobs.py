"""A received run as a slot needs it, and the leaving of a worker."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.flow.held import Held
from leasehold.ports.slots import Job
from leasehold.ports.tracing import Tracing


def job_of(held: Held, margin: int, start_by: int, tracing: Tracing) -> Job:
    """The run, to be begun by then and over ``margin`` ms before its lease is."""
    return Job(
        run_id=held.run_id,
        task_id=held.task.id,
        name=held.message.name,
        arguments=held.arguments or "",
        n=held.task.n,
        r=held.delivery.receive_count,
        deadline_boot=held.hold.deadline(margin),
        start_by_boot=start_by,
        bundle=None if held.bundle is None else held.bundle.name,
        trace=tracing.within(held.task.trace, held.run_id),
    )


class Drain(NamedTuple):
    """The worker is leaving: why, and until when short work may finish."""

    reason: str
    until: int
