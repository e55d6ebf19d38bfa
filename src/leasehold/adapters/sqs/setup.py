"""The queues that a deployment wants, what differs from that and how to mend it: for ``leasehold init``, ``doctor``.

``plan`` asks and changes nothing; ``carry_out`` does one step of it. Both may be repeated at any time. Names, ranges
and defaults of attributes: API Reference, SetQueueAttributes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.adapters.sqs.names import dead_letter_queue, status_queue, task_queue
from leasehold.core.units import DAY, HOUR, MINUTE, SECOND, say_bytes, say_duration

if TYPE_CHECKING:
    from types_boto3_sqs.literals import QueueAttributeNameType

    from leasehold.adapters.sqs.transport import Transport

    Attributes = Mapping[QueueAttributeNameType, str]

BACKSTOP = 100
"""Receives after which SQS itself moves a message away. Messages carry their own, much lower limit: every message that
is given back costs a receive, so a low number here would move healthy tasks."""

LONGEST_KEPT = 14 * DAY
TASKS_KEPT = 7 * DAY
"""Ten receives of 12 hours take five days. Less than the dead letters are kept, because those of a standard queue go on
ageing from their first send (Developer Guide, "Using dead-letter queues")."""

AT_LEAST = frozenset({"MessageRetentionPeriod", "VisibilityTimeout", "MaximumMessageSize"})
"""Where more than is wanted does no harm, and less would have to be asked for: messages that are too old would go."""

EVERY: Attributes = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "ReceiveMessageWaitTimeSeconds": "20",
    "SqsManagedSseEnabled": "true",
}
FIFO: Attributes = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}
"""High throughput (Developer Guide, "High throughput for FIFO queues"): every message is a group of its own."""


class Wanted(NamedTuple):
    """One queue as it should be. ``dead_letters`` names the queue for what was received too often."""

    name: str
    attributes: Attributes
    dead_letters: str | None = None


class Act(Enum):
    """What a step does."""

    CREATE = "create"
    SET = "set"
    NONE = "ok"


class Step(NamedTuple):
    """One thing to do, or to know. ``says`` is for people; ``command`` does the same by hand (empty: nothing to do)."""

    act: Act
    queue: str
    says: str
    command: str = ""
    attributes: Attributes | None = None
    """To be set, or to be created with; a redrive policy apart."""
    dead_letters: str | None = None
    """The redrive policy to be set names this queue."""


def wanted(prefix: str, names: Sequence[str], *, fifo: bool = False, lease: int = HOUR) -> list[Wanted]:
    """Every queue of a deployment with task queues ``names``, in the order in which they can be created.

    ``lease``: the longest lease (ms) of any handler. Workers name the visibility with each receive; the queue's own
    counts for those who do not, such as people who look into it.
    """
    kind: Attributes = FIFO if fifo else {}
    dead = dead_letter_queue(prefix, fifo=fifo)
    hidden = _seconds(max(MINUTE, min(lease, 12 * HOUR)))
    lasting: Attributes = {"MessageRetentionPeriod": _seconds(LONGEST_KEPT), "VisibilityTimeout": "60"}
    tasks: Attributes = {"MessageRetentionPeriod": _seconds(TASKS_KEPT), "VisibilityTimeout": hidden}
    return [
        Wanted(dead, {**kind, **EVERY, **lasting}),
        *(Wanted(task_queue(prefix, name, fifo=fifo), {**kind, **EVERY, **tasks}, dead) for name in names),
        Wanted(status_queue(prefix), {**EVERY, **lasting}),
    ]


def wanted_events(name: str) -> Wanted:
    """The queue of the platform's events: what it says of a machine is of no use a day later."""
    return Wanted(name, {**EVERY, "MessageRetentionPeriod": _seconds(DAY), "VisibilityTimeout": "60"})


def plan(transport: Transport, queues: Sequence[Wanted]) -> list[Step]:
    """What to do, in order; one step with ``Act.NONE`` for a queue that is as it should be.

    Raises ``QueueUnavailable`` or ``BadSettings`` with a sentence where SQS cannot be asked.
    """
    return [step for each in queues for step in _steps(transport, each)]


def carry_out(transport: Transport, step: Step) -> None:
    """Do one step. Raises ``QueueUnavailable`` with a sentence where it cannot be done."""
    if step.act is Act.NONE:
        return
    attributes = dict(step.attributes or {})
    if step.dead_letters is not None:
        attributes["RedrivePolicy"] = _redrive(found_in(transport, step.dead_letters)["QueueArn"])
    if step.act is Act.CREATE:
        transport.ask_for(
            step.queue,
            "CreateQueue",
            lambda client: client.create_queue(QueueName=step.queue, Attributes=attributes),
        )
    else:
        transport.ask(
            step.queue,
            "SetQueueAttributes",
            lambda client, url: client.set_queue_attributes(QueueUrl=url, Attributes=attributes),
        )


def found_in(transport: Transport, queue: str) -> dict[str, str]:
    """Every attribute that the queue has."""
    reply = transport.ask(
        queue,
        "GetQueueAttributes",
        lambda client, url: client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
    )
    return {str(name): value for name, value in reply.get("Attributes", {}).items()}


# ------------------------------------------------------------------------------------------------------- planning


def _steps(transport: Transport, queue: Wanted) -> list[Step]:
    try:
        found = found_in(transport, queue.name)
    except SqsFailure as error:
        if error.code not in {"NonExistentQueue", "QueueDoesNotExist"}:
            raise
        return [_creation(transport, queue)]
    drifted = [*_drifted(transport, queue, found)]
    return drifted or [Step(Act.NONE, queue.name, f"queue '{queue.name}' is as it should be{_more(queue, found)}")]


def _creation(transport: Transport, queue: Wanted) -> Step:
    attributes = {str(name): value for name, value in queue.attributes.items()}
    if queue.dead_letters is not None:
        attributes["RedrivePolicy"] = _redrive(_likely_arn(transport, queue.dead_letters))
    command = f"aws sqs create-queue --region {_region(transport)} --queue-name {queue.name} {_option(attributes)}"
    says = f"create queue '{queue.name}'"
    return Step(Act.CREATE, queue.name, says, command, queue.attributes, queue.dead_letters)


def _drifted(transport: Transport, queue: Wanted, found: Mapping[str, str]) -> Iterator[Step]:
    for name, value in queue.attributes.items():
        if not _good(name, value, found):
            says = f"queue '{queue.name}': {name} is {_said(name, found.get(name))} and should be {_said(name, value)}"
            command = _setting(transport, queue.name, {name: value})
            yield Step(Act.SET, queue.name, says, command, {name: value})
    if queue.dead_letters is not None and not _redrives(found, queue.dead_letters):
        says = (
            f"queue '{queue.name}': RedrivePolicy is {found.get('RedrivePolicy') or 'not set'} and should move "
            f"messages to '{queue.dead_letters}' after {BACKSTOP} receives"
        )
        policy = _redrive(_likely_arn(transport, queue.dead_letters))
        command = _setting(transport, queue.name, {"RedrivePolicy": policy})
        yield Step(Act.SET, queue.name, says, command, dead_letters=queue.dead_letters)


def _good(name: str, value: str, found: Mapping[str, str]) -> bool:
    if name == "SqsManagedSseEnabled" and found.get("KmsMasterKeyId"):
        return True  # encrypted, with a key of the owner's choice
    there = found.get(name, "")
    if name in AT_LEAST and there.isdigit():
        return int(there) >= int(value)
    return there == value


def _redrives(found: Mapping[str, str], dead_letters: str) -> bool:
    """Whether messages go there, and late enough: a backstop may stand further back."""
    try:
        policy = json.loads(found.get("RedrivePolicy", ""))
        target, receives = str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"])
    except (ValueError, KeyError, TypeError):
        return False
    return target.rpartition(":")[2] == dead_letters and receives >= BACKSTOP


def _more(queue: Wanted, found: Mapping[str, str]) -> str:
    """What is more than wanted, and is left alone."""
    more = [
        f"{name} is {_said(name, found[name])}, more than {_said(name, value)}"
        for name, value in queue.attributes.items()
        if name in AT_LEAST and found[name] != value
    ]
    return f" ({'; '.join(more)}: left alone)" if more else ""


# -------------------------------------------------------------------------------------------------------- in words


def _said(name: str, value: str | None) -> str:
    if not value:
        return "not set"
    if value.isdigit() and name == "MaximumMessageSize":
        return say_bytes(int(value))
    return say_duration(int(value) * SECOND) if value.isdigit() else value


def _seconds(ms: int) -> str:
    return str(-(-ms // SECOND))


def _redrive(arn: str) -> str:
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(BACKSTOP)})


def _setting(transport: Transport, queue: str, attributes: Mapping[str, str]) -> str:
    url = transport.url(queue)
    return f"aws sqs set-queue-attributes --region {_region(transport)} --queue-url {url} {_option(attributes)}"


def _option(attributes: Mapping[str, str]) -> str:
    return f"--attributes {shlex.quote(json.dumps(attributes))}"


def _region(transport: Transport) -> str:
    return transport.place("", "").region


def _likely_arn(transport: Transport, queue: str) -> str:
    """The queue's ARN; before it exists, with ACCOUNT where the account's number belongs."""
    try:
        return found_in(transport, queue)["QueueArn"]
    except SqsFailure:
        return f"arn:{transport.partition}:sqs:{_region(transport)}:ACCOUNT:{queue}"
