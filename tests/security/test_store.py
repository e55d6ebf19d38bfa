"""Nothing that somebody says or puts into a store leads out of it: not on a folder, not in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from leasehold.adapters.s3 import S3Store
from leasehold.adapters.store import FolderStore, open_store
from leasehold.core.errors import BadSettings, StoreDamaged, StoreUnavailable
from leasehold.core.references import arguments_reference
from leasehold.flow.stored import read
from leasehold.ports.store import Store
from tests.core.wire_examples import HOSTILE, TASK_ID
from tests.servers.aws import REGION, environment
from tests.servers.ministack import ministack

BUCKET, ELSEWHERE = "leasehold-tests", "elsewhere"
OUT = [
    *("/etc/hostname", "../secret", "a/../../secret", "a/./x", ".staging/x", "a//b", "a/", "", ".", "..", "a\\..\\b"),
    *("s3://elsewhere/secret", "http://169.254.169.254/", "file:///etc/hostname", "%2e%2e/secret", "a\0b", "a\n", "é"),
    "x" * 1_025,
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ministack() as address:
        client = boto3.client(
            "s3", endpoint_url=address, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        for bucket in (BUCKET, ELSEWHERE):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_object(Bucket=ELSEWHERE, Key="secret", Body=b"secret")
        client.put_object(Bucket=BUCKET, Key="secret", Body=b"secret")
        client.close()
        yield address


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    (tmp_path / "secret").write_text("secret")
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    for name, value in environment(request.getfixturevalue("address"), tmp_path).items():
        monkeypatch.setenv(name, value)
    return S3Store(BUCKET, "below/here")


@pytest.mark.parametrize("key", [*OUT, *(each for each in HOSTILE if ".." in each or ":" in each or each[0] == "/")])
def test_no_key_leads_out_of_the_store(store: Store, key: str) -> None:
    assert store.get(key) is None
    assert not store.exists(key)
    store.delete([key])
    with pytest.raises(ValueError, match="is no key of a store"):
        store.create(key, b"x")


def test_what_was_put_is_read_and_anything_else_under_its_name_is_refused(store: Store) -> None:
    honest, replaced = b'{"x":1}', b'{"x":1,"more":"of it"}'
    ref = arguments_reference(TASK_ID, honest)
    assert read(store, ref) is None
    assert store.create(ref, honest)
    assert read(store, ref) == honest
    store.delete([ref])
    store.create(ref, replaced)
    with pytest.raises(StoreDamaged, match="is not what was put there"):
        read(store, ref)


@pytest.mark.parametrize("url", ["s3://bucket/../other", "s3://bucket/a?x=y", "s3:///a", "ftp://host/a", "s3://b/a//b"])
def test_an_address_that_leads_elsewhere_opens_no_store(url: str) -> None:
    with pytest.raises(BadSettings):
        open_store(url)


# ------------ links in a folder


@pytest.fixture
def linked(tmp_path: Path) -> FolderStore:
    """A store in which somebody has made links to a file and a folder outside."""
    store = FolderStore(tmp_path / "store")
    store.create("logs/here", b"here")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "store" / "logs" / "link").symlink_to(tmp_path / "outside" / "secret")
    (tmp_path / "store" / "results").symlink_to(tmp_path / "outside")
    return store


@pytest.mark.parametrize("key", ["logs/link", "results/secret"])
def test_no_link_is_followed_out_of_the_folder(linked: FolderStore, tmp_path: Path, key: str) -> None:
    assert linked.get(key) is None
    assert not linked.exists(key)
    assert linked.keys("results") == []
    with pytest.raises(StoreUnavailable):
        linked.create(key, b"x")
    linked.delete([key])
    assert (tmp_path / "outside" / "secret").read_text() == "secret"
    assert linked.get("logs/here") == b"here"


def test_a_folder_that_is_itself_reached_by_a_link_is_as_good_as_any(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = FolderStore(tmp_path / "link")
    assert store.create("logs/here", b"here")
    assert store.get("logs/here") == b"here"
