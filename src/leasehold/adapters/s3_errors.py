"""What S3 refused, in a sentence that says what to do. obstore tells the answers of S3 in its text only."""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from leasehold.adapters.store import Call

ACTIONS: dict[Call, str] = {
    "create": "s3:PutObject",
    "get": "s3:GetObject",
    "exists": "s3:GetObject",
    "keys": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
"""What IAM calls that which a call needs."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
UNKNOWN_LOGIN = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"})
ELSEWHERE = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
THROTTLED = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"})
SERVER_ERROR = 500

CODE = re.compile(r"<Code>([^<]+)</Code>|\(code: (\w+)\)")
MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
REGION = re.compile(r"<Region>([a-z0-9-]+)</Region>")
STATUS = re.compile(r"status code: (\d{3})")
NETWORK = re.compile(r"HttpError \{\s+kind: (\w+)")
REDIRECT = "redirect without LOCATION"
LOGIN = re.compile(r"credential provider: (.*)")


class Place(NamedTuple):
    """What a call was about."""

    bucket: str
    prefix: str
    region: str
    endpoint: str

    def arn(self, call: Call, key: str) -> str:
        """What a policy would have to allow it on."""
        bucket = f"arn:aws:s3:::{self.bucket}"
        return bucket if call == "keys" else "/".join(part for part in (bucket, self.prefix, key) if part)


class Answer(NamedTuple):
    """What can be read out of an error of obstore's."""

    code: str
    message: str
    status: int
    network: str
    """What went wrong on the way, as obstore calls it: ``Connect``, ``Timeout`` and others; else empty."""
    text: str


def answer(error: Exception) -> Answer:
    """Take an error apart."""
    text = str(error)
    code, message, status, network = (each.search(text) for each in (CODE, MESSAGE, STATUS, NETWORK))
    return Answer(
        code=(code[1] or code[2]) if code else "",
        message=unescape(message[1]) if message else "",
        status=int(status[1]) if status else 0,
        network=network[1] if network else "",
        text=text,
    )


def no_bucket(error: Exception) -> bool:
    """Whether it is the bucket that does not exist, not an object in it."""
    return answer(error).code == "NoSuchBucket"


def lost_login(error: Exception) -> bool:
    """Whether new credentials would help."""
    got = answer(error)
    return got.code in EXPIRED | UNKNOWN_LOGIN or LOGIN.search(got.text) is not None


def told(error: Exception, call: Call, key: str, place: Place) -> str:
    """What happened and what to do."""
    got = answer(error)
    sentence = _about_login(got) or _about_bucket(got, place) or _about_way(got, place)
    return sentence or _refused(got, call, key, place)


def _about_login(got: Answer) -> str | None:
    if got.code in EXPIRED:
        return "the AWS credentials have expired. Renew them (aws sts get-caller-identity checks them)"
    if got.code in UNKNOWN_LOGIN:
        return f"S3 does not know these AWS credentials ({got.code}). Check them with: aws sts get-caller-identity"
    if (found := LOGIN.search(got.text)) is not None:
        return f"the AWS credentials cannot be had: {found[1]}"
    if got.code == "RequestTimeTooSkewed":
        return "S3 takes no request from this machine because its clock is wrong. Set the clock"
    return None


def _about_bucket(got: Answer, place: Place) -> str | None:
    if got.code == "NoSuchBucket":
        return (
            f"bucket {place.bucket!r} does not exist in region {place.region} at {place.endpoint}. "
            "Create it, or name another one in the setting 'store'"
        )
    if got.code in ELSEWHERE or REDIRECT in got.text:
        found = REGION.search(got.text)
        where = f"region {found[1]}" if found else "another region"
        return f"bucket {place.bucket!r} is in {where}, not in {place.region}. Set AWS_DEFAULT_REGION to its region"
    return None


def _about_way(got: Answer, place: Place) -> str | None:
    if got.network == "Timeout":
        return f"S3 at {place.endpoint} did not answer in time. It is tried again; check the network if this goes on"
    if got.network:
        return f"S3 cannot be reached at {place.endpoint}. Check network, region and endpoint"
    if got.code in THROTTLED:
        return f"S3 throttles requests ({got.code}). It goes on by itself, more slowly"
    if got.status >= SERVER_ERROR:
        return f"S3 had an internal error ({got.code or 'no code'}, HTTP {got.status}). It goes on by itself"
    return None


def _refused(got: Answer, call: Call, key: str, place: Place) -> str:
    action, arn = ACTIONS[call], place.arn(call, key)
    if got.code == "AccessDenied" or got.status in {401, 403}:
        said = f" S3 says: {got.message}" if got.message else ""
        also = " (and s3:ListBucket on the bucket, without which S3 denies what does not exist)" if key else ""
        return f"access denied: {action} on {arn}. Allow it in the role's policy{also}.{said}"
    if got.code:
        return f"S3 refused {action} on {arn}: {got.code}: {got.message}"
    return f"{action} on {arn} failed: {got.text.partition(chr(10))[0]}"
