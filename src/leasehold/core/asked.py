"""The rules for what the orchestrator, a client or a person does to a task."""

from __future__ import annotations

from leasehold.core.events import Cancelled, Dispatched, Due, ParentEnded, Retried, Submitted
from leasehold.core.model import RETRIABLE, VOID_SLACK, Decision, Ignored, Status, Why
from leasehold.core.step import Step, resume


def on_submitted(step: Step, event: Submitted) -> Decision | Ignored:
    """The task enters the ledger."""
    if step.task.version:
        return step.ignored("it is in the ledger already")
    step.to("submitted", Status.PENDING, waiting_for(step, event.parents), detail=event.note)
    return step.decision()


def on_due(step: Step, event: Due) -> Decision | Ignored:
    """Its time has come."""
    del event
    task = step.task
    if task.why is not Why.SCHEDULED or task.due_at > step.now:
        return step.ignored("it does not wait for its time, or its time has not come")
    step.to("due", Status.PENDING, Why.DUE)
    return step.decision()


def on_dispatched(step: Step, event: Dispatched) -> Decision | Ignored:
    """Give the task its next dispatch number. Committed before the send, so that no two sends ever share one."""
    task = step.task
    if task.why is not Why.DUE or task.open:
        return step.ignored("it is not due, or a dispatch of it is still open")
    step.quietly(
        n=task.n + 1,
        open=True,
        not_after=event.not_after,
        void_at=event.not_after + task.policy.lease + VOID_SLACK,
        r=0,
        run_id=None,
        run_open=False,
        run_charged=False,
        worker=None,
        receipt=None,
        lease_until=0,
        seen=0,
        members=event.members if task.members else 0,
    )
    step.to("dispatched", Status.PENDING, Why.QUEUED)
    return step.decision()


def on_cancelled(step: Step, event: Cancelled) -> Decision | Ignored:
    """Cancelled at once, whatever a run of it still does; a message on the queue cannot be called back."""
    if step.task.terminal:
        return step.ignored(f"it is {step.task.status} already")
    reason = f"cancelled by {event.by}" + (f": {event.reason}" if event.reason else "")
    step.to("cancelled", Status.CANCELLED, None, detail=reason, reason=reason, error_group=None)
    return step.decision()


def on_retried(step: Step, event: Retried) -> Decision | Ignored:
    """Fresh budgets. An open dispatch is adopted rather than sent again, so that two runners never arise."""
    task = step.task
    if task.status not in RETRIABLE:
        return step.ignored(f"it is {task.status}; only a failed or cancelled task can be retried")
    status, why = resume(task, step.now)
    detail = f"retried by {event.by}" + (f": {event.reason}" if event.reason else "")
    step.to(
        "retried",
        status,
        why,
        detail=detail,
        attempts=0,
        losses=0,
        charged=(),
        inferred=False,
        reason=None,
        error_group=None,
        cancelled_by=None,
    )
    return step.decision()


def on_parent_ended(step: Step, event: ParentEnded) -> Decision | Ignored:
    """A parent's failure cancels; its repair takes that back; the last parent's end frees the task."""
    task = step.task
    fell = event.cancels and event.outcome in (Status.FAILED, Status.CANCELLED)
    if task.why is Why.BLOCKED and fell:
        reason = f"its parent {event.parent} is {event.outcome}"
        step.to("parent-ended", Status.CANCELLED, None, detail=reason, reason=reason, cancelled_by=event.parent)
    elif task.why is Why.BLOCKED and not event.waiting:
        step.to(
            "parent-ended", Status.PENDING, waiting_for(step, 0), detail=f"the last parent, {event.parent}, has ended"
        )
    elif task.cancelled_by == event.parent and task.status is Status.CANCELLED and not fell:
        uncancel(step, event)
    else:
        return step.ignored("it does not wait for this parent, or still waits for others")
    return step.decision()


def uncancel(step: Step, event: ParentEnded) -> None:
    """The parent that cancelled this task has been repaired; another one may still stand in the way."""
    if event.broken_by is not None:
        reason = f"its parent {event.broken_by} has failed too"
        step.stay("parent-ended", detail=reason, reason=reason, cancelled_by=event.broken_by)
        return
    detail = f"its parent {event.parent} was repaired"
    why = waiting_for(step, event.waiting)
    step.to("parent-ended", Status.PENDING, why, detail=detail, reason=None, cancelled_by=None)


def waiting_for(step: Step, parents: int) -> Why:
    """What a task waits for before its first dispatch."""
    if parents:
        return Why.BLOCKED
    return Why.SCHEDULED if step.task.due_at > step.now else Why.DUE
