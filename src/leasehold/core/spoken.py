"""The rules for what workers report of their runs. One event, one function; guards first."""

from __future__ import annotations

from leasehold.core.events import Completed, Draining, Failed, Progressed, Refused, Released, Started
from leasehold.core.grouping import error_group
from leasehold.core.model import VOID_SLACK, Decision, FailureKind, Ignored, Run, RunFact, Status, Why
from leasehold.core.retry import backoff
from leasehold.core.step import Step, awaits_turn, lease_ahead, leave_bundle, mark_seen, move_to, refund

KNOWN = "this run is known already"
ENDED = "an end of this run is recorded already"
CLOSED = "its dispatch is closed"
SUCCEEDED = "the task is completed; nothing undoes a success"
PROCESS = frozenset({FailureKind.EXIT, FailureKind.SIGNAL, FailureKind.MEMORY, FailureKind.LEASE})
"""Failures that end a run's process, or keep it for a whole lease: they cost the others of a bundle time."""
HELD = "another run holds the task, and this one never began"


def on_started(step: Step, event: Started) -> Decision | Ignored:
    """Only a newer run of the open dispatch starts anything: its own end may have been recorded before it."""
    step.facts = (begun(event.run),)
    return heard(step, event.run)


def on_progressed(step: Step, event: Progressed) -> Decision | Ignored:
    """Progress is a fact of its run; it stands in for a Started that is lost or still on its way."""
    step.facts = (begun(event.run)._replace(fraction=event.fraction, note=event.note),)
    return heard(step, event.run)


def on_draining(step: Step, event: Draining) -> Decision | Ignored:
    """From here on the worker gives it back itself: a recall with the old receipt would take it from another."""
    run = event.run
    step.facts = (begun(run),)
    ignored = heard(step, run)
    task = step.task
    holds = task.open and (task.n, task.run_id) == (run.n, run.run_id)
    if not holds or task.receipt is None:
        return ignored
    if task.terminal:
        step.quietly(receipt=None)
    else:
        step.stay("draining", of=run, receipt=None)
    return step.decision()


def on_completed(step: Step, event: Completed) -> Decision | Ignored:
    """First success wins, from any run of any dispatch. It closes nothing: its delete comes after it."""
    run = event.run
    step.facts = (begun(run)._replace(ended_at=event.ended_at, outcome="completed"),)
    if step.task.status is Status.COMPLETED:
        return step.ignored(SUCCEEDED)
    refund(step, run, lift=False)
    if run.n == step.task.n:
        mark_seen(step, run.r)
        if step.task.open:
            begin(step, run)
    if step.task.run_id == run.run_id:
        step.quietly(run_open=False, receipt=None)
    task = step.task
    if task.status is Status.CANCELLED:
        step.stay("late", of=run, detail="it succeeded after the cancellation; the result is kept with the run")
        return step.decision()
    step.to(
        "completed",
        Status.COMPLETED,
        None,
        of=run,
        inferred=False,
        reason=None,
        error_group=None,
        started_at=run.started_at if task.started_at is None else task.started_at,
    )
    return step.decision()


def on_failed(step: Step, event: Failed) -> Decision | Ignored:
    """Charge an attempt, then retry or give up.

    Only the current run may: a stale failure says nothing of the run that replaced it.
    """
    run = event.run
    step.facts = (begun(run)._replace(ended_at=event.ended_at, outcome="failed", failure=event.failure),)
    if step.task.status is Status.COMPLETED:
        return step.ignored(SUCCEEDED)
    refund(step, run)
    if not event.begun and held_by_another(step, run):
        return stand_aside(step, run, deleted=event.deleted)
    if (reason := not_current(step, run)) is not None:
        return step.ignored(reason)
    was_open = step.task.open
    if was_open:
        begin(step, run)
    else:
        move_to(step, run)
    if not step.task.run_open:
        return step.ignored(ENDED)
    end(step, deleted=event.deleted)
    charge_attempt(step, event, was_open=was_open)
    return step.decision()


def charge_attempt(step: Step, event: Failed, *, was_open: bool) -> None:
    """Spend one attempt and say where that leaves the task."""
    task, run = step.task, event.run
    said = event.failure.message or event.failure.type
    story = {"reason": said, "error_group": error_group(task.name, event.failure), "inferred": False}
    attempts = task.attempts + 1
    if event.deleted and event.failure.kind in PROCESS:
        leave_bundle(step)
    if task.status is Status.CANCELLED:
        step.stay("late", of=run, detail=f"it failed after the cancellation: {said}")
    elif task.status is Status.FAILED:
        # A report replaces an inference; of two reports the newest token tells the story. The outcome stays.
        step.stay("failed", of=run, detail=said, attempts=attempts if task.inferred else task.attempts, **story)
    elif event.unrecoverable or attempts >= task.policy.attempts:
        step.to("failed", Status.FAILED, None, of=run, detail=said, attempts=attempts, **story)
    elif not was_open:
        step.stay("failed", of=run, detail=said, attempts=attempts, **story)
    elif event.deleted:
        wait = backoff(task.policy, task.attempts, event.jitter) if event.after is None else event.after
        step.to(
            "failed",
            Status.PENDING,
            Why.SCHEDULED,
            of=run,
            detail=said,
            attempts=attempts,
            due_at=step.now + wait,
            **story,
        )
    else:
        # The message is still out there: its redelivery is the retry.
        step.to("failed", Status.PENDING, Why.LAPSED, of=run, detail=said, attempts=attempts, **story)


def on_released(step: Step, event: Released) -> Decision | Ignored:
    """Given back through no fault of its own: nothing is charged.

    Of a bundle, one that began goes by itself: where a process died with several runs in it, nobody knows whose fault
    that was, and together they would take it along again and again.
    """
    step.facts = (spoken(event.run)._replace(ended_at=event.ended_at, outcome="released", note=event.cause or None),)
    if (ignored := given_back(step, event.run, deleted=event.deleted, begun=event.begun)) is not None:
        return ignored
    if event.deleted and event.begun:
        leave_bundle(step)
    if step.task.terminal:
        step.stay("late", of=event.run, detail="given back after the outcome")
    else:
        step.to(
            "released",
            Status.PENDING,
            Why.DUE if event.deleted else Why.QUEUED,
            of=event.run,
            detail=event.cause or None,
        )
    return step.decision()


def on_refused(step: Step, event: Refused) -> Decision | Ignored:
    """No worker of that queue knows the handler (yet): nothing is charged, and ``why`` can say so."""
    step.facts = (spoken(event.run)._replace(ended_at=event.ended_at, outcome="refused", note=event.reason),)
    if (ignored := given_back(step, event.run, deleted=event.deleted, begun=False)) is not None:
        return ignored
    task = step.task
    if task.terminal:
        step.stay("late", of=event.run, detail=event.reason)
    elif event.deleted:
        due_at = step.now + backoff(task.policy, task.n - 1, event.jitter)
        step.to(
            "refused",
            Status.PENDING,
            Why.SCHEDULED,
            of=event.run,
            detail=event.reason,
            reason=event.reason,
            due_at=due_at,
        )
    else:
        step.to("refused", Status.PENDING, Why.QUEUED, of=event.run, detail=event.reason, reason=event.reason)
    return step.decision()


# ---------------------------------------------------------------- what they share


def heard(step: Step, run: Run) -> Decision | Ignored:
    """A run shows signs of life, without ending."""
    if step.task.status is Status.COMPLETED:
        return step.ignored(SUCCEEDED)
    if (reason := not_current(step, run)) is not None:
        return step.ignored(reason)
    if not step.task.open:
        return step.ignored(CLOSED)
    newer, ended = run.r > step.task.r, step.task.terminal
    begin(step, run)
    if newer and ended:
        step.stay("late", of=run, detail="a run began after the outcome")
    return step.ignored(KNOWN)


def begin(step: Step, run: Run) -> None:
    """Move to a newer run, or to one whose turn in its bundle has come; where there is no outcome yet, it starts."""
    turn = awaits_turn(step.task) and step.task.run_id == run.run_id
    if run.r <= step.task.r and not turn:
        return
    move_to(step, run)
    if turn:
        step.quietly(receipt=run.receipt)
    if not step.task.terminal:
        first = run.started_at if step.task.started_at is None else step.task.started_at
        step.to("started", Status.IN_PROGRESS, None, of=run, started_at=first)


def given_back(step: Step, run: Run, *, deleted: bool, begun: bool) -> Decision | Ignored | None:
    """End the current run without a charge. An answer means that there is nothing left to do."""
    if step.task.status is Status.COMPLETED:
        return step.ignored(SUCCEEDED)
    refund(step, run)
    if not begun and held_by_another(step, run):
        return stand_aside(step, run, deleted=deleted)
    if (reason := not_current(step, run)) is not None:
        return step.ignored(reason)
    if not step.task.open:
        return step.ignored(CLOSED)
    move_to(step, run)
    if not step.task.run_open:
        return step.ignored(ENDED)
    end(step, deleted=deleted)
    return None


def held_by_another(step: Step, run: Run) -> bool:
    """Whether another run of this dispatch, that this one would take over from, may be alive under its lease."""
    task = step.task
    return task.open and run.n == task.n and run.r >= task.r and run.run_id != task.run_id and lease_ahead(step)


def stand_aside(step: Step, run: Run, *, deleted: bool) -> Decision | Ignored:
    """A message that was never begun cannot take the task from a run that may be alive: two would run it then.

    If it was deleted, no redelivery will come: then the dispatch is over with the lease of the run that holds it.
    """
    mark_seen(step, run.r)
    if deleted and run.r > step.task.r:
        step.quietly(void_at=step.task.lease_until + VOID_SLACK)
    return step.ignored(HELD)


def end(step: Step, *, deleted: bool) -> None:
    """The current run is over; its message too, if it was deleted."""
    step.quietly(run_open=False, receipt=None, open=step.task.open and not deleted)


def not_current(step: Step, run: Run) -> str | None:
    """Why this run may not speak for the task, or ``None``. Notes the receive, and an overlap if this is one."""
    task = step.task
    if run.n != task.n:
        return f"it speaks of dispatch {run.n}, the task is at {task.n}"
    mark_seen(step, run.r)
    if run.r < task.r:
        return f"run {task.r} has taken over from run {run.r}"
    if run.r == task.r and run.run_id != task.run_id:
        step.stay("overlap", of=run, detail=f"two runs share token {run.n}.{run.r}; the first one recorded counts")
        return f"another run with token {run.n}.{run.r} was recorded first"
    return None


def begun(run: Run) -> RunFact:
    """What a report of a run that began says of it."""
    return RunFact(run.n, run.r, run.run_id, run.worker, run.started_at, run.lease_until)


def spoken(run: Run) -> RunFact:
    """What any report says of its run."""
    return RunFact(run.n, run.r, run.run_id, worker=run.worker, lease_until=run.lease_until)
