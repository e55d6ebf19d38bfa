"""What every face looks up in the same way: batches, queues, workers by name, a task with its story."""

from __future__ import annotations

from contextlib import suppress
from datetime import tzinfo
from typing import NamedTuple

from leasehold.core.errors import (
    BadFilter,
    NoSuchBatch,
    NoSuchOperation,
    NoSuchQueue,
    NoSuchTask,
    NoSuchWorker,
    TaskForgotten,
)
from leasehold.core.filters import odd_sign
from leasehold.core.model import Audit
from leasehold.core.suggest import did_you_mean
from leasehold.flow.explain import Case
from leasehold.ports.ledger import Operation
from leasehold.ports.views import BatchView, QueueView, RunView, TaskView, Views, WorkerView

SEARCHED = 1_000
"""Batches among whose names a similar one is looked for."""
OPERATIONS_SEARCHED = 1_000
EVERY_WORKER = 10_000
"""Workers among which a name is looked for."""
LONGEST_ID = 64


class Story(NamedTuple):
    """One task with all that is known of it."""

    view: TaskView
    runs: list[RunView]
    trail: list[Audit]


def task_of(views: Views, task_id: str) -> TaskView:
    """The task of this whole id, in upper case too, as some systems write it.

    Raises ``TaskForgotten`` where only its trail is left, ``NoSuchTask``.
    """
    task_id = task_id.lower()
    if len(task_id) > LONGEST_ID or not task_id.replace("-", "").isalnum():
        raise NoSuchTask(f"{task_id[:LONGEST_ID]!r} is no id of a task")
    view = views.task(task_id)
    if view is not None:
        return view
    if views.audit(task_id, 1):
        raise TaskForgotten(f"task {task_id} ended long ago and is not kept any more; its events still are")
    raise NoSuchTask(f"there is no task {task_id}. List them: leasehold tasks ls")


def story_of(views: Views, view: TaskView) -> Story:
    """A task with its runs and its trail."""
    return Story(view, views.runs(view.task.id), views.audit(view.task.id))


def trail_of(views: Views, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
    """What happened to a task, oldest first; of a forgotten one too. Raises ``NoSuchTask``, ``BadCursor``."""
    with suppress(TaskForgotten):
        task_of(views, task_id)
    return views.audit(task_id.lower(), limit, cursor)


def case_of(views: Views, view: TaskView, now: int, zone: tzinfo | None) -> Case:
    """What has to be known to say why a task is not done."""
    queue = next((queue for queue in views.queues() if queue.name == view.task.queue), None)
    _, runs, trail = story_of(views, view)
    return Case(view, runs, trail, queue, now, zone)


def batch_of(views: Views, name: str) -> BatchView:
    """The batch of this name. Raises ``NoSuchBatch``, with what was probably meant."""
    view = views.batch(name)
    if view is None:
        meant = did_you_mean(name, [each.name for each in views.batches(SEARCHED)])
        raise NoSuchBatch(f"there is no batch {name!r}.{meant or ' List them: leasehold batch ls'}")
    return view


def queue_of(views: Views, name: str) -> QueueView:
    """The queue of this name. Raises ``NoSuchQueue`` for one that no task ever waited under: it is a slip."""
    queues = views.queues()
    found = next((view for view in queues if view.name == name), None)
    if found is None:
        names = [view.name for view in queues]
        known = f" There are: {', '.join(names)}" if names else " There are none yet"
        raise NoSuchQueue(f"there is no queue {name!r}.{did_you_mean(name, names) or known}")
    return found


def workers_of(views: Views, name: str) -> list[WorkerView]:
    """The worker of this name, or all workers of this machine. Raises ``NoSuchWorker``: it may be a slip."""
    running = views.workers(EVERY_WORKER)
    theirs = [view for view in running if view.name == name or view.name.startswith(f"{name}/")]
    if not theirs:
        known = [view.name for view in running]
        machines = [worker.partition("/")[0] for worker in known]
        raise NoSuchWorker(
            f"no worker called {name!r} runs anything.{did_you_mean(name, [*known, *machines])} "
            "See: leasehold workers ls"
        )
    return theirs


def check_whole(views: Views, filter_: str) -> None:
    """Raise ``BadFilter`` for a filter of arguments that is looked for among the newest tasks only.

    What changes all that match must not mean some of them; nor others, once the filter has been stored.
    """
    if odd := odd_sign(filter_):
        raise BadFilter(f"a bulk change cannot keep {odd!a}, which {filter_!a} holds. Change these tasks by their ids")
    bound = views.bound(filter_)
    if bound is not None:
        raise BadFilter(f"{filter_!r} would not mean all that match: it {bound}")


def operation_of(views: Views, part: str) -> Operation:
    """The operation of this id, or the one among the newest whose id begins or ends so. Raises ``NoSuchOperation``."""
    known = views.operation(part)
    if known is not None:
        return known
    newest = views.operations(OPERATIONS_SEARCHED)
    found = [one for one in newest if part and (one.id.startswith(part) or one.id.endswith(part))]
    if len(found) != 1:
        how_many = "no operation has" if not found else f"{len(found)} operations have"
        raise NoSuchOperation(f"{how_many} an id that begins or ends with {part!r}. List them: leasehold operations ls")
    return found[0]
