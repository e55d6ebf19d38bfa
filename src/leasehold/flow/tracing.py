"""The road as spans: dispatched, run, recorded. Each is told when it is over, by whoever did it."""

from __future__ import annotations

from leasehold.core.model import Task
from leasehold.core.reports import Update
from leasehold.core.wire import WireUpdate
from leasehold.flow.held import Held
from leasehold.ports.clock import Clock
from leasehold.ports.tracing import Span

SYSTEM = {"messaging.system": "leasehold"}
"""Attributes are named as OpenTelemetry's conventions for messaging have it; those of ours begin with ``leasehold``."""


def dispatch_span(task: Task, trace: str, now: int) -> Span:
    """From when the task was due until its message was made."""
    about = {"messaging.destination.name": task.queue, "messaging.message.id": f"{task.id}.{task.n}"}
    attributes = SYSTEM | about | {"leasehold.task.id": task.id, "leasehold.n": task.n}
    return Span(f"dispatch {task.name}", "producer", trace, min(task.due_at, now), now, attributes)


def run_span(held: Held, said: Update, trace: str, clock: Clock) -> Span:
    """From the beginning to the end of the handler's code."""
    off = clock.now() - clock.boot()
    began = said.ended_boot if said.began_boot is None else said.began_boot
    attributes = {
        **SYSTEM,
        "messaging.destination.name": held.message.queue or "",
        "messaging.message.id": f"{said.task_id}.{said.n}",
        "leasehold.task.id": said.task_id,
        "leasehold.run.id": said.run_id,
        "leasehold.n": said.n,
        "leasehold.r": said.r,
        "leasehold.worker": said.worker,
        "leasehold.outcome": said.kind.value,
    }
    failure = said.failure
    error = None if failure is None else f"{failure.type}: {failure.message}"
    name, began, ended = f"run {held.message.name}", (began or 0) + off, (said.ended_boot or 0) + off
    return Span(name, "consumer", trace, began, ended, attributes, own=said.run_id, error=error)


def record_span(update: WireUpdate, trace: str, sent_at: int, now: int) -> Span:
    """From when a run's end was handed over until the ledger had it."""
    attributes = SYSTEM | {"leasehold.task.id": update.task_id, "leasehold.run.id": update.run_id}
    name = f"record {update.kind.value}"
    return Span(name, "internal", trace, min(sent_at, now), now, attributes, under=update.run_id)
