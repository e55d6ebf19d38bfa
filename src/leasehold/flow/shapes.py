"""What programs read: the JSON shape of everything that can be looked at. Stable: fields are added, never changed.

Instants are ISO 8601 in UTC, durations whole milliseconds in fields that end in ``_ms``. What is not known is null.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from leasehold.core.model import Audit, Failure
from leasehold.core.reports import Malformed
from leasehold.core.units import CEILING
from leasehold.flow.auditing.verdict import Overlap, Span, StatusLevel, Verdict
from leasehold.flow.changes import Reach
from leasehold.flow.explain import Explanation
from leasehold.ports.access import Token
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

if TYPE_CHECKING:
    from leasehold.flow.client import Changed

Shape = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOING_ON = "going on"
"""The state of an operation that has not ended."""


def instant(ms: int | None) -> str | None:
    """``2026-11-02T14:03:07.250Z``."""
    if ms is None:
        return None
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parsed(text: str | None) -> object:
    """The value of a JSON text that is kept in the ledger."""
    return None if text is None else json.loads(text)


def bound(one: Bound | None) -> Shape:
    """What of a filter was not looked for everywhere: of how many tasks, and a sentence; nulls where it was."""
    return {"scanned": None, "note": None} if one is None else {"scanned": one.looked_at, "note": str(one)}


def task(view: TaskView) -> Shape:
    """One task, as in a list: without arguments and result."""
    row = view.task
    return {
        "id": row.id,
        "handler": row.name,
        "queue": row.queue,
        "status": row.status.value,
        "why": row.why.value if row.why else None,
        "batch": row.batch,
        "key": view.key,
        "priority": row.priority,
        "created_at": instant(row.created_at),
        "due_at": instant(row.due_at),
        "started_at": instant(row.started_at),
        "ended_at": instant(row.ended_at),
        "updated_at": instant(row.updated_at),
        "worker": row.worker,
        "lease_until": instant(row.lease_until or None),
        "lease_ms": row.policy.lease,
        "fraction": view.fraction,
        "note": view.note,
        "attempts": row.attempts,
        "attempts_allowed": row.policy.attempts,
        "losses": row.losses,
        "losses_allowed": row.policy.losses,
        "reason": row.reason,
        "inferred": row.inferred,
        "error_group": row.error_group,
    }


def whole_task(view: TaskView, runs: Sequence[RunView], trail: Sequence[Audit]) -> Shape:
    """One task with all that is known of it."""
    row = view.task
    return {
        **task(view),
        "backoff_base_ms": row.policy.backoff_base,
        "backoff_cap_ms": row.policy.backoff_cap,
        "bundle": row.policy.bundle,
        "members": row.members,
        "version": row.version,
        "cancelled_by": row.cancelled_by,
        "tenant": view.tenant,
        "dispatch": row.n,
        "receive": row.r,
        "open": row.open,
        "void_at": instant(row.void_at or None),
        "run_id": row.run_id,
        "run_open": row.run_open,
        "arguments": parsed(view.arguments),
        "arguments_ref": view.arguments_ref,
        "result": parsed(view.result),
        "result_ref": view.result_ref,
        "runs": [run(one) for one in runs],
        "trail": [line(one) for one in trail],
    }


def run(view: RunView) -> Shape:
    """One run of a task; ``log_bytes`` counts all it wrote, ``log`` holds the end of it."""
    return {
        "dispatch": view.n,
        "receive": view.r,
        "run_id": view.run_id,
        "worker": view.worker,
        "started_at": instant(view.started_at),
        "lease_until": instant(view.lease_until),
        "ended_at": instant(view.ended_at),
        "outcome": view.outcome,
        "lost_at": instant(view.lost_at),
        "fraction": view.fraction,
        "note": view.note,
        "failure": failure(view.failure),
        "log": view.log,
        "log_ref": view.log_ref,
        "log_bytes": view.log_bytes,
    }


def failure(one: Failure | None) -> Shape | None:
    """How a run failed."""
    return None if one is None else {**one._asdict(), "kind": one.kind.value}


def line(one: Audit) -> Shape:
    """One line of the audit trail."""
    return {**one._asdict(), "at": instant(one.at)}


def outcome(one: Outcome) -> Shape:
    """How a task ended."""
    return {
        "id": one.task_id,
        "status": one.status.value,
        "ended_at": instant(one.ended_at),
        "result": parsed(one.result),
        "result_ref": one.result_ref,
        "reason": one.reason,
        "failure": failure(one.failure),
    }


def failure_group(group: FailureGroup) -> Shape:
    """Failed tasks of one cause."""
    return {
        "group": group.id,
        "tasks": group.tasks,
        "handler": group.name,
        "type": group.type,
        "message": group.message,
        "frame": group.frame,
        "first_at": instant(group.first_at),
        "last_at": instant(group.last_at),
        "example": group.example,
    }


def batch(view: BatchView) -> Shape:
    """One batch; ``counts`` by status, ``forgotten`` beside them: tasks that ended and are not kept any more."""
    shape = {"batch": view.name, "created_at": instant(view.created_at), "counts": dict(view.counts)}
    return {**shape, "forgotten": view.forgotten}


def queue(view: QueueView) -> Shape:
    """One queue; ``counts`` by ``status`` or ``status/why``."""
    return {"queue": view.name, "paused": view.paused, "counts": dict(view.counts)}


def cell(one: Count) -> Shape:
    """How many tasks stand in one place."""
    return {
        "queue": one.queue,
        "handler": one.name,
        "batch": one.batch,
        "error_group": one.error_group,
        "status": one.status.value,
        "why": one.why.value if one.why else None,
        "tasks": one.tasks,
    }


def worker(view: WorkerView) -> Shape:
    """One worker that runs something."""
    return {
        "worker": view.name,
        "tasks": view.tasks,
        "first_lease_until": instant(view.first_lease_until),
        "last_lease_until": instant(view.last_lease_until),
    }


def damaged(at: int, message: Malformed) -> Shape:
    """One message in quarantine; ``body`` is its beginning."""
    return {
        "found_at": instant(at),
        "source": message.source,
        "reason": message.reason,
        "digest": message.digest,
        "body": message.body,
    }


def operation(one: Operation) -> Shape:
    """One bulk operation; ``state`` is ``going on``, ``done`` or ``cancelled``."""
    return {
        "id": one.id,
        "kind": one.kind,
        "filter": one.filter,
        "by": one.by,
        "reason": one.reason,
        "created_at": instant(one.created_at),
        "matched": one.matched,
        "changed": one.changed,
        "state": one.finished or GOING_ON,
        "finished_at": instant(one.finished_at),
        "stopped_by": one.stopped_by,
    }


def reach(found: Reach) -> Shape:
    """How many tasks match, up to ``CEILING``; ``concerned``: those that would change; ``more``: counting stopped."""
    return {
        "matching": min(found.matching, CEILING),
        "concerned": min(found.concerned, CEILING),
        "more": found.matching > CEILING,
    }


def changed(found: Changed) -> Shape:
    """What became of tasks that somebody wanted changed."""
    return {"changed": list(found.changed), "left": [left._asdict() for left in found.left]}


def token(one: Token, now: int) -> Shape:
    """A token, without itself; ``standing`` is ``good``, ``expired`` or ``revoked``."""
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role.value,
        "standing": one.standing(now),
        "created_at": instant(one.created_at),
        "created_by": one.created_by,
        "expires_at": instant(one.expires_at),
        "revoked_at": instant(one.revoked_at),
        "revoked_by": one.revoked_by,
    }


def explanation(view: TaskView, told: Explanation) -> Shape:
    """Why a task stands where it stands."""
    row = view.task
    return {
        "id": row.id,
        "status": row.status.value,
        "why": row.why.value if row.why else None,
        "explanation": told.paragraph,
        "remedies": [remedy._asdict() for remedy in told.remedies],
    }


def verdict(found: Verdict) -> Shape:
    """What an audit found; ``ok`` is false where something is unexplained."""
    lists: dict[str, Sequence[NamedTuple]] = {
        "standings": found.standings,
        "problems": found.problems,
        "queues": found.queues,
    }
    return {
        "ok": found.ok,
        "sentence": found.sentence,
        **asdict(found),
        **{name: [one._asdict() for one in listed] for name, listed in lists.items()},
        "overlapping": [overlap(one) for one in found.overlapping],
        "refusals": found.refusals._asdict(),
        "status": None if found.status is None else status_level(found.status),
        "dead_letters": None if found.dead_letters is None else found.dead_letters._asdict(),
    }


def status_level(one: StatusLevel) -> Shape:
    """The status queue."""
    return {**one._asdict(), "last_report_at": instant(one.last_report_at)}


def overlap(one: Overlap) -> Shape:
    """Two runs of one task at once."""
    return {**one._asdict(), "earlier": span(one.earlier), "later": span(one.later)}


def span(one: Span) -> Shape:
    """One of them."""
    return {**one._asdict(), "started_at": instant(one.started_at), "until": instant(one.until)}
