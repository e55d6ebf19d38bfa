"""Edit and resubmit: a task that has ended is submitted once more, with other arguments.

Nothing of the task itself changes. Who edits says which version of it he has read, and the new task's key is made of
that: of two people who edit the same version one is first, and the other is told so, by the ledger's own rule for keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from leasehold.core.errors import BadArguments, KeyTaken, NotEnded, StaleEdit
from leasehold.core.redaction import HIDDEN
from leasehold.flow import shapes
from leasehold.flow.client import Client, Order
from leasehold.flow.lookup import task_of
from leasehold.flow.ordering import Ordering, of_handler, written
from leasehold.ports.ledger import Accepted, Existing
from leasehold.ports.views import TaskView


class Edit(NamedTuple):
    """What somebody wants otherwise, having read this version of a task."""

    task_id: str
    version: int
    arguments: Mapping[str, object]
    reason: str = ""


def resubmit(client: Client, ordering: Ordering, edit: Edit, *, by: str) -> Accepted | Existing:
    """Submit it once more; the same edit again finds the task that the first one made.

    Raises ``NotEnded``, ``StaleEdit``, ``NoSuchTask``, ``TaskForgotten``, ``BadArguments``, ``TooLarge``.
    """
    view = task_of(client.views, edit.task_id)
    if view.task.version != edit.version:
        raise stale(client, view, edit.version)
    if not view.task.terminal:
        raise NotEnded(f"task {view.task.id} is {view.task.status}: cancel it, or wait for its end, then edit it")
    check_hidden(edit.arguments)
    order = edited(view, ordering, edit)
    because = f": {edit.reason}" if edit.reason else ""
    note = f"resubmitted from {view.task.id} by {by}{because}"
    try:
        return client.submit(order._replace(note=note))
    except KeyTaken as error:
        raise StaleEdit(
            f"somebody else has edited version {edit.version} of task {view.task.id} otherwise, and resubmitted it. "
            f"See {'the task with the key ' + repr(order.key) if error.task_id is None else 'task ' + error.task_id}"
        ) from error


def edited(view: TaskView, ordering: Ordering, edit: Edit) -> Order:
    """The order: where and how the task was submitted, with these arguments."""
    task = view.task
    if ordering.handler is None:
        text = written(task.name, edit.arguments)
    else:
        text = of_handler(ordering.handler(task.name), edit.arguments).arguments
    key = f"edit of {task.id} at {edit.version}"
    order = Order(task.name, text, task.policy, task.queue, task.priority, key, task.batch)
    return order._replace(tenant=view.tenant)


def stale(client: Client, view: TaskView, version: int) -> StaleEdit:
    """What has happened to a task since that version was read."""
    task = view.task
    since = [line for line in client.views.audit(task.id) if line.seq > version]
    happened = ", ".join(line.kind for line in since) or "nothing that its trail tells"
    return StaleEdit(
        f"task {task.id} is at version {task.version}, not {version}. Since then: {happened}. Read it again",
        [shapes.line(line) for line in since],
    )


def check_hidden(value: object) -> None:
    """Raise ``BadArguments`` for what was shown instead of a hidden value: it is not the value."""
    if holds_hidden(value):
        raise BadArguments(f"{HIDDEN!r} stands for a value that is not shown. Give the value itself")


def holds_hidden(value: object) -> bool:
    """Whether something in it is what is shown instead of a hidden value."""
    left = [value]
    while left:  # not by recursion: what people write may be nested deeper than calls may
        one = left.pop()
        if one == HIDDEN:
            return True
        left += inside(one)
    return False


def inside(value: object) -> Iterable[object]:
    """The values that stand in one."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()
