"""The hot row as the table holds it, and as the rules see it. Plain data both ways; no SQL."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from leasehold.core.alarms import alarm
from leasehold.core.model import Failure, FailureKind, Policy, Status, Task, Why
from leasehold.core.transitions import state_name

TASK_COLUMNS = (
    *("id", "name", "queue", "lease", "max_attempts", "max_losses", "backoff_base", "backoff_cap", "bundle"),
    *("created_at", "due_at", "state", "priority", "batch", "version"),
    *("n", "open", "not_after", "void_at", "r", "run_id", "run_open", "worker", "receipt", "lease_until"),
    *("run_charged", "seen", "attempts", "losses", "charged", "inferred", "reason", "error_group", "cancelled_by"),
    *("updated_at", "started_at", "ended_at", "members"),
)
"""The columns of ``task_of``, in its order."""

TASK_AT = 2
"""Where ``TASK_COLUMNS`` begin in a row of ``hot_of``."""

CHANGING = (
    *("due_at", "state", "version"),
    *("n", "open", "not_after", "void_at", "r", "run_id", "run_open", "worker", "receipt", "lease_until"),
    *("run_charged", "seen", "attempts", "losses", "charged", "inferred", "reason", "error_group", "cancelled_by"),
    *("updated_at", "started_at", "ended_at", "members", "alarm", "ended_no"),
)
"""The columns of ``changed_values``, in its order, which is the table's; the task's number follows them."""

SUBMITTED = (
    *("number", "id", "name", "queue", "lease", "max_attempts", "max_losses", "backoff_base", "backoff_cap", "bundle"),
    *("created_at", "priority", "batch", "due_at", "state", "version", "updated_at", "alarm"),
)
"""The columns of a new row that are not at their defaults, in the table's order."""

STATES: dict[str, tuple[Status, Why | None]] = {
    state_name(status, why): (status, why)
    for status in Status
    for why in (tuple(Why) if status is Status.PENDING else (None,))
}
"""Every state that a row may be in, taken apart."""


UNREADABLE = Failure(
    FailureKind.EXCEPTION,
    "Unreadable",
    "what the ledger holds of this failure cannot be read",
)


class Hot(NamedTuple):
    """A task with what only its row knows."""

    number: int
    ended_no: int | None
    task: Task


def hot_of(row: tuple[Any, ...]) -> Hot:
    """From (number, ended_no, ``TASK_COLUMNS``)."""
    return Hot(row[0], row[1], task_of(row[TASK_AT:]))


def task_of(row: tuple[Any, ...]) -> Task:
    """From ``TASK_COLUMNS``."""
    (id_, name, queue, lease, max_attempts, max_losses, base, cap, bundle, created_at, due_at, state, *rest) = row
    priority, batch, version, n, is_open, not_after, void_at, r, run_id, run_open, *rest = rest
    worker, receipt, lease_until, run_charged, seen, attempts, losses, charged, inferred, *rest = rest
    status, why = STATES[state]
    return Task(
        id_,
        name,
        queue,
        Policy(lease, max_attempts, max_losses, base, cap, bundle),
        created_at,
        due_at,
        status,
        why,
        priority,
        batch,
        version,
        n,
        bool(is_open),
        not_after,
        void_at,
        r,
        run_id,
        bool(run_open),
        worker,
        receipt,
        lease_until,
        bool(run_charged),
        seen,
        attempts,
        losses,
        tuple(json.loads(charged)) if charged else (),
        bool(inferred),
        *rest,
    )


def changed_values(task: Task, ended_no: int | None, number: int) -> tuple[object, ...]:
    """For ``CHANGING`` and the number."""
    return (
        task.due_at,
        state_name(task.status, task.why),
        *task[10:25],  # version to losses
        json.dumps(task.charged) if task.charged else None,
        *task[26:],  # inferred to members
        alarm(task),
        ended_no,
        number,
    )


def submitted_values(task: Task) -> tuple[object, ...]:
    """For ``SUBMITTED`` but number and id."""
    return (
        task.name,
        task.queue,
        *task.policy,
        task.created_at,
        task.priority,
        task.batch,
        task.due_at,
        state_name(task.status, task.why),
        task.version,
        task.updated_at,
        alarm(task),
    )


def failure_text(failure: Failure | None) -> str | None:
    """A failure as JSON."""
    return None if failure is None else json.dumps(failure, ensure_ascii=False)


def failure_of(text: str | None) -> Failure | None:
    """A failure from JSON."""
    if text is None:
        return None
    try:
        kind, *rest = json.loads(text)
        return Failure(FailureKind(kind), *rest)
    except (TypeError, ValueError):
        return UNREADABLE
