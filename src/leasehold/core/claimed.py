"""The rule for a claim: whether a run may start. Everything that keeps two runs of one task apart is decided here."""

from __future__ import annotations

from leasehold.core.events import Claimed
from leasehold.core.model import Decision, Ignored, Run, RunFact, Status
from leasehold.core.spoken import CLOSED, KNOWN, begin
from leasehold.core.step import Step, awaits_turn, lease_ahead, mark_seen, skip_to, take_over

OVER = "the lease of this run is over, or its end is recorded"


def on_claimed(step: Step, event: Claimed) -> Decision | Ignored:
    """Grant the newest receive of the open dispatch, unless another run may be alive; the grant starts the run.

    Asked again by the same run the answer is the same: whoever does not know whether a claim was committed asks again.
    """
    task = step.task
    if event.n != task.n:
        return step.refused(f"it was received for dispatch {event.n}, the task is at {task.n}")
    if task.terminal:
        return nothing_to_run(step)
    if not task.open:
        return step.refused(CLOSED)
    mark_seen(step, event.r)
    if event.run_id == task.run_id:
        holds = (task.status is Status.IN_PROGRESS or awaits_turn(task)) and lease_ahead(step)
        return step.ignored(KNOWN) if holds else step.refused(OVER)
    if event.r <= task.r:
        return step.refused(f"run {task.r} of this dispatch was granted to another worker")
    if lease_ahead(step):
        return step.refused(f"run {task.r} holds the task", remaining=task.lease_until - step.now)
    return grant(step, event) if event.remaining > 0 else step.refused(OVER)


def nothing_to_run(step: Step) -> Decision | Ignored:
    """No run starts after an outcome (S13). Its message is deleted upon this answer, so its dispatch ends here.

    That the delete may fail does not matter: whoever receives the message once more is refused again. But while a run
    of it may be alive, a task that a person retries must find the dispatch open, or two would run it.
    """
    if step.task.open and not lease_ahead(step):
        step.quietly(open=False)
    return step.refused(f"the task is {step.task.status}")


def grant(step: Step, event: Claimed) -> Decision | Ignored:
    """The run has the task from here on. A silent run before it may have been the last one that its losses allow.

    In a bundle it has only been promised its turn: it is in progress, and charged if it is lost, once it begins (B3).
    """
    skip_to(step, event.r)
    if step.task.terminal:
        return nothing_to_run(step)
    run = Run(
        n=event.n,
        r=event.r,
        run_id=event.run_id,
        worker=event.worker,
        lease_until=step.now + event.remaining,
        started_at=step.now,
        receipt=event.receipt,
    )
    if step.task.members > 1:
        take_over(step, run._replace(receipt=None))
    else:
        begin(step, run)
    step.facts = (*step.facts, RunFact(run.n, run.r, run.run_id, run.worker, lease_until=run.lease_until))
    return step.decision()
