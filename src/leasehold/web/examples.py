"""One example of every answer, for the OpenAPI document; tests hold each of them to its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from leasehold.web.answers import Bulk, Changed, Recalled, Stopped, Submitted, Switched
from leasehold.web.models import (
    Batch,
    Batches,
    Cells,
    Count,
    Ended,
    Events,
    Explanation,
    Failures,
    Ids,
    Logs,
    Operation,
    Operations,
    Outcome,
    Outcomes,
    ProblemKind,
    Queues,
    Runs,
    TaskPage,
    WholeTask,
    Workers,
)

Example = dict[str, Any]
ID = "01a1ff79-c890-7000-92af-e173442d9ad5"
OTHER_ID = "01a1ff79-c8a4-7000-8b51-0c2f9d3e7a10"
SUBMITTED, BEGAN, ENDED = "2026-11-02T14:03:07.250Z", "2026-11-02T14:03:07.301Z", "2026-11-02T14:21:44.018Z"
WORKER = "i-0123456789abcdef0/4711-a1b2c3"

TASK: Example = {
    "id": ID,
    "handler": "transcribe",
    "queue": "media",
    "status": "failed",
    "why": None,
    "batch": "november",
    "key": "s3://in/a.wav",
    "priority": 0,
    "created_at": SUBMITTED,
    "due_at": SUBMITTED,
    "started_at": BEGAN,
    "ended_at": ENDED,
    "updated_at": ENDED,
    "worker": WORKER,
    "lease_until": None,
    "lease_ms": 1_800_000,
    "fraction": 0.45,
    "note": "segment 9",
    "attempts": 1,
    "attempts_allowed": 5,
    "losses": 0,
    "losses_allowed": 20,
    "reason": "not a WAV file",
    "inferred": False,
    "error_group": "7f3a02c1",
}
FAILURE: Example = {
    "kind": "exception",
    "type": "ValueError",
    "message": "not a WAV file",
    "frame": "jobs.py:transcribe",
    "traceback": "Traceback (most recent call last): ...",
    "exit_code": None,
    "signal": None,
}
RUN: Example = {
    "dispatch": 1,
    "receive": 1,
    "run_id": "5b1c9e40",
    "worker": WORKER,
    "started_at": BEGAN,
    "lease_until": "2026-11-02T14:33:07.301Z",
    "ended_at": ENDED,
    "outcome": "failed",
    "lost_at": None,
    "fraction": 0.45,
    "note": "segment 9",
    "failure": FAILURE,
    "log": "hearing s3://in/a.wav\n",
    "log_ref": None,
    "log_bytes": 22,
}
EVENT: Example = {
    "seq": 4,
    "at": ENDED,
    "kind": "failed",
    "before": "in_progress",
    "after": "failed",
    "n": 1,
    "r": 1,
    "run_id": "5b1c9e40",
    "detail": "not a WAV file",
}
BATCH: Example = {
    "batch": "november",
    "created_at": SUBMITTED,
    "counts": {"pending": 12, "in_progress": 8, "completed": 4_979, "failed": 1},
    "forgotten": 0,
}
GROUP: Example = {
    "group": "7f3a02c1",
    "tasks": 1,
    "handler": "transcribe",
    "type": "ValueError",
    "message": "not a WAV file",
    "frame": "jobs.py:transcribe",
    "first_at": ENDED,
    "last_at": ENDED,
    "example": ID,
}
QUEUE: Example = {
    "queue": "media",
    "paused": False,
    "counts": {"pending/due": 12, "in_progress": 8, "completed": 4_979},
}
HOLDER: Example = {
    "worker": WORKER,
    "tasks": 8,
    "first_lease_until": "2026-11-02T14:33:07.301Z",
    "last_lease_until": "2026-11-02T14:51:40.112Z",
}
OPERATION: Example = {
    "id": "01a1ff79-d3b2-7000-8c11-90aa17d9c0de",
    "kind": "retry",
    "filter": "group:7f3a02c1",
    "by": "ada",
    "reason": "the decoder is mended",
    "created_at": ENDED,
    "matched": 400,
    "changed": 400,
    "state": "done",
    "finished_at": "2026-11-02T14:21:46.500Z",
    "stopped_by": None,
}
BEGUN: Example = {"matched": 0, "changed": 0, "state": "going on", "finished_at": None}
EXPLANATION: Example = {
    "id": ID,
    "status": "failed",
    "why": None,
    "explanation": "It failed for good: not a WAV file.",
    "remedies": [{"words": "try it again", "command": f"tasks retry {ID}"}],
}
WHOLE: Example = {
    **TASK,
    "backoff_base_ms": 2_000,
    "backoff_cap_ms": 600_000,
    "bundle": 1,
    "members": 1,
    "version": 4,
    "cancelled_by": None,
    "tenant": None,
    "dispatch": 1,
    "receive": 1,
    "open": False,
    "void_at": None,
    "run_id": "5b1c9e40",
    "run_open": False,
    "arguments": {"source": "s3://in/a.wav", "language": "de"},
    "arguments_ref": None,
    "result": None,
    "result_ref": None,
    "runs": [RUN],
    "trail": [EVENT],
}
OUTCOME: Example = {
    "id": ID,
    "status": "completed",
    "ended_at": ENDED,
    "result": {"text": "hello", "seconds": 3.5},
    "result_ref": None,
    "reason": None,
    "failure": None,
}
CELL: Example = {
    "queue": "media",
    "handler": "transcribe",
    "batch": "november",
    "error_group": None,
    "status": "pending",
    "why": "due",
    "tasks": 12,
}
CHANGED: Example = {"changed": [ID], "left": [{"id": OTHER_ID, "reason": "it is completed already"}]}


class Stream(NamedTuple):
    """A stream and its answer."""

    asked: str
    answered: str


STREAM = Stream(
    '{"handler": "transcribe", "arguments": {"source": "s3://in/a.wav"}, "key": "a.wav", "batch": "november"}\n'
    '{"handler": "transcribe", "argument": {}}\n',
    f'{{"row":1,"id":"{ID}","existed":false,"status":"pending"}}\n'
    '{"row":2,"problem":{"type":"/api/v1/problems/bad-request","title":"A parameter is not as it should be",'
    '"status":422,"detail":"argument: there is no such parameter here"}}\n'
    '{"done":true,"rows":2,"submitted":1,"existing":0,"rejected":1}\n',
)
EXAMPLES: Mapping[type[BaseModel], Example] = {
    TaskPage: {"items": [TASK], "cursor": "MTIzNDUgN2YzYTAyYzE", "unreadable": [], "scanned": None, "note": None},
    Count: {"count": 10_000, "more": True, "scanned": None, "note": None},
    WholeTask: WHOLE,
    Runs: {"items": [RUN], "more": False, "cursor": None},
    Logs: {"items": [{"run": 1, **RUN}], "more": False, "cursor": None},
    Events: {"items": [EVENT], "more": False, "cursor": None},
    Outcome: OUTCOME,
    Outcomes: {"items": [OUTCOME]},
    Ended: {"items": [OUTCOME], "cursor": "4979"},
    Cells: {"items": [CELL]},
    Ids: {"items": [ID]},
    Explanation: EXPLANATION,
    Batches: {"items": [BATCH], "more": False, "cursor": None},
    Batch: BATCH,
    Failures: {"items": [GROUP], "more": False, "cursor": None},
    Queues: {"items": [QUEUE]},
    Operation: OPERATION,
    Submitted: {"id": ID, "existed": False, "status": "pending"},
    Changed: CHANGED,
    Switched: {"queue": "media", "paused": True},
    Recalled: {"recalled": [WORKER], "tasks": 8},
    Bulk: {"matching": 400, "concerned": 400, "more": False, "operation": {**OPERATION, **BEGUN}},
    Stopped: {"id": OPERATION["id"], "cancelled": True},
    Workers: {"items": [HOLDER], "more": False, "cursor": None},
    Operations: {"items": [OPERATION], "more": False, "cursor": None},
    ProblemKind: {
        "type": "/api/v1/problems/bad-filter",
        "status": 400,
        "title": "The filter does not parse",
        "remedy": "Mend the filter as the detail says.",
    },
}
