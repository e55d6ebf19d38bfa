"""The store in an S3 bucket, on a real server: the same suite as a folder; and a server that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import boto3
import pytest

from leasehold.adapters.s3 import S3Store
from leasehold.adapters.store import open_store
from leasehold.core.errors import StoreUnavailable
from leasehold.ports.store import Store
from leasehold.testing.postgres import free_port
from leasehold.testing.store_suite import StoreSuite
from tests.servers.aws import REGION, environment
from tests.servers.ministack import ministack

BUCKET = "leasehold-tests"
numbers = count()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ministack() as address:
        make_bucket(address)
        yield address


def make_bucket(address: str) -> None:
    client = boto3.client(
        "s3", endpoint_url=address, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.close()


@pytest.fixture
def login(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(address, tmp_path).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("login")
class TestS3Store(StoreSuite):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(f"s3://{BUCKET}/tests/{next(numbers)}")


@pytest.mark.usefixtures("login")
def test_stores_of_two_prefixes_do_not_see_each_other() -> None:
    one, other = (open_store(f"s3://{BUCKET}/apart/{name}") for name in ("one", "other"))
    whole = open_store(f"s3://{BUCKET}")
    assert one.create("t/a", b"one")
    assert other.create("t/a", b"other")
    assert (one.get("t/a"), other.get("t/a")) == (b"one", b"other")
    assert whole.keys("apart") == ["apart/one/t/a", "apart/other/t/a"]


@pytest.mark.usefixtures("login")
def test_more_keys_than_s3_lists_or_deletes_at_once() -> None:
    store = open_store(f"s3://{BUCKET}/many")
    keys = [f"t/{number:04d}" for number in range(1_100)]
    for key in keys:
        store.create(key, b"")
    assert store.keys("t") == keys
    store.delete(keys)
    assert store.keys("t") == []


@pytest.mark.usefixtures("login")
def test_a_store_goes_on_by_itself_once_its_server_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    for name, value in environment(f"http://127.0.0.1:{port}", tmp_path).items():
        monkeypatch.setenv(name, value)
    store = S3Store(BUCKET, "back")
    gone = rf"^store s3://{BUCKET}/back: S3 cannot be reached at http://127.0.0.1:{port}\. Check network"
    with pytest.raises(StoreUnavailable, match=gone):
        store.create("t/a", b"1")
    with ministack(port) as address:
        with pytest.raises(
            StoreUnavailable, match=rf"bucket '{BUCKET}' does not exist in region {REGION} at {address}"
        ):
            store.create("t/a", b"1")
        make_bucket(address)
        assert store.create("t/a", b"1")
        assert store.get("t/a") == b"1"
    with pytest.raises(StoreUnavailable, match=gone):
        store.get("t/a")
    with ministack(port) as address:
        make_bucket(address)
        assert store.get("t/a") is None
        assert store.create("t/a", b"2")
