"""What the platform says of machines, as EventBridge puts it on a queue: JSON that AWS defines, and others can forge.

Field names and values: Amazon EC2 User Guide, "State change events for Amazon EC2 instances" and "Spot Instance
interruption notices"; Amazon ECS Developer Guide, "Amazon ECS task state change events". AWS adds fields at any time:
unknown ones are passed over; those that count have to be exactly right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from leasehold.core.errors import MalformedMessage
from leasehold.core.wire.strict import BODY_LIMIT, Json, cleaned, strict_json

INSTANCE = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", re.ASCII)
TASK_ARN = re.compile(
    r"arn:aws[a-z-]{0,20}:ecs:[a-z0-9-]{1,32}:[0-9]{12}:task/(?:[A-Za-z0-9_-]{1,255}/)?(?P<task>[0-9a-f-]{32,36})",
    re.ASCII,
)
INSTANCE_STATES = frozenset({"pending", "running", "stopping", "stopped", "shutting-down", "terminated"})
INTERRUPTIONS = frozenset({"hibernate", "stop", "terminate"})
REASON_LIMIT = 200
WORD_LIMIT = 256

Detail = Mapping[str, Json]


class GoneMachine(NamedTuple):
    """The platform says that this machine will never run anything again; ``source`` is how it said so."""

    machine: str
    source: str


def ecs_machine(task_arn: str) -> str | None:
    """What a container task is called as a machine; ``None`` where that is no ARN of a task."""
    match = TASK_ARN.fullmatch(task_arn)
    return f"ecs:{match['task']}" if match else None


def decode_platform_event(body: object) -> GoneMachine | None:
    """The machine that an event declares gone for good; ``None`` where it is about something else.

    Raises ``MalformedMessage`` for what EventBridge never sends.
    """
    event = envelope(body)
    source, kind = word(event, "source"), word(event, "detail-type")
    read = READERS.get((source, kind))
    if read is None:
        return None
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise MalformedMessage("detail: it is no object")
    return read(detail, kind)


def envelope(body: object) -> Mapping[str, Json]:
    """The JSON object in a body."""
    if not isinstance(body, str):
        raise MalformedMessage(f"the body is no text but {type(body).__name__}")
    if len(body) > BODY_LIMIT:
        raise MalformedMessage(f"the body has {len(body)} characters, over {BODY_LIMIT}")
    event = strict_json(body)
    if not isinstance(event, dict):
        raise MalformedMessage("the body is no JSON object")
    return event


def word(of: Mapping[str, Json], key: str) -> str:
    """A short text that has to be there."""
    value = of.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= WORD_LIMIT:
        raise MalformedMessage(f"{key}: it is no short text")
    return value


def instance(detail: Detail) -> str:
    """The instance that an event is about."""
    name = word(detail, "instance-id")
    if not INSTANCE.fullmatch(name):
        raise MalformedMessage("instance-id: it names no instance")
    return name


def instance_state(detail: Detail, kind: str) -> GoneMachine | None:
    """Only a terminated instance is gone: one that is stopped or hibernated may come back, with what it held."""
    name, state = instance(detail), word(detail, "state")
    if state not in INSTANCE_STATES:
        raise MalformedMessage("state: no instance has such a state")
    return GoneMachine(name, f"{kind}: {state}") if state == "terminated" else None


def interruption(detail: Detail, kind: str) -> None:
    """Two minutes' notice of an interruption, for the worker itself, which hears of it on its own."""
    del kind
    instance(detail)
    if word(detail, "instance-action") not in INTERRUPTIONS:
        raise MalformedMessage("instance-action: there is no such action")


def container_task(detail: Detail, kind: str) -> GoneMachine | None:
    """Only a stopped task is gone; one that is about to stop is draining, and says so by itself."""
    machine, status = ecs_machine(word_of_arn(detail)), word(detail, "lastStatus")
    if machine is None:
        raise MalformedMessage("taskArn: it names no task of ECS")
    reason = detail.get("stoppedReason", "")
    if not isinstance(reason, str):
        raise MalformedMessage("stoppedReason: it is no text")
    if status != "STOPPED":
        return None
    return GoneMachine(machine, f"{kind}: {status}{f' ({cleaned(reason[:REASON_LIMIT])})' if reason else ''}")


def word_of_arn(detail: Detail) -> str:
    """ARNs may be longer than other words."""
    arn = detail.get("taskArn")
    if not isinstance(arn, str) or len(arn) > 2 * WORD_LIMIT:
        raise MalformedMessage("taskArn: it is no short text")
    return arn


READERS: Mapping[tuple[str, str], Callable[[Detail, str], GoneMachine | None]] = {
    ("aws.ec2", "EC2 Instance State-change Notification"): instance_state,
    ("aws.ec2", "EC2 Spot Instance Interruption Warning"): interruption,
    ("aws.ecs", "ECS Task State Change"): container_task,
}
