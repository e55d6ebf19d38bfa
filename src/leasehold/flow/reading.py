"""What ``shapes`` writes, read back: by programs that ask a ledger over HTTP. The shapes' other half, and nothing else.

What a shape does not tell has its default here. Fields that nobody here knows are passed over: a newer server may tell
more. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is no such shape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from leasehold.core.model import Audit, Failure, FailureKind, Policy, Status, Task, Why
from leasehold.flow.shapes import EPOCH, GOING_ON, Shape
from leasehold.ports.ledger import Operation
from leasehold.ports.views import (
    BatchView,
    Bound,
    Count,
    FailureGroup,
    Outcome,
    QueueView,
    RunView,
    TaskView,
    WorkerView,
)

MILLISECOND = timedelta(milliseconds=1)


def instant(text: str | None) -> int | None:
    """Ms since the epoch."""
    return None if text is None else at(text)


def at(text: str) -> int:
    """Ms since the epoch, of an instant that is never null."""
    return (datetime.fromisoformat(text) - EPOCH) // MILLISECOND


def text_of(value: object) -> str | None:
    """The JSON text of a value; what is null is not there."""
    return None if value is None else json.dumps(value, allow_nan=False, separators=(",", ":"))


def task(shape: Shape) -> TaskView:
    """A task, of a list or whole. Of one in a list backoff, bundle, tenant, arguments and result are not told."""
    return TaskView(
        row(shape),
        key=shape["key"],
        arguments=text_of(shape.get("arguments")),
        arguments_ref=shape.get("arguments_ref"),
        result=text_of(shape.get("result")),
        result_ref=shape.get("result_ref"),
        fraction=shape["fraction"],
        note=shape["note"],
        tenant=shape.get("tenant"),
    )


def row(shape: Shape) -> Task:
    """Its hot row, as far as it is told."""
    return Task(
        id=shape["id"],
        name=shape["handler"],
        queue=shape["queue"],
        policy=policy(shape),
        created_at=at(shape["created_at"]),
        due_at=at(shape["due_at"]),
        status=Status(shape["status"]),
        why=None if shape["why"] is None else Why(shape["why"]),
        priority=shape["priority"],
        batch=shape["batch"],
        version=shape.get("version", 0),
        n=shape.get("dispatch", 0),
        open=shape.get("open", False),
        void_at=instant(shape.get("void_at")) or 0,
        r=shape.get("receive", 0),
        run_id=shape.get("run_id"),
        run_open=shape.get("run_open", False),
        worker=shape["worker"],
        lease_until=instant(shape["lease_until"]) or 0,
        attempts=shape["attempts"],
        losses=shape["losses"],
        inferred=shape["inferred"],
        reason=shape["reason"],
        error_group=shape["error_group"],
        cancelled_by=shape.get("cancelled_by"),
        updated_at=at(shape["updated_at"]),
        started_at=instant(shape["started_at"]),
        ended_at=instant(shape["ended_at"]),
        members=shape.get("members", 1),
    )


def policy(shape: Shape) -> Policy:
    """Its policy, as far as it is told."""
    told = Policy(shape["lease_ms"], shape["attempts_allowed"], shape["losses_allowed"])
    return told._replace(
        backoff_base=shape.get("backoff_base_ms", told.backoff_base),
        backoff_cap=shape.get("backoff_cap_ms", told.backoff_cap),
        bundle=shape.get("bundle", told.bundle),
    )


def run(task_id: str, shape: Shape) -> RunView:
    """One run of a task."""
    return RunView(
        task_id=task_id,
        n=shape["dispatch"],
        r=shape["receive"],
        run_id=shape["run_id"],
        worker=shape["worker"],
        started_at=instant(shape["started_at"]),
        lease_until=instant(shape["lease_until"]),
        ended_at=instant(shape["ended_at"]),
        outcome=shape["outcome"],
        lost_at=instant(shape["lost_at"]),
        fraction=shape["fraction"],
        note=shape["note"],
        failure=failure(shape["failure"]),
        log=shape["log"],
        log_ref=shape["log_ref"],
        log_bytes=shape["log_bytes"],
    )


def failure(shape: Shape | None) -> Failure | None:
    """How a run failed."""
    if shape is None:
        return None
    known: dict[str, Any] = {name: shape[name] for name in Failure._fields}
    return Failure(**known)._replace(kind=FailureKind(shape["kind"]))


def line(shape: Shape) -> Audit:
    """One line of the audit trail."""
    known: dict[str, Any] = {name: shape[name] for name in Audit._fields}
    return Audit(**known)._replace(at=at(shape["at"]))


def outcome(shape: Shape) -> Outcome:
    """How a task ended."""
    return Outcome(
        task_id=shape["id"],
        status=Status(shape["status"]),
        ended_at=at(shape["ended_at"]),
        result=text_of(shape["result"]),
        result_ref=shape["result_ref"],
        reason=shape["reason"],
        failure=failure(shape["failure"]),
    )


def cell(shape: Shape) -> Count:
    """How many tasks stand in one place."""
    return Count(
        queue=shape["queue"],
        name=shape["handler"],
        batch=shape["batch"],
        error_group=shape["error_group"],
        status=Status(shape["status"]),
        why=None if shape["why"] is None else Why(shape["why"]),
        tasks=shape["tasks"],
    )


def bound(shape: Shape) -> Bound | None:
    """What of a filter was not looked for everywhere."""
    return None if shape["scanned"] is None else Bound(shape["scanned"], (), "", shape["note"])


def failure_group(shape: Shape) -> FailureGroup:
    """Failed tasks of one cause."""
    return FailureGroup(
        id=shape["group"],
        name=shape["handler"],
        type=shape["type"],
        message=shape["message"],
        frame=shape["frame"],
        tasks=shape["tasks"],
        first_at=at(shape["first_at"]),
        last_at=at(shape["last_at"]),
        example=shape["example"],
    )


def batch(shape: Shape) -> BatchView:
    """One batch."""
    return BatchView(shape["batch"], at(shape["created_at"]), counted(shape["counts"]), shape["forgotten"])


def queue(shape: Shape) -> QueueView:
    """One queue."""
    return QueueView(shape["queue"], shape["paused"], counted(shape["counts"]))


def counted(counts: object) -> Mapping[str, int]:
    """Numbers by their names."""
    return dict(cast("Mapping[str, int]", counts))


def worker(shape: Shape) -> WorkerView:
    """One worker that runs something."""
    leases = at(shape["first_lease_until"]), at(shape["last_lease_until"])
    return WorkerView(shape["worker"], shape["tasks"], *leases)


def operation(shape: Shape) -> Operation:
    """One bulk operation. How far its walk is, is not told."""
    known: dict[str, Any] = {name: shape[name] for name in ("id", "kind", "filter", "by", "reason")}
    return Operation(
        **known,
        ceiling=shape["id"],
        created_at=at(shape["created_at"]),
        matched=shape["matched"],
        changed=shape["changed"],
        finished="" if shape["state"] == GOING_ON else shape["state"],
        finished_at=instant(shape["finished_at"]),
        stopped_by=shape["stopped_by"],
    )
