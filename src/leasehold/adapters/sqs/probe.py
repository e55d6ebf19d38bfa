"""Which SQS actions the present credentials may do on a queue, found by requests that change nothing.

SQS decides who may do an action before it looks at entries and receipts (IAM User Guide, "Policy evaluation logic"):
"denied" is AccessDenied, and any complaint about the rest of the request means "allowed". A batch request counts as the
action of its entries. What each probe does:

- GetQueueUrl, GetQueueAttributes, ListQueues, ListQueueTags, ListDeadLetterSourceQueues: only read.
- ReceiveMessage: receives at most one message with visibility 0, so it stays visible; its receive count goes up by one.
- SendMessage: sends a character that no queue takes.
- DeleteMessage, ChangeMessageVisibility: with a receipt that is none.
- SetQueueAttributes: an attribute that does not exist.
- RemovePermission: a label that does not exist.
- CreateQueue: this queue, with an attribute that does not exist.

There is no harmless request for PurgeQueue and DeleteQueue; who may do everything is found by the others.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from leasehold.adapters.sqs.failure import SqsFailure

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

    from leasehold.adapters.sqs.transport import Transport

NO_RECEIPT = "leasehold-doctor"
NO_ATTRIBUTE = "LeaseholdDoctor"
NO_BODY = "\x00"

READ = frozenset({"GetQueueUrl", "GetQueueAttributes"})
TAKE = frozenset({"ReceiveMessage", "DeleteMessage"})


class Answer(Enum):
    """What a probe found."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Probed(NamedTuple):
    """What a probe found of one action; ``says`` is why, where it was not allowed."""

    action: str
    answer: Answer
    says: str = ""


class Duty(NamedTuple):
    """What a role needs on a queue, and what else it may have. ``may`` of ``None``: anything."""

    needs: frozenset[str]
    may: frozenset[str] | None = frozenset()


DUTIES: Mapping[tuple[str, str], Duty] = {
    ("worker", "tasks"): Duty(READ | TAKE | {"ChangeMessageVisibility"}),
    ("worker", "status"): Duty(frozenset({"GetQueueUrl", "SendMessage"}), frozenset({"GetQueueAttributes"})),
    ("orchestrator", "tasks"): Duty(READ | {"SendMessage", "ChangeMessageVisibility"}, None),
    ("orchestrator", "status"): Duty(READ | TAKE | {"ChangeMessageVisibility"}, None),
    ("orchestrator", "dead"): Duty(READ | TAKE, None),
    ("orchestrator", "events"): Duty(READ | TAKE, None),
}
"""(role, kind of queue) -> what it is for. A worker on a spot instance runs foreign code: it must have no more."""


class Verdict(NamedTuple):
    """What a role lacks on a queue, what it has beyond its duty, and what could not be found out."""

    missing: list[str]
    too_many: list[str]
    unknown: list[str]


def probe(transport: Transport, queue: str, actions: Container[str] | None = None) -> list[Probed]:
    """Ask for every action in turn, or for these. What cannot be asked is ``UNKNOWN``, with a sentence.

    Raises ``BadSettings`` only.
    """
    return [
        _probed(action, partial(ask, transport, queue))
        for action, ask in PROBES.items()
        if actions is None or action in actions
    ]


def judge(role: str, kind: str, probed: list[Probed]) -> Verdict:
    """Compare with the duty of a role ("worker", "orchestrator") on a kind of queue ("tasks", "status", "dead")."""
    duty = DUTIES[role, kind]
    allowed = [each.action for each in probed if each.answer is Answer.ALLOWED]
    return Verdict(
        missing=[each.action for each in probed if each.answer is Answer.DENIED and each.action in duty.needs],
        too_many=[] if duty.may is None else [each for each in allowed if each not in duty.needs | duty.may],
        unknown=[each.action for each in probed if each.answer is Answer.UNKNOWN],
    )


def _probed(action: str, ask: Callable[[], object]) -> Probed:
    try:
        ask()
    except SqsFailure as error:
        if error.examined:
            return Probed(action, Answer.ALLOWED)
        return Probed(action, Answer.DENIED if error.denied else Answer.UNKNOWN, str(error))
    return Probed(action, Answer.ALLOWED)


def _on(action: str, request: Callable[[SQSClient, str], object]) -> Callable[[Transport, str], object]:
    return lambda transport, queue: transport.ask(queue, action, request)


def _of(action: str, request: Callable[[SQSClient, str], object]) -> Callable[[Transport, str], object]:
    """For requests that name no queue, or name it by itself."""
    return lambda transport, queue: transport.ask_for(queue, action, lambda client: request(client, queue))


NO_SUCH = cast("Any", {NO_ATTRIBUTE: "0"})  # the types know which attributes there are
PROBES: Mapping[str, Callable[[Transport, str], object]] = {
    "GetQueueUrl": _of("GetQueueUrl", lambda client, queue: client.get_queue_url(QueueName=queue)),
    "GetQueueAttributes": _on(
        "GetQueueAttributes",
        lambda client, url: client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
    ),
    "ReceiveMessage": _on(
        "ReceiveMessage",
        lambda client, url: client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=0, WaitTimeSeconds=0
        ),
    ),
    "DeleteMessage": _on(
        "DeleteMessage",
        lambda client, url: client.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": NO_RECEIPT}]
        ),
    ),
    "ChangeMessageVisibility": _on(
        "ChangeMessageVisibility",
        lambda client, url: client.change_message_visibility_batch(
            QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": NO_RECEIPT, "VisibilityTimeout": 0}]
        ),
    ),
    "SendMessage": _on(
        "SendMessage",
        lambda client, url: client.send_message_batch(
            QueueUrl=url, Entries=[{"Id": "0", "MessageBody": NO_BODY, "MessageGroupId": "leasehold"}]
        ),
    ),
    "SetQueueAttributes": _on(
        "SetQueueAttributes", lambda client, url: client.set_queue_attributes(QueueUrl=url, Attributes=NO_SUCH)
    ),
    "RemovePermission": _on(
        "RemovePermission", lambda client, url: client.remove_permission(QueueUrl=url, Label=NO_ATTRIBUTE)
    ),
    "ListQueueTags": _on("ListQueueTags", lambda client, url: client.list_queue_tags(QueueUrl=url)),
    "ListDeadLetterSourceQueues": _on(
        "ListDeadLetterSourceQueues",
        lambda client, url: client.list_dead_letter_source_queues(QueueUrl=url, MaxResults=1),
    ),
    "ListQueues": _of("ListQueues", lambda client, queue: client.list_queues(QueueNamePrefix=queue, MaxResults=1)),
    "CreateQueue": _of("CreateQueue", lambda client, queue: client.create_queue(QueueName=queue, Attributes=NO_SUCH)),
}
"""How each action is tried."""
