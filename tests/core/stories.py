"""Words to tell the story of a task in: given a task, when something is reported of it, then it stands so."""

from __future__ import annotations

from leasehold.core import events
from leasehold.core.machine import decide
from leasehold.core.model import Audit, Decision, Failure, FailureKind, Ignored, Policy, Run, Task
from leasehold.core.transitions import state_name

NOW = 1_000_000
LEASE = 60_000
VALIDITY = 600_000
VOID_AT = NOW + VALIDITY + LEASE + 5_000
FAILURE = Failure(FailureKind.EXCEPTION, "ValueError", "no such file")
POLICY = Policy(lease=LEASE, attempts=3, losses=3, backoff_base=2_000, backoff_cap=10_000)


def a_new_task(*, due_at: int = NOW, policy: Policy = POLICY) -> Task:
    """As a client makes it, before it is in the ledger."""
    return Task("task", "transcribe", "media", policy, created_at=NOW, due_at=due_at)


def a_due_task(policy: Policy = POLICY) -> Task:
    return after(a_new_task(policy=policy), events.Submitted())


def a_queued_task(policy: Policy = POLICY) -> Task:
    """Dispatched once: n is 1."""
    return after(a_due_task(policy), events.Dispatched(NOW + VALIDITY))


def a_run(n: int = 1, r: int = 1, *, by: str = "w1", began: int = NOW) -> Run:
    return Run(n, r, f"{n}.{r}@{by}", by, lease_until=began + LEASE, started_at=began, receipt=f"receipt {n}.{r}@{by}")


RUN = a_run()
SECOND = a_run(1, 2, by="w2", began=NOW + 20_000)


def a_running_task(run: Run = RUN, policy: Policy = POLICY) -> Task:
    return after(a_queued_task(policy), events.Started(run))


def completed(run: Run = RUN) -> events.Completed:
    return events.Completed(run, ended_at=run.started_at + 5_000)


def failed(run: Run = RUN, message: str = "no such file", **fields: object) -> events.Failed:
    report = events.Failed(run, run.started_at + 5_000, FAILURE._replace(message=message))
    return report._replace(**fields)


def released(run: Run = RUN, *, deleted: bool = False) -> events.Released:
    return events.Released(run, run.started_at + 5_000, "notice", deleted=deleted)


def unbegun(run: Run = RUN, *, deleted: bool = False) -> events.Released:
    """A message that is given back without a run of it having begun."""
    return released(run, deleted=deleted)._replace(begun=False)


def unstartable(run: Run = RUN, *, deleted: bool = False) -> events.Failed:
    """The arguments are gone: it failed without having begun."""
    return failed(run, deleted=deleted, begun=False, unrecoverable=True)


def claimed(run: Run = RUN, remaining: int = LEASE) -> events.Claimed:
    """The worker of this run asks whether it may begin."""
    return events.Claimed(run.n, run.r, run.run_id, run.worker, remaining, run.receipt)


def refused(run: Run = RUN, *, deleted: bool = False, jitter: float = 0.5) -> events.Refused:
    return events.Refused(run, run.started_at, "no worker knows transcribe", deleted=deleted, jitter=jitter)


UNSENDABLE = events.Unsendable(1, "queue 'tasks:media' takes no body of 2 MiB")
CANCELLED = events.Cancelled("ann", "wrong folder")
RETRIED = events.Retried("ann")
LAPSED = events.Lapsed()
VOIDED = events.Voided()


def after(task: Task, *told: events.Event, at: int = NOW) -> Task:
    """The task after these events; what is ignored leaves it as it is."""
    for event in told:
        task = decide(task, event, at).task
    return task


def decided(task: Task, event: events.Event, at: int = NOW) -> Decision:
    decision = decide(task, event, at)
    assert isinstance(decision, Decision), f"ignored: {decision.reason}"
    return decision


def ignored(task: Task, event: events.Event, at: int = NOW) -> str:
    """The reason why the event changes nothing."""
    answer = decide(task, event, at)
    assert isinstance(answer, Ignored), f"decided: {answer.audit}"
    assert answer.task == task
    return answer.reason


def state(task: Task) -> str:
    return state_name(task.status, task.why)


def kinds(lines: tuple[Audit, ...]) -> list[str]:
    return [line.kind for line in lines]


OVER = RUN.lease_until
"""When the lease of the first run is over."""
ONE_LOSS = Policy(LEASE, losses=1)
LAPSED_TASK = after(a_running_task(), LAPSED, at=OVER)
INFERRED = after(a_running_task(policy=ONE_LOSS), LAPSED, at=OVER)
"""Failed, because nothing was heard of its run: only inferred."""
