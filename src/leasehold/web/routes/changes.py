"""What changes something: by the same functions as the command line, and with who and from where in the trail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from leasehold.core.errors import (
    BadArguments,
    BadFilter,
    NoSuchOperation,
    NoSuchQueue,
    NoSuchTask,
    NoSuchWorker,
    NotEnded,
    StaleEdit,
    StoreUnavailable,
    TaskForgotten,
    TooLarge,
    UnknownHandler,
)
from leasehold.flow import shapes
from leasehold.flow.changes import change, change_all
from leasehold.flow.editing import Edit, resubmit
from leasehold.flow.lookup import operation_of, queue_of
from leasehold.ports.ledger import Accepted, Existing
from leasehold.web.answers import Bulk, Changed, Recalled, Stopped, Submitted, Switched
from leasehold.web.bodies import Chosen, Edited, NewOperation, Recall
from leasehold.web.json import reply
from leasehold.web.routes.asking import OperationId, TaskId, Unasked, changing
from leasehold.web.source import Writes
from leasehold.web.user import Asker, User

router = APIRouter()
ACCEPTED, CREATED = 202, 201
QueueName = Annotated[str, Path(description="The name of the queue", examples=["media"])]
ORDERING = (BadArguments, UnknownHandler, TooLarge, StoreUnavailable)
"""What may be wrong with a task that somebody wants done."""


def stored(answer: Accepted | Existing) -> Response:
    """What is said of a submitted task."""
    existed = isinstance(answer, Existing)
    status = answer.status.value if existed else "pending"
    return reply({"id": answer.task_id, "existed": existed, "status": status}, 200 if existed else CREATED)


@router.post("/tasks/cancel", tags=["tasks"], responses=changing(Changed))
def cancel(writes: Writes, user: Asker, body: Chosen, _: Unasked) -> Response:
    """Cancel tasks by their ids, at once; each is answered for.

    What is running is cancelled in the ledger at once; its run is told at its next checkpoint or progress call, and
    ends with its lease at the latest.
    """
    return changed(writes, user, "cancel", body)


@router.post("/tasks/retry", tags=["tasks"], responses=changing(Changed))
def retry(writes: Writes, user: Asker, body: Chosen, _: Unasked) -> Response:
    """Try failed or cancelled tasks again by their ids, with fresh budgets, at once; each is answered for."""
    return changed(writes, user, "retry", body)


def changed(writes: Writes, user: User, kind: str, body: Chosen) -> Response:
    """Do it to each once, and say what became of it."""
    ids = list(dict.fromkeys(body.ids))
    return reply(shapes.changed(change(writes.client, kind, ids, by=user.by, reason=body.reason)))


@router.post(
    "/tasks/{id}/edit",
    tags=["tasks"],
    status_code=CREATED,
    responses=changing(Submitted, NoSuchTask, TaskForgotten, NotEnded, StaleEdit, *ORDERING, status=CREATED)
    | changing(Submitted),
)
def edit(writes: Writes, user: Asker, id: TaskId, body: Edited, _: Unasked) -> Response:
    """Submit a task that has ended once more, with other arguments: a new task, which is answered.

    `version` is that of the task as it was read. Where the task has changed since, or somebody else has edited the same
    version otherwise, this is refused, and `changes` tells what happened. The same edit again answers the same task.
    """
    wanted = Edit(id, body.version, body.arguments, body.reason)
    return stored(resubmit(writes.client, writes.ordering, wanted, by=user.by))


@router.post("/queues/{name}/pause", tags=["queues"], responses=changing(Switched, NoSuchQueue))
def pause(writes: Writes, user: Asker, name: QueueName, _: Unasked) -> Response:
    """Send out no more tasks of a queue; what is sent already may still run."""
    return switch(writes, user, name, paused=True)


@router.post("/queues/{name}/resume", tags=["queues"], responses=changing(Switched, NoSuchQueue))
def resume(writes: Writes, user: Asker, name: QueueName, _: Unasked) -> Response:
    """Let a paused queue go on."""
    return switch(writes, user, name, paused=False)


def switch(writes: Writes, user: Asker, name: str, *, paused: bool) -> Response:
    """Pause or resume, and say so."""
    found = queue_of(writes.client.views, name)
    writes.client.pause(found.name, paused=paused, by=user.by)
    return reply({"queue": found.name, "paused": paused})


@router.post("/workers/recall", tags=["workers"], responses=changing(Recalled, NoSuchWorker))
def recall(writes: Writes, user: Asker, body: Recall, _: Unasked) -> Response:
    """Say that a machine, or one worker, is gone for good: what it runs is sent to others.

    Only for machines that are certainly gone: what still runs there would run twice. Each run costs one loss.
    """
    theirs = writes.client.recall(body.worker, by=user.by)
    return reply({"recalled": [view.name for view in theirs], "tasks": sum(view.tasks for view in theirs)})


@router.post(
    "/operations",
    tags=["operations"],
    status_code=ACCEPTED,
    responses=changing(Bulk, BadFilter, status=ACCEPTED) | changing(Bulk, BadFilter),
)
def operate(writes: Writes, user: Asker, body: NewOperation, _: Unasked) -> Response:
    """Cancel or retry all tasks that match a filter now, however many: in batches, by the orchestrator.

    They are counted first, up to 10,000. Nothing is written with `dry_run`, or where none matches and
    `even_if_none` is not set.
    """
    found = change_all(
        writes.client,
        body.kind,
        body.filter,
        by=user.by,
        reason=body.reason,
        agreed=lambda _: not body.dry_run,
        even_if_none=body.even_if_none,
    )
    operation = None if found.operation is None else shapes.operation(found.operation)
    shape = {**shapes.reach(found.reach), "operation": operation}
    return reply(shape, 200 if operation is None else ACCEPTED)


@router.post("/operations/{id}/cancel", tags=["operations"], responses=changing(Stopped, NoSuchOperation))
def stop(writes: Writes, user: Asker, id: OperationId, _: Unasked) -> Response:
    """Stop an operation where it is; what it has changed stays changed."""
    one = operation_of(writes.client.views, id)
    return reply({"id": one.id, "cancelled": writes.client.cancel_operation(one.id, by=user.by)})
