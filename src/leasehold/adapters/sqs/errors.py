"""Every error of SQS and of its SDK as one sentence: what happened, to which queue, what to do.

Whatever may pass by itself or be mended from outside is ``SqsFailure``, which is ``QueueUnavailable``: the roles try
again. Only what a running process cannot get over (no region, no such profile) is ``BadSettings``.
Codes are those of the API Reference ("Common Error Types" and each action's errors); SQS sends some of them with the
prefix ``AWS.SimpleQueueService.``, for the sake of old clients.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.core.errors import BadSettings

RAISED = (sdk.BotoCoreError, sdk.ClientError, ResponseParserError)
"""What a request can raise."""

PRINCIPAL = re.compile(r"User: (\S+)")

THROTTLED = frozenset(
    {
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "KmsThrottled",
        "KMS.ThrottlingException",
        "SlowDown",
    }
)
GONE = frozenset({"NonExistentQueue", "QueueDoesNotExist"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_LOGIN = frozenset(
    {
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "AuthFailure",
    }
)
TURNED_AWAY = GONE | DENIED | THROTTLED | EXPIRED | UNKNOWN_LOGIN | {"InvalidAction", "UnknownOperationException"}
"""Codes with which SQS did not look at what was asked, or may not have."""

ELSEWHERE = "Credential should be scoped to a valid region"
"""What SQS says of a request that was signed for another region than its own."""

SKEWED = ("Signature expired", "Signature not yet current")
"""What SQS says of a request that a machine with a wrong clock has signed."""


class Place(NamedTuple):
    """What a request was about."""

    queue: str
    action: str
    """As IAM calls it, without ``sqs:``."""
    region: str
    endpoint: str


def failure(error: Exception, place: Place) -> SqsFailure:
    """The failure that ``error`` is; ``BadSettings`` is raised for what no waiting mends."""
    if isinstance(error, sdk.ClientError):
        return _refused(error, place)
    return _local(error, place)


def plain(code: str) -> str:
    """A code without the prefix that SQS puts before some."""
    return code.removeprefix("AWS.SimpleQueueService.")


# ------------------------------------------------------------------------------------------------ what SQS answered


def _refused(error: sdk.ClientError, place: Place) -> SqsFailure:
    said = error.response.get("Error", {})
    code, message = plain(said.get("Code", "Unknown")), said.get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    sentence = _sentence(code, message, place)
    broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if sentence is None and broken:
        sentence = f"queue '{place.queue}': SQS had an internal error ({code}, HTTP {status}) in {place.action}"
    return SqsFailure(
        sentence or f"queue '{place.queue}': SQS refused {place.action}: {code}: {message}",
        code=code,
        unknown=broken and code not in THROTTLED,
        answered=True,
        denied=code in DENIED,
        examined=not broken and code not in TURNED_AWAY,
        forget_url=code in GONE or code == "InvalidAddress",
        forget_login=code in EXPIRED or code in UNKNOWN_LOGIN,
    )


def _sentence(code: str, message: str, place: Place) -> str | None:
    """What is known to say about this code."""
    queue, action, region = place.queue, place.action, place.region
    if code in GONE:
        return (
            f"queue '{queue}' does not exist in region {region}, or these AWS credentials may not see it. "
            "Run: leasehold init"
        )
    if code in DENIED:
        return _denied(message, place)
    if code in THROTTLED:
        return f"queue '{queue}': SQS throttles {action} ({code}). It goes on by itself, more slowly"
    if code in EXPIRED:
        return (
            f"queue '{queue}': the AWS credentials have expired. Renew them (aws sts get-caller-identity checks them)"
        )
    if code == "RequestTimeTooSkewed" or any(sign in message for sign in SKEWED):
        return f"queue '{queue}': SQS takes no request from this machine because its clock is wrong. Set the clock"
    if ELSEWHERE in message:
        return (
            f"queue '{queue}': the endpoint {place.endpoint} is not in region {region}. "
            "Write the right region into the setting 'queues' (sqs://REGION/PREFIX)"
        )
    if code in UNKNOWN_LOGIN:
        return (
            f"queue '{queue}': SQS does not know these AWS credentials ({code}). "
            "Check them with: aws sts get-caller-identity"
        )
    return _rare(code, message, place)


def _denied(message: str, place: Place) -> str:
    found = PRINCIPAL.search(message)
    who = f"{found[1]} may not" if found else "these AWS credentials do not allow to"
    return (
        f"queue '{place.queue}': {who} do sqs:{place.action} in region {place.region}. "
        "Allow it in the role's policy (leasehold doctor lists what each role needs)"
    )


def _rare(code: str, message: str, place: Place) -> str | None:
    queue = place.queue
    if code == "OverLimit":
        return (
            f"queue '{queue}' has as many messages in flight as SQS allows (120,000). Workers receive again once some "
            "are deleted or their visibility is over"
        )
    if code == "QueueDeletedRecently":
        return f"queue '{queue}' was deleted less than 60 seconds ago. Wait a minute, then try again"
    if code == "PurgeQueueInProgress":
        return f"queue '{queue}' was purged less than 60 seconds ago. Wait a minute, then try again"
    if code in {"ReceiptHandleIsInvalid", "InvalidIdFormat"}:
        return f"queue '{queue}': a receipt is not one of this queue"
    if code == "InvalidAddress":
        return f"queue '{queue}': its address is not right any more. It is looked up again by itself"
    if code.startswith(("Kms", "KMS.")):
        return (
            f"queue '{queue}': its encryption key cannot be used ({code}: {message}). Allow kms:GenerateDataKey and "
            "kms:Decrypt on the key, or let SQS keep the key: leasehold init"
        )
    return None


# ------------------------------------------------------------------------------------- what did not even come back


def _local(error: Exception, place: Place) -> SqsFailure:
    code = type(error).__name__
    queue = f"queue '{place.queue}'"
    if isinstance(error, (sdk.NoCredentialsError, sdk.PartialCredentialsError)):
        told = f"{queue}: no AWS credentials were found ({error}). Log in, or give this machine a role"
        return SqsFailure(told, code=code, forget_login=True)
    if isinstance(error, (sdk.CredentialRetrievalError, sdk.TokenRetrievalError, sdk.ConfigParseError)):
        return SqsFailure(f"{queue}: the AWS credentials cannot be had: {error}", code=code, forget_login=True)
    if (sentence := _hopeless(error, place)) is not None:
        raise BadSettings(sentence) from error
    if _never_connected(error):
        told = f"{queue}: SQS cannot be reached at {place.endpoint} ({error}). Check network, region and endpoint"
        return SqsFailure(told, code=code)
    if isinstance(error, sdk.ParamValidationError):
        return SqsFailure(f"{queue}: {place.action} was not sent: {error}", code=code)
    told = f"{queue}: the reply to {place.action} was lost ({error})"
    return SqsFailure(told, code=code, unknown=True)


def _never_connected(error: Exception) -> bool:
    """Whether no request can have left: anything that is not sure of that counts as lost on its way."""
    if isinstance(error, sdk.SSLError):
        return "CERTIFICATE" in str(error).upper()
    return isinstance(error, sdk.ConnectionError)


def _hopeless(error: Exception, place: Place) -> str | None:
    if isinstance(error, sdk.NoRegionError):
        return (
            "no AWS region is set: write it into the setting 'queues' as sqs://REGION/PREFIX, or set "
            "AWS_DEFAULT_REGION, or region in ~/.aws/config"
        )
    if isinstance(error, (sdk.InvalidRegionError, sdk.UnknownRegionError, sdk.UnknownEndpointError)):
        return f"SQS has no region {place.region!r} ({error}). Write a region as eu-central-1 into sqs://REGION/PREFIX"
    if isinstance(error, (sdk.ProfileNotFound, sdk.ConfigNotFound, sdk.InvalidRetryConfigurationError)):
        return f"the AWS configuration of this machine cannot be used: {error}. Check AWS_PROFILE and ~/.aws/config"
    return None
