"""What a report means: the event it is for its task, and what is kept beside the row."""

from __future__ import annotations

from collections.abc import Callable

from leasehold.core import events
from leasehold.core.errors import MalformedMessage
from leasehold.core.model import Run
from leasehold.core.reports import Payload, UpdateKind
from leasehold.core.wire.status import WireUpdate


def event_of(update: WireUpdate, sent_at: int, jitter: float = 0.0) -> events.Report:
    """The event that a report is, of a message that the queue took at ``sent_at`` (ms, the queue's clock; R1)."""
    return _EVENT[update.kind](update, sent_at, jitter)


def payload_of(update: WireUpdate) -> Payload | None:
    """The bulky part of a report, if it has one."""
    if update.result is None and update.result_ref is None and update.log is None and update.log_ref is None:
        return None
    return Payload(update.result, update.result_ref, update.log, update.log_ref, update.log_bytes)


def _run(update: WireUpdate, sent_at: int) -> Run:
    held = update.held
    began = held if update.began is None else update.began
    return Run(
        n=update.n,
        r=update.r,
        run_id=update.run_id,
        worker=update.worker,
        lease_until=sent_at - held + update.lease,
        started_at=sent_at - began,
        receipt=update.receipt,
    )


def _ended_at(update: WireUpdate, sent_at: int) -> int:
    return sent_at - (update.ended or 0)


def _failed(update: WireUpdate, sent_at: int, jitter: float) -> events.Failed:
    if update.failure is None:
        raise MalformedMessage("failure: missing")
    return events.Failed(
        run=_run(update, sent_at),
        ended_at=_ended_at(update, sent_at),
        failure=update.failure,
        unrecoverable=update.unrecoverable,
        deleted=update.deleted,
        after=update.after,
        jitter=jitter,
        begun=update.began is not None,
    )


_EVENT: dict[UpdateKind, Callable[[WireUpdate, int, float], events.Report]] = {
    UpdateKind.STARTED: lambda update, at, _: events.Started(_run(update, at)),
    UpdateKind.PROGRESSED: lambda update, at, _: events.Progressed(_run(update, at), update.fraction, update.note),
    UpdateKind.COMPLETED: lambda update, at, _: events.Completed(_run(update, at), _ended_at(update, at)),
    UpdateKind.FAILED: _failed,
    UpdateKind.RELEASED: lambda update, at, _: events.Released(
        _run(update, at),
        _ended_at(update, at),
        update.note or "",
        deleted=update.deleted,
        begun=update.began is not None,
    ),
    UpdateKind.DRAINING: lambda update, at, _: events.Draining(_run(update, at)),
    UpdateKind.REFUSED: lambda update, at, jitter: events.Refused(
        _run(update, at), _ended_at(update, at), update.note or "", deleted=update.deleted, jitter=jitter
    ),
    UpdateKind.EXPIRED: lambda update, _, __: events.Expired(update.n, update.r),
    UpdateKind.DEAD_LETTERED: lambda update, _, __: events.DeadLettered(update.n, update.r),
}
