"""SQS's refusals, as its JSON protocol words them: a type, and the older query code that SDKs show."""

from __future__ import annotations

from typing import NamedTuple

SQS = "com.amazonaws.sqs#"
COMMON = "com.amazon.coral.service#"
OLD = "AWS.SimpleQueueService."


class Shape(NamedTuple):
    """How one kind of error looks on the wire."""

    type: str
    code: str
    """Of the query protocol, which ``x-amzn-query-error`` carries and boto3 shows as the error's code."""
    status: int = 400
    fault: str = "Sender"


SHAPES = {
    "AccessDenied": Shape(COMMON + "AccessDeniedException", "AccessDenied", 403),
    "BatchEntryIdsNotDistinct": Shape(SQS + "BatchEntryIdsNotDistinct", OLD + "BatchEntryIdsNotDistinct"),
    "BatchRequestTooLong": Shape(SQS + "BatchRequestTooLong", OLD + "BatchRequestTooLong"),
    "EmptyBatchRequest": Shape(SQS + "EmptyBatchRequest", OLD + "EmptyBatchRequest"),
    "ExpiredToken": Shape(COMMON + "ExpiredTokenException", "ExpiredToken", 403),
    "InternalFailure": Shape(COMMON + "InternalFailure", "InternalFailure", 500, "Receiver"),
    "InvalidAction": Shape(COMMON + "UnknownOperationException", "InvalidAction"),
    "InvalidAttributeName": Shape(SQS + "InvalidAttributeName", "InvalidAttributeName"),
    "InvalidAttributeValue": Shape(SQS + "InvalidAttributeValue", "InvalidAttributeValue"),
    "InvalidBatchEntryId": Shape(SQS + "InvalidBatchEntryId", OLD + "InvalidBatchEntryId"),
    "InvalidClientTokenId": Shape(COMMON + "UnrecognizedClientException", "InvalidClientTokenId", 403),
    "InvalidMessageContents": Shape(SQS + "InvalidMessageContents", "InvalidMessageContents"),
    "InvalidParameterValue": Shape(COMMON + "InvalidParameterValueException", "InvalidParameterValue"),
    "MalformedInput": Shape(COMMON + "SerializationException", "MalformedInput"),
    "MessageNotInflight": Shape(SQS + "MessageNotInflight", OLD + "MessageNotInflight"),
    "MissingParameter": Shape(COMMON + "MissingRequiredParameterException", "MissingParameter"),
    "OverLimit": Shape(SQS + "OverLimit", "OverLimit", 403),
    "PurgeQueueInProgress": Shape(SQS + "PurgeQueueInProgress", OLD + "PurgeQueueInProgress", 403),
    "QueueDeletedRecently": Shape(SQS + "QueueDeletedRecently", OLD + "QueueDeletedRecently"),
    "QueueDoesNotExist": Shape(SQS + "QueueDoesNotExist", OLD + "NonExistentQueue"),
    "QueueNameExists": Shape(SQS + "QueueNameExists", "QueueAlreadyExists"),
    "ReceiptHandleIsInvalid": Shape(SQS + "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
    "RequestThrottled": Shape(SQS + "RequestThrottled", "RequestThrottled", 403),
    "ServiceUnavailable": Shape(COMMON + "ServiceUnavailableException", "ServiceUnavailable", 503, "Receiver"),
    "SignatureDoesNotMatch": Shape(COMMON + "InvalidSignatureException", "SignatureDoesNotMatch", 403),
    "ThrottlingException": Shape(COMMON + "ThrottlingException", "ThrottlingException"),
    "TooManyEntriesInBatchRequest": Shape(SQS + "TooManyEntriesInBatchRequest", OLD + "TooManyEntriesInBatchRequest"),
}


class SqsError(Exception):
    """A request, or one entry of it, is refused. ``kind`` is a key of ``SHAPES``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.shape = SHAPES[kind]
        self.message = message


def invalid(value: object, parameter: str, reason: str) -> SqsError:
    """What SQS says of a parameter that it does not take."""
    return SqsError("InvalidParameterValue", f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing(parameter: str) -> SqsError:
    """What SQS says of a parameter that is not there."""
    return SqsError("MissingParameter", f"The request must contain the parameter {parameter}.")
