"""What goes over the queues: versioned JSON envelopes, ASCII-escaped, and refused unless they are exactly right.

``tasks`` is what the orchestrator sends to workers, ``status`` what they report, ``capability`` what entitles them to
report it, ``signature`` how a task message carries one, ``strict`` what both formats refuse before they look inside.
"""

from leasehold.core.wire.capability import capability, verify
from leasehold.core.wire.meaning import event_of, payload_of
from leasehold.core.wire.metering import encode_counts
from leasehold.core.wire.platform import GoneMachine, decode_platform_event, ecs_machine
from leasehold.core.wire.status import (
    PACK_CEILING,
    Packed,
    StatusMessage,
    WireUpdate,
    decode_status_message,
    encode_malformed,
    encode_update,
    pack,
    told_directly,
)
from leasehold.core.wire.strict import BODY_LIMIT, DEPTH_LIMIT, INLINE_LIMIT, ascii_json, quarantined, strict_json
from leasehold.core.wire.tasks import MOST_RECEIVES, TaskMessage, WireTask, decode_task_message, encode_task_message

__all__ = [
    "BODY_LIMIT",
    "DEPTH_LIMIT",
    "INLINE_LIMIT",
    "MOST_RECEIVES",
    "PACK_CEILING",
    "GoneMachine",
    "Packed",
    "StatusMessage",
    "TaskMessage",
    "WireTask",
    "WireUpdate",
    "ascii_json",
    "capability",
    "decode_platform_event",
    "decode_status_message",
    "decode_task_message",
    "ecs_machine",
    "encode_counts",
    "encode_malformed",
    "encode_task_message",
    "encode_update",
    "event_of",
    "pack",
    "payload_of",
    "quarantined",
    "strict_json",
    "told_directly",
    "verify",
]
