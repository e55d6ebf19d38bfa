"""The rules for what nobody reports of a run: the clock, the queue, the platform."""

from __future__ import annotations

from leasehold.core.events import DeadLettered, Expired, Lapsed, Recalled, Unsendable, Voided
from leasehold.core.model import VOID_SLACK, Decision, Ignored, Status, Why
from leasehold.core.retry import ceiling
from leasehold.core.step import Step, charge, give_up, lease_ahead, leave_bundle, losses_spent, unheard

CLOSED = "its dispatch is closed"


def on_lapsed(step: Step, event: Lapsed) -> Decision | Ignored:
    """The lease ran out in silence. The queue will redeliver the message, so nothing is dispatched again here.

    With a claim before every run a second message can do no harm, and the task is due at once (R7).
    """
    task = step.task
    if task.status is not Status.IN_PROGRESS or task.lease_until > step.now:
        return step.ignored("no lease of it has run out")
    if event.redispatch:
        step.quietly(open=False)
    lapse(step, "lapsed")
    return step.decision()


def on_recalled(step: Step, event: Recalled) -> Decision | Ignored:
    """The machine is gone for good: what its lease would tell later is known now (R13).

    Not where the run was draining: its worker may have given the message back, and another may hold it by now. Not
    where its lease is nearly over: the queue may show the message by itself before anybody could, to whom it must not
    be taken from.
    """
    task = step.task
    if task.status is not Status.IN_PROGRESS or task.run_id != event.run_id:
        return step.ignored("that run does not hold the task")
    if task.receipt is None:
        return step.ignored("its worker gives it back by itself")
    if task.lease_until - step.now < event.margin:
        return step.ignored("its lease is nearly over")
    step.quietly(lease_until=min(task.lease_until, step.now), receipt=None)
    if event.redispatch:
        step.quietly(open=False)
    lapse(step, "recalled")
    return step.decision()


def on_voided(step: Step, event: Voided) -> Decision | Ignored:
    """Nobody may start this dispatch any more and nobody can still be running it: its message is lost or never was."""
    del event
    task = step.task
    if not task.open or task.void_at > step.now or lease_ahead(step):
        return step.ignored("its dispatch is closed, or may still be run")
    close(step, "voided", receives=0)
    return step.decision()


def on_taken_off(step: Step, event: Expired | DeadLettered) -> Decision | Ignored:
    """The message is off the queue, unstarted by whoever says so; another run of it may still be alive."""
    task = step.task
    if event.n != task.n or not task.open:
        return step.ignored(CLOSED)
    again = task.members > 1 and event.r > 1
    kind = "unbundled" if again else "expired" if isinstance(event, Expired) else "dead-lettered"
    if lease_ahead(step):
        void_at = task.lease_until + VOID_SLACK
        if task.void_at == void_at:
            return step.ignored("known already; its run may still end")
        step.quietly(void_at=void_at)
        if task.status is not Status.COMPLETED:
            step.stay(kind, detail="no redelivery will come; the run that holds it may still end")
        return step.decision()
    if again:
        leave_bundle(step)
    # A receive of a bundle says nothing of those in it that never began: they are not charged (B3).
    close(step, kind, receives=0 if again else event.r - 1)
    return step.decision()


def on_unsendable(step: Step, event: Unsendable) -> Decision | Ignored:
    """The queue will not have its message: that is the message's fault, so it spends an attempt and is told.

    Tried again all the same while attempts are left: what refuses may be a setting of the queue. The pause is the
    policy's longest, not a random part of it, for there is nobody to share with. Nobody can have received it.
    """
    task = step.task
    if event.n != task.n or not task.open or task.r or task.status is Status.COMPLETED:
        return step.ignored("its dispatch is closed, was received, or does not matter any more")
    step.quietly(open=False)
    if task.terminal:
        step.stay("unsendable", detail=event.reason)
        return step.decision()
    if task.members > 1:  # nobody knows which of them it was, if any
        leave_bundle(step)
        step.to("unsendable", Status.PENDING, Why.DUE, detail=f"{event.reason}; it held {task.members} tasks")
        return step.decision()
    attempts = task.attempts + 1
    spent = attempts >= task.policy.attempts
    step.to(
        "unsendable",
        Status.FAILED if spent else Status.PENDING,
        None if spent else Why.SCHEDULED,
        detail=event.reason,
        reason=event.reason,
        error_group=None,
        attempts=attempts,
        due_at=step.now + ceiling(task.policy, task.attempts),
    )
    return step.decision()


def lapse(step: Step, kind: str) -> None:
    """An in_progress run went silent: one loss, then wait for redelivery (or go out again), or give up."""
    charge(step)
    if not step.task.open:
        leave_bundle(step)
    silent = f"nothing was heard of run {step.task.r} on {step.task.worker}"
    if losses_spent(step.task):
        give_up(step, kind, silent)
    else:
        step.to(kind, Status.PENDING, Why.LAPSED if step.task.open else Why.DUE, detail=silent)


def close(step: Step, kind: str, *, receives: int) -> None:
    """Close the dispatch: no message of it is left and no run of it is alive.

    A receive that never led to a report is a machine that died before it could speak: together they cost one loss,
    so that a task which kills its supervisor at once cannot go round for ever.
    """
    if step.task.status is Status.IN_PROGRESS:
        lapse(step, "lapsed")
    step.quietly(open=False)
    if step.task.run_charged or (step.task.members > 1 and step.task.r):
        leave_bundle(step)
    task = step.task
    if task.status is Status.COMPLETED:
        return
    if task.terminal:
        step.stay(kind)
        return
    if unheard(task, receives):
        step.quietly(losses=task.losses + 1)
        if losses_spent(step.task):
            give_up(step, kind, f"{receives} receives, not all of them ever heard of again")
            return
    step.to(kind, Status.PENDING, Why.DUE)
