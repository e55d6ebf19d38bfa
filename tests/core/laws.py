"""What must hold of every state and every step, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Iterator

from leasehold.core import events
from leasehold.core.alarms import alarm, owed
from leasehold.core.machine import decide
from leasehold.core.model import Decision, Ignored, Run, Status, Task, Why
from leasehold.core.transitions import ALLOWED
from tests.core.stories import LEASE, VALIDITY, state

STATE = ("status", "why", "n", "attempts", "losses", "charged", "inferred", "reason", "error_group", "cancelled_by")
"""What is never changed without a line in the audit trail."""


def of_state(task: Task) -> Iterator[tuple[str, bool]]:
    """(law, whether it holds) for a task at rest."""
    out = task.status is Status.IN_PROGRESS or task.why in (Why.QUEUED, Why.LAPSED)
    yield "a task says why exactly when it is pending", (task.why is not None) == (task.status is Status.PENDING)
    yield "queued, lapsed and in_progress stand on an open dispatch", task.open or not out
    yield "blocked, scheduled and due tasks have none", not task.open or out or task.terminal
    yield "only a run that is open makes a task in_progress", task.run_open or task.status is not Status.IN_PROGRESS
    yield "an open run is known", not task.run_open or (task.r > 0 and task.run_id is not None)
    yield "there is no receipt of a run that ended", task.receipt is None or task.run_open
    yield "nothing is received before it was dispatched", task.n > 0 or (task.r, task.open) == (0, False)
    yield "attempts stay within their budget (S9)", 0 <= task.attempts <= task.policy.attempts
    yield "losses stay within their budget (S9)", 0 <= task.losses <= task.policy.losses
    spent = task.attempts == task.policy.attempts or task.losses == task.policy.losses
    yield "a spent budget ends the task", task.terminal or not spent
    yield "every charged run is a loss, once", len(set(task.charged)) == len(task.charged) <= task.losses
    yield "only a failure is inferred", not task.inferred or task.status is Status.FAILED
    yield "only a cancelled task was cancelled by its parent", not task.cancelled_by or task.status is Status.CANCELLED
    yield "a task has an end exactly when it has an outcome", (task.ended_at is not None) == task.terminal
    resting = task.why in (Why.DUE, Why.BLOCKED) or (
        task.terminal and (not task.open or task.status is Status.COMPLETED)
    )
    yield "the clock owes a task something, or it rests (L1)", (alarm(task) is None) == resting


def of_step(before: Task, event: events.Event, answer: Decision | Ignored) -> Iterator[tuple[str, bool]]:
    """(law, whether it holds) for one event and what came of it."""
    after, lines = answer.task, answer.audit
    yield "an ignored event changes nothing", isinstance(answer, Decision) or (after is before and not lines)
    yield "the version counts the lines of the trail (S7)", after.version == before.version + len(lines)
    yield "the lines are numbered", [line.seq for line in lines] == list(range(before.version + 1, after.version + 1))
    states = [state(before), *(line.after for line in lines)]
    yield "each line begins where the last one ended", [line.before for line in lines] == states[:-1]
    yield "the trail ends where the task stands", states[-1] == state(after)
    yield "every line is in the table", all((line.kind, line.before, line.after) in ALLOWED for line in lines)
    silent = all(getattr(before, name) == getattr(after, name) for name in STATE)
    yield "no change of state without a line", bool(lines) or silent
    dispatched = isinstance(event, events.Dispatched) and not before.open
    yield (
        "the dispatch number rises only over a closed dispatch (S2)",
        after.n == before.n or (dispatched and after.n == before.n + 1),
    )
    yield from of_outcomes(before, event, after, changed=not silent or bool(lines))


def of_outcomes(before: Task, event: events.Event, after: Task, *, changed: bool) -> Iterator[tuple[str, bool]]:
    """(law, whether it holds) for the token, the outcome and the budgets."""
    yield "the token never falls (S3)", after.token >= before.token
    yield "nothing undoes a success (S4)", before.status is not Status.COMPLETED or not changed
    success = isinstance(event, events.Completed)
    yield (
        "only a success completes (S5)",
        success or after.status is before.status or after.status is not Status.COMPLETED,
    )
    undone = before.status is Status.CANCELLED and after.status is not Status.CANCELLED
    yield (
        "only a person or a parent undoes a cancellation (S6)",
        not undone or isinstance(event, events.Retried | events.ParentEnded),
    )
    completes = after.status is Status.COMPLETED or before.status is Status.CANCELLED
    yield "a success completes all but what was cancelled (S4)", not success or completes
    yield (
        "a charge costs one, and only a person resets",
        isinstance(event, events.Retried)
        or (after.attempts - before.attempts in (0, 1) and -1 <= after.losses - before.losses <= 2),
    )


def same(one: Task, other: Task) -> bool:
    """Whether two tasks stand alike, whatever their trails hold."""
    return without_history(one) == without_history(other)


def without_history(task: Task) -> Task:
    return task._replace(version=0, updated_at=0, started_at=None, ended_at=None)


# --- liveness: four worlds in which a task must come to its end, from wherever it stands


def by_the_clock_alone(task: Task, now: int) -> Task:
    """Nothing is heard of it any more. It must come to rest, and each thing the clock owes must change something."""
    for _ in range(4):
        at = alarm(task)
        if at is None:
            return task
        now = max(now, at)
        event = owed(task, now)
        assert event is not None
        answer = decide(task, event, now)
        assert isinstance(answer, Decision), answer.reason
        task = answer.task
    raise AssertionError(f"the clock never rests: {task}")


def where_runs_succeed(task: Task, now: int) -> Task:
    """What is on the queue is delivered once more, and works."""
    task, now = on_the_queue(task, now)
    return tell(task, now, events.Started(next_run(task, now)), events.Completed(next_run(task, now), now))


def where_runs_die(task: Task, now: int) -> Task:
    """Each run begins and is never heard of again, until its lease is over and the message comes back."""
    for _ in range(task.policy.losses + 1):
        if task.terminal:
            break
        task, now = on_the_queue(task, now)
        now += LEASE
        run = next_run(task, now)
        task, now = tell(task, now, events.Started(run)), run.lease_until
        task = tell(task, now, events.Lapsed())
    return task


def where_workers_die_unheard(task: Task, now: int) -> Task:
    """Each receive kills its worker before a word gets out, until one finds the message too old."""
    for _ in range(task.policy.losses + 1 + (task.members > 1)):  # a bundle that comes back charges nobody
        if task.terminal:
            break
        task, now = on_the_queue(task, now)
        now = max(now + 3 * LEASE, task.lease_until)
        task = tell(task, now, events.Expired(task.n, task.r + 3))
    return task


def on_the_queue(task: Task, now: int) -> tuple[Task, int]:
    """The task with a message out, as the scheduler and the dispatcher bring it there."""
    if task.why is Why.BLOCKED:
        task = tell(task, now, events.ParentEnded("p", Status.COMPLETED, waiting=0))
    if task.why is Why.SCHEDULED:
        now = max(now, task.due_at)
        task = tell(task, now, events.Due())
    if task.why is Why.DUE:
        task = tell(task, now, events.Dispatched(now + VALIDITY))
    return task, now


def next_run(task: Task, now: int) -> Run:
    return Run(task.n, task.r + 1, f"next {task.n}.{task.r}", "next", now + LEASE, now, "receipt")


def tell(task: Task, now: int, *told: events.Event) -> Task:
    for event in told:
        task = decide(task, event, now).task
    return task
