"""A queue's attributes: which there are, what values they take, and what they mean for its messages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from leasehold.adapters.memory import MemoryTerms
from leasehold.ports.queue import QueueTraits
from leasehold.testing.sqs_server.errors import SqsError, invalid

LARGEST_BODY = 1_048_576
LONGEST_HIDING = 43_200_000
DIGITS = re.compile(r"[0-9]{1,10}")
RANGES = {
    "VisibilityTimeout": (30, 0, 43_200),
    "MaximumMessageSize": (LARGEST_BODY, 1_024, LARGEST_BODY),
    "MessageRetentionPeriod": (345_600, 60, 1_209_600),
    "DelaySeconds": (0, 0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 0, 20),
}
"""Default, least, most."""
KEPT = {
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "RedriveAllowPolicy",
    "DeduplicationScope",
    "FifoThroughputLimit",
}
"""Stored and given back, and nothing else."""
SWITCHES = {"FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"}
COUNTED = {
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
}
NAMES = {*RANGES, *KEPT, *SWITCHES, *COUNTED, "RedrivePolicy", "All"}


class Redrive(NamedTuple):
    """A redrive policy."""

    target: str
    """The dead-letter queue's ARN."""
    max_receives: int


def checked(name: str, attributes: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of queue ``name`` to be stored; refuses what SQS would refuse."""
    return {attribute: _checked(name, attribute, value) for attribute, value in attributes.items()}


def _checked(name: str, attribute: str, value: object) -> str:
    if attribute not in NAMES - COUNTED - {"All"}:
        raise SqsError("InvalidAttributeName", f"Unknown Attribute {attribute}.")
    if not isinstance(value, str):
        raise SqsError("MalformedInput", f"the value of {attribute} must be a string")
    if attribute in RANGES:
        _, low, high = RANGES[attribute]
        if not DIGITS.fullmatch(value) or not low <= int(value) <= high:
            raise bad_value(attribute)
    fifo_only = attribute == "ContentBasedDeduplication" and not name.endswith(".fifo")
    if attribute in SWITCHES and (value not in {"true", "false"} or fifo_only):
        raise bad_value(attribute)
    if attribute == "FifoQueue" and (value == "true") != name.endswith(".fifo"):
        raise bad_value(attribute)
    return _canonical(value) if attribute == "RedrivePolicy" and value else value


def bad_value(attribute: str) -> SqsError:
    """The attribute does not take this value."""
    return SqsError("InvalidAttributeValue", f"Invalid value for the parameter {attribute}.")


def _canonical(value: str) -> str:
    redrive = read_redrive(value)
    return json.dumps(
        {"deadLetterTargetArn": redrive.target, "maxReceiveCount": redrive.max_receives}, separators=(",", ":")
    )


def read_redrive(value: str) -> Redrive:
    """A redrive policy from its JSON."""
    try:
        policy = cast("dict[str, Any]", json.loads(value))
        target, receives = policy["deadLetterTargetArn"], int(policy["maxReceiveCount"])
    except (ValueError, TypeError, KeyError) as error:
        raise bad_value("RedrivePolicy") from error
    if not isinstance(target, str):
        raise bad_value("RedrivePolicy")
    if not 1 <= receives <= 1_000:
        raise invalid(value, "RedrivePolicy", "Invalid value for maxReceiveCount: must be between 1 and 1000.")
    return Redrive(target, receives)


def setting(attributes: Mapping[str, str], name: str) -> int:
    """A number among the attributes, or its default."""
    return int(attributes.get(name, RANGES[name][0]))


def terms(attributes: Mapping[str, str], *, fifo: bool, in_flight_limit: int) -> MemoryTerms:
    """What the attributes mean for the messages; the redrive policy apart."""
    limit = setting(attributes, "MaximumMessageSize")
    return MemoryTerms(
        traits=QueueTraits(fifo=fifo, body_limit=limit, max_visibility=LONGEST_HIDING),
        retention=setting(attributes, "MessageRetentionPeriod") * 1_000,
        in_flight_limit=in_flight_limit,
    )
