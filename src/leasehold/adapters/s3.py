"""Objects in an S3 bucket, by obstore. Imported only where one is used: boto3 and obstore take a while to load.

Credentials, region and endpoint are looked up by boto3 as always. What obstore makes of the environment by itself does
not count: it knows neither profiles nor the login of a container's or an organisation's role.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import boto3.session
import botocore.exceptions as sdk
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store as Backend

from leasehold.adapters.s3_errors import Place, lost_login, no_bucket, told
from leasehold.adapters.store import Call, ObjectStore
from leasehold.core.errors import BadSettings, StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Credential

REQUEST = timedelta(seconds=60)
"""A whole request: what ``payload_limit`` allows by default needs 1.1 MB/s."""
CONNECT = timedelta(seconds=5)
RETRIES = 3
LAST_RETRY = timedelta(seconds=20)
"""No retry begins later than that after the first try, so that no call takes much longer than ``REQUEST``."""
PAUSES = (timedelta(milliseconds=100), timedelta(seconds=2))
"""The first and the longest pause before a retry, each with jitter."""
FRESH = timedelta(minutes=5)
"""How long credentials are kept: boto3 renews those that have less than 10 minutes left when it is asked for them."""
CONFLICTS = 3
"""Tries of a write that S3 refuses because another write or delete of that key is under way."""
OF_AWS = re.compile(r"s3[.-](.+\.)?amazonaws\.com(\.cn)?", re.ASCII)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


class Frozen(Protocol):
    """Credentials as they are now."""

    access_key: str
    secret_key: str
    token: str | None


class Login(Protocol):
    """Credentials that renew themselves where they can."""

    def get_frozen_credentials(self) -> Frozen:
        """As they are now."""
        ...


class Known(NamedTuple):
    """What boto3 has found out about this machine."""

    endpoint: str
    region: str
    login: Login


class S3Store(ObjectStore):
    """Objects under ``prefix`` in a bucket, create-only by ``If-None-Match``. Thread-safe.

    A write whose answer was lost may be found written by its own retry: ``create`` then says that it was there.
    """

    def __init__(self, bucket: str, prefix: str = "", *, look_up: Callable[[], Known] | None = None) -> None:
        if not BUCKET.fullmatch(bucket):
            raise BadSettings(f"store s3://{bucket}/{prefix}: {bucket!r} is no name of an S3 bucket")
        super().__init__(self._connect, f"s3://{bucket}/{prefix}".rstrip("/"))
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._look_up = look_up or look_up_login
        self._place = Place(bucket, self._prefix, "unknown", "its endpoint")

    def exists(self, key: str) -> bool:
        """Whether the key exists, without reading it. Not by HEAD: where S3 refuses that, it does not say why."""
        return self._opened_object(key) is not None

    def _put(self, key: str, value: bytes) -> None:
        for _ in range(CONFLICTS):
            try:
                super()._put(key, value)
            except AlreadyExistsError as error:
                if "ConditionalRequestConflict" not in str(error):
                    raise
            else:
                return
        raise StoreUnavailable(f"store {self.url}: others are writing or deleting {key!r} just now. Try again later")

    def _absent(self, error: FileNotFoundError) -> bool:
        return not no_bucket(error)

    def _failure(self, error: Exception, call: Call, key: str) -> StoreUnavailable:
        if lost_login(error):
            self._forget_backend()  # everything is looked up anew: somebody may have logged in meanwhile
        return StoreUnavailable(f"store {self.url}: {told(error, call, key, self._place)}")

    def _connect(self) -> Backend:
        try:
            known = self._look_up()
        except (sdk.ProfileNotFound, sdk.ConfigParseError, sdk.InvalidRegionError, ValueError) as error:
            raise BadSettings(
                f"store {self.url}: the AWS configuration of this machine cannot be used: {error}. "
                "Check AWS_PROFILE, AWS_ENDPOINT_URL_S3 and ~/.aws/config"
            ) from error
        except (sdk.BotoCoreError, sdk.ClientError) as error:
            raise StoreUnavailable(f"store {self.url}: no AWS credentials can be had: {error}") from error
        self._place = self._place._replace(region=known.region, endpoint=known.endpoint)
        address, virtual = addressed(known.endpoint, self._bucket)
        return Backend(
            self._bucket,
            prefix=self._prefix or None,
            aws_endpoint_url_s3=address,
            region=known.region,
            virtual_hosted_style_request=virtual,
            skip_signature=False,
            client_options=client_options(address),
            retry_config=retry_config(),
            credential_provider=Provider(known.login),
        )


class Provider:
    """Gives obstore the credentials that boto3 finds, and keeps renewing."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def __call__(self) -> S3Credential:
        """As they are now."""
        frozen = self._login.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + FRESH,
        }


class Client(Protocol):
    """What is used of a client of boto3's."""

    class Meta(Protocol):
        """What it was made with."""

        endpoint_url: str
        region_name: str

    meta: Meta

    def close(self) -> None:
        """Close its connections."""
        ...


class Session(Protocol):
    """What is used of a session of boto3's; its own type knows every service of AWS."""

    def client(self, service_name: Literal["s3"]) -> Client:
        """A client of S3."""
        ...

    def get_credentials(self) -> Login | None:
        """The first credentials of its chain."""
        ...


def look_up_login() -> Known:
    """Endpoint, region and credentials by boto3's own chain. Raises what boto3 raises."""
    session = cast("Session", boto3.session.Session())
    client = session.client("s3")  # it alone knows all the places that may name an endpoint
    client.close()
    login = session.get_credentials()
    if login is None:
        raise sdk.NoCredentialsError
    return Known(client.meta.endpoint_url, client.meta.region_name, login)


def addressed(endpoint: str, bucket: str) -> tuple[str, bool]:
    """Where requests go, and whether the bucket is part of the host's name.

    It is for AWS itself, unless a dot in its name would not fit their certificate; other servers take it as a path.
    """
    parts = urlsplit(endpoint)
    if "." in bucket or not OF_AWS.fullmatch(parts.hostname or ""):
        return endpoint.rstrip("/"), False
    return f"{parts.scheme}://{bucket}.{parts.netloc}", True


def client_options(address: str) -> ClientConfig:
    """How long a request may take."""
    return {"timeout": REQUEST, "connect_timeout": CONNECT, "allow_http": address.startswith("http:")}


def retry_config() -> RetryConfig:
    """How often it is tried again."""
    first, longest = PAUSES
    return {
        "max_retries": RETRIES,
        "retry_timeout": LAST_RETRY,
        "backoff": {"init_backoff": first, "max_backoff": longest, "base": 2},
    }
