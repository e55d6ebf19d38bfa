"""The shapes of ``flow/shapes.py`` as the OpenAPI document tells them. Nothing is checked or changed by these.

Fields may be added to every object, so none is closed. Instants are ISO 8601 in UTC, durations whole milliseconds in
fields that end in ``_ms``; what is not known is null.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from leasehold.core.model import FailureKind, Status, Why

INSTANT = Field(description="ISO 8601 in UTC, to the millisecond", examples=["2026-11-02T14:03:07.250Z"])
TASK_ID = Field(description="The id of a task", examples=["01a1ff79-c890-7000-92af-e173442d9ad5"])


class Told(BaseModel):
    """What is only written down: nothing is built of it before somebody asks for the document."""

    model_config = ConfigDict(defer_build=True)


class Task(Told):
    """A task, as in a list: without arguments and result."""

    id: str = TASK_ID
    handler: str
    queue: str
    status: Status
    why: Why | None = Field(description="Why a pending task does not run yet")
    batch: str | None
    key: str | None
    priority: int
    created_at: str = INSTANT
    due_at: str = INSTANT
    started_at: str | None = INSTANT
    ended_at: str | None = INSTANT
    updated_at: str = INSTANT
    worker: str | None
    lease_until: str | None = INSTANT
    lease_ms: int = Field(description="How long one run may hold it")
    fraction: float | None = Field(description="How much of it is done, as far as its run told")
    note: str | None
    attempts: int = Field(description="Runs that failed by the code's fault")
    attempts_allowed: int
    losses: int = Field(description="Runs that were lost with their machine")
    losses_allowed: int
    reason: str | None
    inferred: bool = Field(description="Whether its end was concluded from silence")
    error_group: str | None


class Failure(Told):
    """How a run failed."""

    kind: FailureKind
    type: str
    message: str
    frame: str
    traceback: str
    exit_code: int | None
    signal: int | None


class Run(Told):
    """One run of a task. ``log`` is the end of what it wrote; ``log_bytes`` counts all of it."""

    dispatch: int
    receive: int
    run_id: str
    worker: str | None
    started_at: str | None = INSTANT
    lease_until: str | None = INSTANT
    ended_at: str | None = INSTANT
    outcome: str | None
    lost_at: str | None = INSTANT
    fraction: float | None
    note: str | None
    failure: Failure | None
    log: str | None
    log_ref: str | None
    log_bytes: int


class Log(Run):
    """One run with all that is kept of what it wrote. ``run`` is its number among the runs of its task."""

    run: int


class Event(Told):
    """One line of the audit trail: what happened to a task, and the state it was in before and after."""

    seq: int
    at: str = INSTANT
    kind: str
    before: str
    after: str
    n: int
    r: int
    run_id: str | None
    detail: str | None


class WholeTask(Task):
    """A task with all that is known of it. Arguments under hidden keys read ``***``."""

    backoff_base_ms: int
    backoff_cap_ms: int
    bundle: int
    members: int
    version: int = Field(description="Rises with every line of the trail; an edit names the one that it was made of")
    cancelled_by: str | None
    tenant: str | None = Field(description="Whose turn it takes on a queue that is fair to several")
    dispatch: int
    receive: int
    open: bool = Field(description="Whether the message of its newest dispatch may still be on its way")
    void_at: str | None = Field(description="When that message counts as lost, if nothing is heard of it")
    run_id: str | None
    run_open: bool = Field(description="Whether no end of its newest run is recorded")
    arguments: JsonValue
    arguments_ref: str | None = Field(description="Where in the store they are, if they are too large for the ledger")
    result: JsonValue
    result_ref: str | None
    runs: list[Run]
    trail: list[Event]


class Outcome(Told):
    """How a task ended. ``result`` is whole, wherever it is kept."""

    id: str = TASK_ID
    status: Status
    ended_at: str = INSTANT
    result: JsonValue
    result_ref: str | None
    reason: str | None
    failure: Failure | None


class Outcomes(Told):
    """Those of the tasks that have ended. A result that is too large for the ledger is left out: see `result_ref`."""

    items: list[Outcome]


class Ended(Outcomes):
    """Outcomes of a batch in the order in which they were recorded; ``cursor`` asks for what comes after them."""

    cursor: str = Field(description="Never null: with it, what ends later is told later")


class Cell(Told):
    """How many tasks stand in one place."""

    queue: str
    handler: str
    batch: str | None
    error_group: str | None
    status: Status
    why: Why | None
    tasks: int


class Cells(Told):
    """Counts of all places in which a task stands."""

    items: list[Cell]


class Ids(Told):
    """Up to 10 ids that begin or end so."""

    items: list[str]


class Remedy(Told):
    """What can be done: in words, and as a command."""

    words: str
    command: str


class Explanation(Told):
    """Why a task stands where it stands."""

    id: str = TASK_ID
    status: Status
    why: Why | None
    explanation: str
    remedies: list[Remedy]


class FailureGroup(Told):
    """Failed tasks of one cause. ``group:GROUP`` is the filter that finds them."""

    group: str
    tasks: int
    handler: str
    type: str
    message: str
    frame: str
    first_at: str = INSTANT
    last_at: str = INSTANT
    example: str = Field(description="The id of its newest task")


class Batch(Told):
    """A batch: how many tasks of each status, and how many ended and are not kept any more."""

    batch: str
    created_at: str = INSTANT
    counts: dict[str, int]
    forgotten: int


class Queue(Told):
    """A queue: how many tasks of each ``status`` or ``status/why``."""

    queue: str
    paused: bool
    counts: dict[str, int]


class Worker(Told):
    """A worker that runs something."""

    worker: str
    tasks: int
    first_lease_until: str = INSTANT
    last_lease_until: str = INSTANT


class Operation(Told):
    """A bulk operation over all tasks that matched its filter when it was asked for."""

    id: str
    kind: str
    filter: str
    by: str
    reason: str
    created_at: str = INSTANT
    matched: int
    changed: int
    state: str = Field(description="going on, done, cancelled or failed")
    finished_at: str | None = INSTANT
    stopped_by: str | None = Field(description="who cancelled it, or why it failed")


SCANNED = Field(
    description="Where no index has the arguments that the filter asks for: of how many tasks, the newest that fit the "
    "rest of it, the arguments were looked through. Null: nothing was left out",
)
NOTE = Field(description="The same as a sentence, and what to do about it")


class TaskPage(Told):
    """Tasks, newest first. ``cursor`` asks for the next page of the same filter; null: this was the last."""

    items: list[Task]
    cursor: str | None
    unreadable: list[str] = Field(description="Of each task that is left out because nobody can read it, a sentence")
    scanned: int | None = SCANNED
    note: str | None = NOTE


class Count(Told):
    """How many tasks match; ``more``: counting stopped there."""

    count: int
    more: bool
    scanned: int | None = SCANNED
    note: str | None = NOTE


class Runs(Told):
    """Runs of a task, in order; ``more``: there are later ones."""

    items: list[Run]
    more: bool
    cursor: str | None


class Logs(Told):
    """What the runs of a task wrote; ``more``: there are later ones."""

    items: list[Log]
    more: bool
    cursor: str | None


class Events(Told):
    """What happened to a task, oldest first; ``more``: there is more of it."""

    items: list[Event]
    more: bool
    cursor: str | None


class Queues(Told):
    """All queues."""

    items: list[Queue]


class Failures(Told):
    """Groups of failed tasks, the largest first; ``more``: there are smaller ones."""

    items: list[FailureGroup]
    more: bool
    cursor: str | None


class Batches(Told):
    """Batches, newest first; ``more``: there are older ones."""

    items: list[Batch]
    more: bool
    cursor: str | None


class Workers(Told):
    """Workers, by name; ``more``: there are more of them."""

    items: list[Worker]
    more: bool
    cursor: str | None


class Operations(Told):
    """Operations, newest first; ``more``: there are older ones."""

    items: list[Operation]
    more: bool
    cursor: str | None


class Invalid(Told):
    """A parameter that is not as it should be."""

    parameter: str
    message: str


class Problem(Told):
    """What went wrong (RFC 9457). ``type`` names the kind of problem, the same in every installation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/api/v1/problems/bad-filter",
                    "title": "The filter does not parse",
                    "status": 400,
                    "detail": "there is no filter 'stauts'. Did you mean 'status'?",
                }
            ]
        }
    )
    type: str
    title: str
    status: int
    detail: str
    errors: list[Invalid] = Field(default=[], description="Of bad-request: one for each parameter")
    changes: list[Event] = Field(default=[], description="Of stale-edit: what happened to the task since it was read")
    task: str = Field(default="", description="Of key-taken: the task that has the key")


class ProblemKind(Told):
    """What a type of problem means, and what to do about it."""

    type: str
    status: int
    title: str
    remedy: str
