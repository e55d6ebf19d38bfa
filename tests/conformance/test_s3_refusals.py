"""What S3 refuses is said in one sentence that says what to do, and is over once its cause is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import botocore.exceptions as sdk
import pytest

from leasehold.adapters import s3
from leasehold.adapters.s3 import CONFLICTS, Known, S3Store, addressed
from leasehold.adapters.store import FolderStore, ObjectStore, open_store
from leasehold.core.errors import BadSettings, StoreUnavailable
from leasehold.ports.store import Store
from tests.servers.aws import REGION
from tests.servers.scripted_s3 import Script, scripted_s3

ARN = "arn:aws:s3:::bucket/jobs"


class Login:
    """The credentials of this name, and the next ones once they are asked for anew."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.access_key = ""
        self.secret_key = "secret"
        self.token: str | None = None
        self.error: Exception | None = None

    def get_frozen_credentials(self) -> Login:
        if self.error is not None:
            raise self.error
        return self

    def renewed(self) -> Login:
        self.access_key = self.names.pop(0) if len(self.names) > 1 else self.names[0]
        return self


@pytest.fixture
def server() -> Iterator[tuple[str, Script]]:
    with scripted_s3() as server:
        yield server


@pytest.fixture
def script(server: tuple[str, Script]) -> Script:
    return server[1]


@pytest.fixture
def login() -> Login:
    return Login("first", "second")


@pytest.fixture
def store(server: tuple[str, Script], login: Login, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    monkeypatch.setattr(s3, "PAUSES", (timedelta(milliseconds=1), timedelta(milliseconds=1)))
    return S3Store("bucket", "jobs", look_up=lambda: Known(server[0], REGION, login.renewed()))


CALLS: list[tuple[Callable[[Store], object], str]] = [
    (lambda store: store.create("t/a", b"x"), f"s3:PutObject on {ARN}/t/a"),
    (lambda store: store.get("t/a"), f"s3:GetObject on {ARN}/t/a"),
    (lambda store: store.exists("t/a"), f"s3:GetObject on {ARN}/t/a"),
    (lambda store: store.keys("t"), "s3:ListBucket on arn:aws:s3:::bucket"),
    (lambda store: store.delete(["t/a"]), f"s3:DeleteObject on {ARN}/t/a"),
]


def said(store: Store, call: Callable[[Store], object] = CALLS[0][0]) -> str:
    with pytest.raises(StoreUnavailable) as raised:
        call(store)
    sentence = str(raised.value)
    assert sentence.startswith("store s3://bucket/jobs: ")
    assert "\n" not in sentence
    return sentence.removeprefix("store s3://bucket/jobs: ")


# ------------------------------------------------------------ access


@pytest.mark.parametrize(("call", "what"), CALLS)
def test_what_is_denied_is_named_with_the_right_that_is_missing(
    store: S3Store, script: Script, call: Callable[[Store], object], what: str
) -> None:
    script.refuse(403, "AccessDenied", "User: arn:aws:iam::1:role/worker is not authorized")
    sentence = said(store, call)
    assert sentence.startswith(f"access denied: {what}. Allow it in the role's policy")
    assert sentence.endswith("S3 says: User: arn:aws:iam::1:role/worker is not authorized")


def test_a_delete_that_is_denied_for_one_key_alone_is_said_too(store: S3Store, script: Script) -> None:
    error = "<Error><Key>jobs/t/a</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    script.answer(200, f"<DeleteResult>{error}</DeleteResult>")
    assert said(store, CALLS[4][0]).startswith(f"access denied: s3:DeleteObject on {ARN}/t/a.")


@pytest.mark.parametrize("call", [call for call, _ in CALLS])
@pytest.mark.parametrize("status", [404])
def test_a_missing_bucket_is_not_taken_for_a_missing_object(
    store: S3Store, script: Script, call: Callable[[Store], object], status: int
) -> None:
    script.refuse(status, "NoSuchBucket")
    assert said(store, call).startswith(f"bucket 'bucket' does not exist in region {REGION} at http://127.0.0.1:")


def test_a_missing_object_is_none(store: S3Store, script: Script) -> None:
    script.refuse(404, "NoSuchKey")
    assert store.get("t/a") is None
    assert store.exists("t/a") is False


# ------------------------------------------------------------ credentials


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "ExpiredToken", "the AWS credentials have expired. Renew them"),
        (403, "InvalidAccessKeyId", "S3 does not know these AWS credentials (InvalidAccessKeyId). Check them"),
        (403, "SignatureDoesNotMatch", "S3 does not know these AWS credentials (SignatureDoesNotMatch)."),
    ],
)
def test_bad_credentials_are_said_and_looked_up_anew_at_the_next_call(
    store: S3Store, script: Script, status: int, code: str, sentence: str
) -> None:
    script.refuse(status, code)
    assert said(store).startswith(sentence)
    script.answer(200, ETag='"1"')
    assert store.create("t/a", b"x") is True
    assert script.keys_used == ["first", "second"]


def test_good_ones_are_looked_up_once(store: S3Store, script: Script) -> None:
    script.answer(200, ETag='"1"')
    for number in range(3):
        store.create(f"t/{number}", b"x")
    assert script.keys_used == ["first"] * 3


def test_credentials_that_cannot_be_renewed(store: S3Store, script: Script, login: Login) -> None:
    login.error = sdk.CredentialRetrievalError(provider="sso", error_msg="the session is over")
    assert said(store).startswith("the AWS credentials cannot be had: ")
    assert "the session is over" in said(store)
    login.error = None
    script.answer(200, ETag='"1"')
    assert store.create("t/a", b"x") is True


def test_a_machine_without_credentials() -> None:
    def nobody() -> Known:
        raise sdk.NoCredentialsError

    store = S3Store("bucket", "jobs", look_up=nobody)
    assert said(store) == "no AWS credentials can be had: Unable to locate credentials"


@pytest.mark.parametrize("error", [sdk.ProfileNotFound(profile="nobody"), ValueError("Invalid endpoint: x")])
def test_a_configuration_that_no_waiting_mends(error: Exception) -> None:
    def wrong() -> Known:
        raise error

    with pytest.raises(BadSettings, match=r"store s3://bucket/jobs: the AWS configuration .* cannot be used"):
        S3Store("bucket", "jobs", look_up=wrong).get("t/a")


def test_a_clock_that_is_wrong(store: S3Store, script: Script) -> None:
    script.refuse(403, "RequestTimeTooSkewed")
    assert said(store).endswith("its clock is wrong. Set the clock")


# ------------------------------------------------------------ the wrong region


def test_a_bucket_of_another_region(store: S3Store, script: Script) -> None:
    script.refuse(400, "AuthorizationHeaderMalformed", "wrong", "<Region>us-west-2</Region>")
    other = "bucket 'bucket' is in {}, not in {}. Set AWS_DEFAULT_REGION to its region"
    assert said(store) == other.format("region us-west-2", REGION)
    script.refuse(301, "PermanentRedirect")
    assert said(store) == other.format("another region", REGION)


# ------------------------------------------------------------ trouble that passes


def test_a_server_in_trouble_is_tried_again(store: S3Store, script: Script) -> None:
    script.refuse(500, "InternalError")
    assert said(store) == "S3 had an internal error (InternalError, HTTP 500). It goes on by itself"
    assert len(script.asked) == 1 + s3.RETRIES
    script.refuse(503, "SlowDown")
    assert said(store) == "S3 throttles requests (SlowDown). It goes on by itself, more slowly"


def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    store: S3Store, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "REQUEST", timedelta(milliseconds=50))
    script.silent = True
    assert "did not answer in time. It is tried again" in said(store)


def test_a_write_that_crosses_another_is_tried_again_and_never_taken_for_one_that_is_there(
    store: S3Store, script: Script
) -> None:
    """409 says nothing of what will be there; obstore takes it for 412."""
    script.refuse(409, "ConditionalRequestConflict")
    assert said(store) == "others are writing or deleting 't/a' just now. Try again later"
    assert len(script.asked) >= CONFLICTS
    script.refuse(412, "PreconditionFailed")
    assert store.create("t/a", b"x") is False


def test_anything_else_is_said_as_s3_says_it(store: S3Store, script: Script) -> None:
    script.refuse(400, "EntityTooLarge", "Too &amp; large")
    assert said(store) == f"S3 refused s3:PutObject on {ARN}/t/a: EntityTooLarge: Too & large"
    script.answer(418)
    assert said(store).startswith(f"s3:PutObject on {ARN}/t/a failed: ")


# ------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("endpoint", "bucket", "address"),
    [
        ("https://s3.eu-central-1.amazonaws.com", "jobs", ("https://jobs.s3.eu-central-1.amazonaws.com", True)),
        ("https://s3.amazonaws.com", "jobs", ("https://jobs.s3.amazonaws.com", True)),
        ("https://s3.cn-north-1.amazonaws.com.cn", "jobs", ("https://jobs.s3.cn-north-1.amazonaws.com.cn", True)),
        ("https://s3.eu-central-1.amazonaws.com", "my.jobs", ("https://s3.eu-central-1.amazonaws.com", False)),
        ("https://bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com/", "jobs", None),
        ("http://127.0.0.1:4566/", "jobs", ("http://127.0.0.1:4566", False)),
    ],
)
def test_the_bucket_is_in_the_hosts_name_at_aws_and_in_the_path_elsewhere(
    endpoint: str, bucket: str, address: tuple[str, bool] | None
) -> None:
    assert addressed(endpoint, bucket) == (address or (endpoint.rstrip("/"), False))


def test_requests_name_bucket_and_prefix_in_their_path(store: S3Store, script: Script) -> None:
    script.answer(200, ETag='"1"')
    store.create("t/a", b"x")
    assert script.asked == [("PUT", "/bucket/jobs/t/a")]


def test_and_only_the_prefix_where_the_bucket_is_in_the_hosts_name(
    store: S3Store, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "addressed", lambda endpoint, _: (endpoint, True))
    script.answer(200, ETag='"1"')
    store.create("t/a", b"x")
    assert script.asked == [("PUT", "/jobs/t/a")]


def test_an_address_opens_the_store_that_it_names(tmp_path: Path) -> None:
    assert isinstance(open_store((tmp_path / "a b").as_uri()), FolderStore)
    found = open_store("s3://bucket/jobs/")
    assert isinstance(found, S3Store)
    assert found.url == "s3://bucket/jobs"
    assert type(open_store("gs://bucket/jobs")) is ObjectStore


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///jobs",
        "s3://Bucket/jobs",
        "s3://b",
        "s3://bucket/a b",
        "s3://bucket/../x",
        "s3://bucket/a?b",
        "ftp://x/y",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match=r"store .*"):
        open_store(url)
