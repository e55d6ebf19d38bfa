"""The workbench of the rules: a task on its way from one state to the next, and the moves that several rules share."""

from __future__ import annotations

from collections.abc import Mapping

from leasehold.core.model import TERMINAL, Audit, Decision, Ignored, Refusal, Run, RunFact, Status, Task, Why
from leasehold.core.transitions import ALLOWED, state_name

HIGHEST_SEEN = 62
"""Receive counts above this are not told apart, so that the mask fits a signed 64-bit column."""

_PLACES = {name: place for place, name in enumerate(Task._fields)}


class IllegalTransitionError(AssertionError):
    """A rule tried to write a line that the transition table does not hold: a defect of Leasehold, never of a task."""


class Step:
    """One event being decided: the task as it will be, and the audit lines that say how it came there."""

    __slots__ = ("_lines", "_original", "facts", "now", "task")

    def __init__(self, task: Task, now: int) -> None:
        self.task = task
        self.now = now
        self.facts: tuple[RunFact, ...] = ()
        self._original = task
        self._lines: list[Audit] = []

    def quietly(self, **fields: object) -> None:
        """Change what the state rests on; the state itself stays."""
        self.task = changed(self.task, fields)

    def stay(self, kind: str, *, of: Run | None = None, detail: str | None = None, **fields: object) -> None:
        """Write a line that leaves status and why as they are."""
        self.to(kind, self.task.status, self.task.why, of=of, detail=detail, **fields)

    def to(
        self,
        kind: str,
        status: Status,
        why: Why | None,
        *,
        of: Run | None = None,
        detail: str | None = None,
        **fields: object,
    ) -> None:
        """Write one line of the audit trail with the change that it stands for.

        No line is earlier than the one before: whoever waited for the task's lock read the clock before he had it.
        """
        old = self.task
        at = max(self.now, old.updated_at)
        before, after = state_name(old.status, old.why), state_name(status, why)
        if (kind, before, after) not in ALLOWED:
            message = f"task {old.id}: {kind!r} may not take a task from {before} to {after}"
            raise IllegalTransitionError(message)
        fields["status"] = status
        fields["why"] = why
        fields["version"] = old.version + 1
        fields["updated_at"] = at
        fields["ended_at"] = (old.ended_at if status is old.status else at) if status in TERMINAL else None
        self.task = new = changed(old, fields)
        n, r, run_id = (of.n, of.r, of.run_id) if of else (new.n, new.r, new.run_id)
        self._lines.append(Audit(new.version, at, kind, before, after, n, r, run_id, detail))

    def decision(self) -> Decision:
        """What has come of the event."""
        return Decision(self.task, tuple(self._lines), self.facts)

    def ignored(self, reason: str) -> Decision | Ignored:
        """Nothing more to do; a decision all the same if something was already changed on the way here."""
        if self.task is not self._original:
            return self.decision()
        return Ignored(self.task, reason, (), self.facts)

    def refused(self, reason: str, *, remaining: int | None = None) -> Decision | Ignored:
        """As ``ignored``, for a claim that is not granted."""
        return self.ignored(reason)._replace(refusal=Refusal(reason, remaining))


def changed(task: Task, fields: Mapping[str, object]) -> Task:
    """As ``_replace``, at less than half its cost: this is where most of a decision's time goes."""
    values: list[object] = list(task)
    for name, value in fields.items():
        values[_PLACES[name]] = value
    return Task._make(values)


def charge(step: Step) -> None:
    """Charge the newest run as lost, once, so that a late end of it can be refunded."""
    task = step.task
    if not task.run_charged and task.run_id is not None:
        step.quietly(losses=task.losses + 1, charged=(*task.charged, task.run_id), run_charged=True)
        step.facts = (*step.facts, RunFact(task.n, task.r, task.run_id, lost_at=step.now))


def losses_spent(task: Task) -> bool:
    """Whether the machines under this task have gone away as often as its policy allows."""
    return task.losses >= task.policy.losses


def give_up(step: Step, kind: str, detail: str) -> None:
    """Conclude from silence that the task failed; a report may still replace or lift that."""
    reason = f"lost {step.task.losses} times: the machine went away each time"
    step.to(kind, Status.FAILED, None, detail=detail, inferred=True, reason=reason)


def resume(task: Task, now: int) -> tuple[Status, Why | None]:
    """Where a task stands that is taken up again: on its open dispatch if there is one, so that two never run it."""
    if not task.open:
        return Status.PENDING, Why.DUE
    if not task.run_open or (task.members > 1 and task.receipt is None):  # of a bundle, and perhaps not begun
        return Status.PENDING, Why.QUEUED
    if task.lease_until > now:
        return Status.IN_PROGRESS, None
    return Status.PENDING, Why.LAPSED


def awaits_turn(task: Task) -> bool:
    """Whether its run was granted with the others of a bundle and has not begun: nothing is charged for it (B3)."""
    return task.run_open and task.why is Why.QUEUED


def leave_bundle(step: Step) -> None:
    """From now on it goes out by itself: what came to grief in company must not take others along again."""
    if step.task.policy.bundle > 1:
        step.quietly(members=0)


def lease_ahead(step: Step) -> bool:
    """Whether a run may still be alive under its lease."""
    return step.task.run_open and step.task.lease_until > step.now


def move_to(step: Step, run: Run) -> None:
    """Make a newer run the current one. A run skipped over that has not ended costs one loss, once."""
    if run.r > step.task.r:
        skip_to(step, run.r)
        take_over(step, run)


def skip_to(step: Step, r: int) -> None:
    """A newer run is there: the current one costs one loss, once, if it has not ended."""
    task = step.task
    if task.open and not task.terminal and task.run_open and not (task.run_charged or awaits_turn(task)):
        skipped = f"run {task.r} fell silent before run {r}"
        charge(step)
        if losses_spent(step.task):
            give_up(step, "lost", skipped)
        else:
            step.stay("lost", detail=skipped)


def take_over(step: Step, run: Run) -> None:
    """From here on this run is the current one."""
    step.quietly(
        r=run.r,
        run_id=run.run_id,
        run_open=True,
        run_charged=False,
        worker=run.worker,
        receipt=run.receipt,
        lease_until=run.lease_until,
    )


def mark_seen(step: Step, r: int) -> None:
    """Remember that something was heard of this receive of the current dispatch, in whatever order reports arrive."""
    task = step.task
    if r <= HIGHEST_SEEN and not task.seen >> r & 1:
        step.quietly(seen=task.seen | 1 << r)


def unheard(task: Task, receives: int) -> bool:
    """Whether any of the first ``receives`` receives of this dispatch never led to a report."""
    expected = (1 << min(receives, HIGHEST_SEEN) + 1) - 2
    return task.seen & expected != expected


def refund(step: Step, run: Run, *, lift: bool = True) -> None:
    """An end report of a run that was charged as lost: its machine had not gone away after all.

    ``lift``: a failure that was only inferred from such losses is taken back with them.
    """
    task = step.task
    if run.run_id not in task.charged:
        return
    step.quietly(losses=max(0, task.losses - 1), charged=tuple(c for c in task.charged if c != run.run_id))
    if lift and task.inferred and not losses_spent(step.task):
        status, why = resume(step.task, step.now)
        step.to(
            "refunded",
            status,
            why,
            of=run,
            detail="the failure inferred from it is lifted",
            inferred=False,
            reason=None,
        )
    else:
        step.stay("refunded", of=run)
