"""ReceiveMessage, DeleteMessage, ChangeMessageVisibility, and the batches of the last two."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from leasehold.adapters.memory import Answer, Copy
from leasehold.adapters.patience import Patience
from leasehold.testing.sqs_server.account import StoredQueue
from leasehold.testing.sqs_server.calls import (
    BATCH,
    Call,
    Reply,
    Waiting,
    alone,
    each_entry,
    entries,
    expired_handle,
    needed,
)
from leasehold.testing.sqs_server.errors import SqsError, invalid, missing
from leasehold.testing.sqs_server.fields import Fields, number, texts
from leasehold.testing.sqs_server.polls import Poll
from leasehold.testing.sqs_server.sending import Note

LONGEST = 43_200


def receive_message(call: Call) -> Reply | Waiting:
    """Receive up to ten; waits where the request or the queue says so and nothing is there."""
    queue = call.queue()
    limit = number(call.fields, "MaxNumberOfMessages", 1, BATCH) or 1
    visibility = number(call.fields, "VisibilityTimeout", 0, LONGEST)
    visibility = queue.setting("VisibilityTimeout") if visibility is None else visibility
    wait = number(call.fields, "WaitTimeSeconds", 0, 20)
    wait = queue.setting("ReceiveMessageWaitTimeSeconds") if wait is None else wait
    system = {*texts(call.fields, "AttributeNames"), *texts(call.fields, "MessageSystemAttributeNames")}
    wanted = texts(call.fields, "MessageAttributeNames")

    def take() -> list[Copy]:
        call.faults.scope = call.scope  # in a long poll, another's request wakes this one
        return queue.shelf.take(limit, visibility * 1_000)

    def reply(copies: list[Copy]) -> Reply:
        call.empty = not copies
        call.size += sum(cast("Note", copy.note).size for copy in copies)
        return {"Messages": [_message(queue, copy, system, wanted) for copy in copies]} if copies else {}

    copies = take()
    if copies or not wait:
        if not copies and not queue.fifo and queue.shelf.is_full():
            raise SqsError("OverLimit", "The maximum number of in flight messages is reached.")
        return reply(copies)
    patience = Patience(call.account.clock, wait * 1_000)

    def poll(answer: Callable[[Reply], None]) -> Poll:
        def deliver(copies: list[Copy]) -> None:
            answer(reply(copies))

        return Poll(patience, take, deliver)

    return Waiting(queue, poll)


def _message(queue: StoredQueue, copy: Copy, system: set[str], wanted: list[str]) -> Reply:
    note = cast("Note", copy.note)
    reply: Reply = {
        "MessageId": copy.message_id,
        "ReceiptHandle": queue.shelf.receipt(copy),
        "MD5OfBody": note.md5,
        "Body": copy.body,
    }
    if system:
        reply["Attributes"] = _system_attributes(queue, copy, note, system)
    attributes = {name: value for name, value in note.attributes.items() if _is_wanted(name, wanted)}
    if attributes:
        reply["MessageAttributes"] = attributes
        reply["MD5OfMessageAttributes"] = note.attributes_md5
    return reply


def _system_attributes(queue: StoredQueue, copy: Copy, note: Note, system: set[str]) -> dict[str, str]:
    known = {
        "SenderId": note.sender,
        "SentTimestamp": str(copy.sent_at),
        "ApproximateReceiveCount": str(copy.receives),
        "ApproximateFirstReceiveTimestamp": str(copy.first_received_at),
        "MessageGroupId": note.group,
        "MessageDeduplicationId": note.dedup,
        "SequenceNumber": f"{copy.key:020}" if queue.fifo else None,
        "AWSTraceHeader": note.trace,
    }
    return {name: value for name, value in known.items() if value is not None and (name in system or "All" in system)}


def _is_wanted(name: str, wanted: list[str]) -> bool:
    return any(
        pattern in {"All", ".*", name} or (pattern.endswith(".*") and name.startswith(pattern[:-2]))
        for pattern in wanted
    )


def delete_message(call: Call) -> Reply:
    """Delete one."""
    queue = call.queue()
    alone(call)
    return _delete(queue, call.fields)


def delete_message_batch(call: Call) -> Reply:
    """Delete up to ten."""
    queue = call.queue()
    return each_entry(call, entries(call), lambda entry: _delete(queue, entry))


def _delete(queue: StoredQueue, entry: Fields) -> Reply:
    receipt = needed(entry, "ReceiptHandle")
    if queue.fifo and queue.shelf.find(receipt)[0] in {Answer.LATE, Answer.STALE}:
        raise expired_handle(receipt)
    if queue.shelf.delete(receipt) is Answer.FOREIGN:
        raise _foreign(receipt)
    return {}


def _foreign(receipt: str) -> SqsError:
    return SqsError("ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid receipt handle.')


def change_message_visibility(call: Call) -> Reply:
    """Change one."""
    queue = call.queue()
    alone(call)
    return _change(queue, call.fields)


def change_message_visibility_batch(call: Call) -> Reply:
    """Change up to ten."""
    queue = call.queue()
    return each_entry(call, entries(call), lambda entry: _change(queue, entry))


def _change(queue: StoredQueue, entry: Fields) -> Reply:
    receipt = needed(entry, "ReceiptHandle")
    seconds = number(entry, "VisibilityTimeout", 0, LONGEST)
    if seconds is None:
        raise missing("VisibilityTimeout")
    answer = queue.shelf.change(receipt, seconds * 1_000)
    if answer is Answer.FOREIGN:
        raise _foreign(receipt)
    if answer is Answer.GONE:
        reason = "Message does not exist or is not available for visibility timeout change."
        raise invalid(receipt, "ReceiptHandle", reason)
    if answer is Answer.TOO_LONG:
        reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        raise invalid(seconds, "VisibilityTimeout", reason)
    if answer is not Answer.DONE:
        raise SqsError("MessageNotInflight", f"The message of the receipt handle {receipt} is not in flight.")
    return {}
