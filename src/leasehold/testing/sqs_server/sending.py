"""SendMessage and SendMessageBatch."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any, NamedTuple, cast

from leasehold.adapters.bodies import refusal
from leasehold.ports.queue import Message
from leasehold.testing.sqs_server.account import StoredQueue
from leasehold.testing.sqs_server.attributes import LARGEST_BODY
from leasehold.testing.sqs_server.calls import Call, Reply, alone, each_entry, entries, needed
from leasehold.testing.sqs_server.errors import SqsError, invalid, missing
from leasehold.testing.sqs_server.fields import Fields, mapping, number, text

WRONG_TYPE = "The request include parameter that is not valid for this queue type."
NO_DEDUPLICATION = (
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
)
INVALID_CHARACTERS = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
    "#xE000 to #xFFFD | #x10000 to #x10FFFF"
)


class Note(NamedTuple):
    """What a receive tells of a message besides its body."""

    md5: str
    size: int
    sender: str
    group: str | None
    dedup: str | None
    attributes: dict[str, Any]
    attributes_md5: str | None
    trace: str | None


def send_message(call: Call) -> Reply:
    """Send one."""
    queue = call.queue()
    alone(call)
    call.size = _size(needed(call.fields, "MessageBody"), mapping(call.fields, "MessageAttributes"))
    return _send(call, queue, call.fields)


def send_message_batch(call: Call) -> Reply:
    """Send up to ten, of 1 MiB in all."""
    queue = call.queue()
    found = entries(call)
    call.size = total = sum(_size(needed(entry, "MessageBody"), mapping(entry, "MessageAttributes")) for entry in found)
    if total > LARGEST_BODY:
        raise SqsError(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {LARGEST_BODY} bytes. You have sent {total} bytes.",
        )
    return each_entry(call, found, lambda entry: _send(call, queue, entry))


def _send(call: Call, queue: StoredQueue, entry: Fields) -> Reply:
    body = needed(entry, "MessageBody")
    attributes = mapping(entry, "MessageAttributes")
    size = _size(body, attributes)
    _check_body(body, size, queue.setting("MaximumMessageSize"))
    group, dedup = text(entry, "MessageGroupId"), text(entry, "MessageDeduplicationId")
    if queue.fifo:
        dedup = _fifo_checked(queue, entry, body, group, dedup)
    elif dedup is not None:
        raise invalid(dedup, "MessageDeduplicationId", WRONG_TYPE)
    delay = number(entry, "DelaySeconds", 0, 900)
    delay = queue.setting("DelaySeconds") if delay is None else delay
    encoded = body.encode()
    md5 = hashlib.md5(encoded, usedforsecurity=False).hexdigest()
    attributes_md5 = attributes_digest(attributes) if attributes else None
    trace = mapping(mapping(entry, "MessageSystemAttributes"), "AWSTraceHeader").get("StringValue")
    note = Note(md5, size, call.scope.key, group, dedup, attributes, attributes_md5, cast("str | None", trace))
    message_id, key = queue.shelf.put(Message(body, group, dedup), delay * 1_000, note)
    reply: Reply = {"MessageId": message_id, "MD5OfMessageBody": md5}
    if attributes_md5 is not None:
        reply["MD5OfMessageAttributes"] = attributes_md5
    if queue.fifo:
        reply["SequenceNumber"] = f"{key:020}"
    return reply


def _check_body(body: str, size: int, limit: int) -> None:
    if size > limit:
        raise SqsError(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.",
        )
    if refusal(body, LARGEST_BODY) is not None:
        raise SqsError("InvalidMessageContents", INVALID_CHARACTERS)


def _fifo_checked(queue: StoredQueue, entry: Fields, body: str, group: str | None, dedup: str | None) -> str:
    """The deduplication id of a message to a FIFO queue."""
    if not group:
        raise missing("MessageGroupId")
    if entry.get("DelaySeconds"):
        raise invalid(entry["DelaySeconds"], "DelaySeconds", WRONG_TYPE)
    if dedup:
        return dedup
    if queue.attributes.get("ContentBasedDeduplication") != "true":
        raise SqsError("InvalidParameterValue", NO_DEDUPLICATION)
    return hashlib.sha256(body.encode()).hexdigest()


def _size(body: str, attributes: dict[str, Any]) -> int:
    """Bytes that count against the limits: body, and attributes with their names and types."""
    size = len(body) if body.isascii() else len(body.encode(errors="surrogatepass"))
    return size + sum(len(part) for name in attributes for part in _parts(name, attributes[name]))


def _parts(name: str, attribute: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Name, type and value."""
    kind = text(attribute, "DataType") or ""
    if kind.partition(".")[0] not in {"String", "Number", "Binary"}:
        raise SqsError(
            "InvalidParameterValue",
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String.",
        )
    if kind.startswith("Binary"):
        return name.encode(), kind.encode(), base64.b64decode(needed(attribute, "BinaryValue"))
    return name.encode(), kind.encode(), needed(attribute, "StringValue").encode()


def attributes_digest(attributes: dict[str, Any]) -> str:
    """MD5 of message attributes, as SQS's developer guide defines it."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        label, kind, value = _parts(name, attributes[name])
        transport = b"\x02" if kind.startswith(b"Binary") else b"\x01"
        for part in (label, kind):
            digest.update(struct.pack(">I", len(part)) + part)
        digest.update(transport + struct.pack(">I", len(value)) + value)
    return digest.hexdigest()
