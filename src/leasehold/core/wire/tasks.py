"""The task message: one or more tasks of one handler (a bundle; normally one), from the orchestrator to a worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, NamedTuple, NotRequired

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from leasehold.core.errors import MalformedMessage, TooLarge
from leasehold.core.references import is_arguments
from leasehold.core.wire.signature import unwrapped
from leasehold.core.wire.strict import (
    BODY_LIMIT,
    DEPTH_LIMIT,
    STRICT,
    VERSION,
    Capability,
    Dispatch,
    Id,
    Instant,
    Lease,
    Name,
    Receive,
    Reference,
    ascii_json,
    compact,
    parse,
    reason_of,
    too_deep,
)

MOST_RECEIVES = 10
"""How often a message may be received before a worker takes it off the queue, unless it says otherwise."""


TASKS_LIMIT = 10_000
"""Tasks of one message: more than fit into the largest one, if each is complete."""


class WireTask(NamedTuple):
    """One dispatch of one task, with either ``arguments`` (JSON text) or ``arguments_ref`` (a store key)."""

    id: str
    n: int
    capability: str
    arguments: str | None
    arguments_ref: str | None = None
    trace: str | None = None
    """The trace context it was submitted in (W3C ``traceparent``)."""


class TaskMessage(NamedTuple):
    """Tasks of one handler that are run one after the other under one lease (ms); none starts after ``not_after``."""

    name: str
    lease: int
    not_after: int
    tasks: tuple[WireTask, ...]
    queue: str | None = None
    most_receives: int = MOST_RECEIVES


@with_config(STRICT)
class _Task(TypedDict):
    id: Id
    n: Dispatch
    capability: Capability
    args: NotRequired[object]
    args_ref: NotRequired[Reference]
    trace: NotRequired[Reference]


@with_config(STRICT)
class _Envelope(TypedDict):
    v: int
    name: Name
    queue: NotRequired[Name]
    lease: Lease
    not_after: Instant
    most_receives: NotRequired[Receive]
    tasks: Annotated[list[_Task], Field(min_length=1, max_length=TASKS_LIMIT)]


@cache
def _reader() -> Callable[[object], _Envelope]:
    """Reads task messages; made when the first comes, for only workers get any."""
    return TypeAdapter(_Envelope).validator.validate_python


def encode_task_message(message: TaskMessage) -> str:
    """The body to send. Arguments are embedded as they are; raises ``TooLarge`` over 1 MiB."""
    head = {"v": VERSION, "name": message.name}
    if message.queue is not None:
        head["queue"] = message.queue
    head |= {"lease": message.lease, "not_after": message.not_after, "most_receives": message.most_receives}
    body = f'{compact(head)[:-1]},"tasks":[{",".join(map(_encode, message.tasks))}]}}'
    if len(body) > BODY_LIMIT:
        raise TooLarge(f"a task message of {message.name!r} has {len(body)} bytes, over {BODY_LIMIT}")
    return body


def decode_task_message(body: object) -> TaskMessage:
    """What a worker received; raises ``MalformedMessage`` with the reason unless it is exactly right.

    A signature in front of it is not looked at: who has keys verifies it first.
    """
    try:
        envelope = _reader()(parse(unwrapped(body)))
    except ValidationError as error:
        raise MalformedMessage(reason_of(error)) from None
    tasks = tuple(map(_decode, envelope["tasks"]))
    if len({task.id for task in tasks}) != len(tasks):
        raise MalformedMessage("a task stands twice in one message")
    return TaskMessage(
        name=envelope["name"],
        lease=envelope["lease"],
        not_after=envelope["not_after"],
        tasks=tasks,
        queue=envelope.get("queue"),
        most_receives=envelope.get("most_receives", MOST_RECEIVES),
    )


def _encode(task: WireTask) -> str:
    head = {"id": task.id, "n": task.n, "capability": task.capability}
    if task.trace is not None:
        head["trace"] = task.trace
    if task.arguments is None:
        return compact(head | {"args_ref": task.arguments_ref})
    return f'{compact(head)[:-1]},"args":{ascii_json(task.arguments)}}}'


def _decode(task: _Task) -> WireTask:
    if ("args" in task) == ("args_ref" in task):
        raise MalformedMessage("a task has either args or args_ref")
    if "args_ref" in task and not is_arguments(task["args_ref"], task["id"]):
        raise MalformedMessage("args_ref: not where the arguments of this task are kept")
    return WireTask(
        id=task["id"],
        n=task["n"],
        capability=task["capability"],
        arguments=_text(task["args"]) if "args" in task else None,
        arguments_ref=task.get("args_ref"),
        trace=task.get("trace"),
    )


def _text(value: object) -> str:
    if too_deep(value):
        raise MalformedMessage(f"args: nested deeper than {DEPTH_LIMIT} levels")
    try:
        return compact(value)
    except ValueError:
        raise MalformedMessage("args: a number is beyond what a float holds") from None
