"""What every face looks up in the same way: a batch by its name, a task with its story, why it is not done."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

from leasehold.core.errors import NoSuchBatch, NoSuchTask, TaskForgotten
from leasehold.core.model import Audit
from leasehold.core.suggest import did_you_mean
from leasehold.flow.explain import Case
from leasehold.ports.views import BatchView, RunView, TaskView, Views

SEARCHED = 1_000
"""Batches among whose names a similar one is looked for."""
LONGEST_ID = 64


class Story(NamedTuple):
    """One task with all that is known of it."""

    view: TaskView
    runs: list[RunView]
    trail: list[Audit]


def task_of(views: Views, task_id: str) -> TaskView:
    """The task of this whole id. Raises ``TaskForgotten`` where only its trail is left, ``NoSuchTask``."""
    if len(task_id) > LONGEST_ID or not task_id.replace("-", "").isalnum():
        raise NoSuchTask(f"{task_id[:LONGEST_ID]!r} is no id of a task")
    view = views.task(task_id)
    if view is not None:
        return view
    if views.audit(task_id):
        raise TaskForgotten(f"task {task_id} ended long ago and is not kept any more; its events still are")
    raise NoSuchTask(f"there is no task {task_id}. List them: leasehold tasks ls")


def story_of(views: Views, view: TaskView) -> Story:
    """A task with its runs and its trail."""
    return Story(view, views.runs(view.task.id), views.audit(view.task.id))


def trail_of(views: Views, task_id: str) -> list[Audit]:
    """What happened to a task, oldest first; of a forgotten one too. Raises ``NoSuchTask``."""
    try:
        return views.audit(task_of(views, task_id).task.id)
    except TaskForgotten:
        return views.audit(task_id)


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
