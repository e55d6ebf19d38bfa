"""What every store owes, as tests: subclass ``StoreSuite`` and give it a ``store`` fixture (an empty store)."""

from __future__ import annotations

import pytest

from leasehold.ports.store import Store
from leasehold.testing.queue_bench import BOUND, in_thread

BIG = 12 * 1_048_576
"""Bytes; more than what object stores take in one part by default."""
THREADS = 8
NO_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "..",
    "../outside",
    "a/../../outside",
    "a/./b",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden",
    "a\\b",
    "a b",
    "a\x00b",
    "a\n",
    "a#1",
    "ü",
    "%2e%2e/a",
    "a/" + "x" * 201,
    "/".join(["x" * 100] * 11),
)


class StoreSuite:
    """Create-only objects of bytes under keys that lead nowhere else."""

    @pytest.fixture
    def store(self) -> Store:
        """The adapter under test."""
        raise NotImplementedError

    def test_what_is_created_is_there(self, store: Store) -> None:
        """Byte for byte."""
        value = bytes(range(256)) * 3
        assert store.create("checkpoints/0193b2e7-0000-7000-8000-000000000001/00000000000001048577", value) is True
        assert store.get("checkpoints/0193b2e7-0000-7000-8000-000000000001/00000000000001048577") == value
        assert store.exists("checkpoints/0193b2e7-0000-7000-8000-000000000001/00000000000001048577") is True

    def test_what_was_not_created_is_not_there(self, store: Store) -> None:
        """No error; neither where a folder of that name is."""
        store.create("a/b", b"x")
        assert store.get("nothing") is None
        assert store.get("a") is None
        assert store.get("a/b2") is None
        assert store.exists("nothing") is False
        assert store.exists("a") is False

    def test_nothing_is_overwritten(self, store: Store) -> None:
        """The first stays, and the second is told."""
        assert store.create("a/b", b"first") is True
        assert store.create("a/b", b"second") is False
        assert store.create("a/b", b"first") is False
        assert store.get("a/b") == b"first"

    def test_of_many_creators_one_succeeds(self, store: Store) -> None:
        """And it is his value that is there."""
        for number in range(10):
            creators = [
                in_thread(lambda value=value, number=number: store.create(f"race/{number}", bytes([value] * 10_000)))
                for value in range(THREADS)
            ]
            won = [creator.result(timeout=BOUND) for creator in creators]
            assert won.count(True) == 1
            assert store.get(f"race/{number}") == bytes([won.index(True)] * 10_000)

    @pytest.mark.parametrize("size", [0, 1, BIG])
    def test_objects_of_any_size_are_kept(self, store: Store, size: int) -> None:
        """Empty ones too: it is the key that says something then."""
        assert store.create("results/a", b"x" * size) is True
        assert store.get("results/a") == b"x" * size
        assert store.create("results/a", b"y") is False

    def test_keys_are_those_below_the_prefix_sorted(self, store: Store) -> None:
        """A prefix is a folder, not the beginning of a name."""
        for key in ("t/1/b", "t/1/a", "t/1/c/d", "t/10/a", "t/2", "other/1/a"):
            store.create(key, b"x")
        assert store.keys("t/1") == ["t/1/a", "t/1/b", "t/1/c/d"]
        assert store.keys("t") == ["t/1/a", "t/1/b", "t/1/c/d", "t/10/a", "t/2"]
        assert store.keys("nothing") == []

    def test_what_is_deleted_is_gone_and_can_be_created_anew(self, store: Store) -> None:
        """Its neighbours stay."""
        for name in "abc":
            store.create(f"t/1/{name}", b"old")
        store.delete(["t/1/a", "t/1/c"])
        assert store.keys("t") == ["t/1/b"]
        assert store.get("t/1/a") is None
        assert store.create("t/1/a", b"new") is True
        assert store.get("t/1/a") == b"new"

    def test_deleting_what_is_not_there_is_no_error(self, store: Store) -> None:
        """And does not keep the others from being deleted."""
        store.create("t/a", b"x")
        store.create("t/b", b"x")
        store.delete(["nothing", "t/a", "t/nothing", "t/b", "t/b"])
        assert store.keys("t") == []
        store.delete([])

    def test_folders_come_and_go_under_many_hands(self, store: Store) -> None:
        """One deletes the last object of a folder while another creates the next."""

        def churn(worker: int) -> list[bool]:
            made: list[bool] = []
            for number in range(50):
                made.append(store.create(f"shared/folder/{worker}-{number}", b"x"))
                store.delete([f"shared/folder/{worker}-{number}"])
            return made

        workers = [in_thread(lambda worker=worker: churn(worker)) for worker in range(THREADS)]
        assert all(all(worker.result(timeout=BOUND)) for worker in workers)
        assert store.keys("shared") == []

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_what_is_no_key_names_nothing(self, store: Store, key: str) -> None:
        """Nothing is written or listed outside, and nothing is found: a reference on the wire may be anybody's."""
        with pytest.raises(ValueError, match="is no key of a store"):
            store.create(key, b"x")
        with pytest.raises(ValueError, match="is no key of a store"):
            store.keys(key)
        assert store.get(key) is None
        assert store.exists(key) is False
        store.delete([key])
