"""Stores in memory and in a folder; the folder's objects survive the loss of power."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leasehold.adapters.memory import MemoryStore
from leasehold.adapters.store import ABANDONED, STAGING, FolderStore, advice
from leasehold.core.errors import StoreUnavailable
from leasehold.ports.store import Store
from leasehold.testing.store_suite import StoreSuite

BOUND = 60


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestFolderStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return FolderStore(tmp_path / "store")


class Syncs:
    """Notes what is synced, and whether the key could be seen by then."""

    def __init__(self, folder: Path, key: str) -> None:
        self.shown = folder / key
        self.seen: list[tuple[int, bool]] = []

    def __call__(self, fd: int) -> None:
        os.fsync(fd)
        self.seen.append((os.fstat(fd).st_ino, self.shown.exists()))


def inodes(*paths: Path) -> list[int]:
    return [path.stat().st_ino for path in paths]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_object_is_synced_before_it_is_shown_and_its_folders_after(tmp_path: Path) -> None:
    syncs = Syncs(tmp_path, "t/1/a")
    assert FolderStore(tmp_path, sync=syncs).create("t/1/a", b"value")
    (first, shown_then), *others = syncs.seen
    assert (first, shown_then) == (inodes(syncs.shown)[0], False)
    assert others == [(inode, True) for inode in inodes(tmp_path / "t/1", tmp_path / "t", tmp_path)]


def test_an_object_that_exists_is_synced_before_the_second_creator_counts_on_it(tmp_path: Path) -> None:
    FolderStore(tmp_path, sync=lambda _: None).create("t/a", b"value")
    syncs = Syncs(tmp_path, "t/a")
    assert FolderStore(tmp_path, sync=syncs).create("t/a", b"other") is False
    assert [inode for inode, _ in syncs.seen] == inodes(tmp_path / "t/a", tmp_path / "t", tmp_path)


def test_who_loses_the_race_syncs_the_winners_object(tmp_path: Path) -> None:
    rival = FolderStore(tmp_path, sync=lambda _: None)
    seen: list[int] = []

    def sync(fd: int) -> None:
        if not seen:
            rival.create("t/a", b"rival")
        seen.append(os.fstat(fd).st_ino)

    store = FolderStore(tmp_path, sync=sync)
    assert store.create("t/a", b"ours") is False
    assert store.get("t/a") == b"rival"
    assert seen[1:] == inodes(tmp_path / "t/a", tmp_path / "t", tmp_path)


def test_what_cannot_be_synced_is_not_shown(tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreUnavailable, match=r"the disk \(or its quota\) is full\. Free some space"):
        FolderStore(tmp_path, sync=full).create("t/a", b"value")
    assert files(tmp_path) == []
    assert FolderStore(tmp_path).create("t/a", b"value") is True


def test_a_write_that_the_system_refuses_is_said_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from leasehold.adapters.store import FolderStore
from leasehold.core.errors import StoreUnavailable
store = FolderStore(Path(sys.argv[1]))
store.create("t/before", b"x" * 100)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    store.create("t/a", b"x" * 10_000)
except StoreUnavailable as error:
    print(error)
print(store.get("t/before") == b"x" * 100, store.get("t/a"))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=BOUND, check=True).stdout
    advised = "the disk (or its quota) is full. Free some space; nothing that was accepted is lost."
    assert said == f"store file://{tmp_path}/store: {advised}\nTrue None\n"
    assert files(tmp_path / "store") == ["t/before"]


CALLS: list[Callable[[Store], object]] = [
    lambda store: store.create("a", b"x"),
    lambda store: store.get("a"),
    lambda store: store.exists("a"),
    lambda store: store.keys("a"),
    lambda store: store.delete(["a"]),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path, call: Callable[[Store], object]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"^store file://.*/store: a file stands where a folder should be\."):
        call(FolderStore(tmp_path / "file/store"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EROFS, "Read-only file system"), "mounted read-only"),
        (RuntimeError("Generic LocalFileSystem error: Unable to open: (os error 30)\n\nDebug"), "mounted read-only"),
        (PermissionError(errno.EACCES, "Permission denied"), "Give this user write access"),
        (OSError(errno.EIO, "Input/output error"), "disk reported an error"),
        (RuntimeError("Something new\n\nDebug source: ..."), "Something new. Check that it can be reached"),
    ],
)
def test_errors_say_what_to_do(error: Exception, said: str) -> None:
    assert said in advice(error)
    assert "\n" not in advice(error)


def test_deleting_the_last_object_removes_its_empty_folders(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create("t/1/a", b"x")
    store.create("t/2/a", b"x")
    store.delete(["t/1/a"])
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == ["2"]
    store.delete(["t/2/a"])
    assert not (tmp_path / "t").exists()
    assert tmp_path.exists()


def test_what_a_dead_process_left_half_written_is_removed_after_a_day(tmp_path: Path) -> None:
    staging = tmp_path / STAGING
    staging.mkdir()
    for name, age in (("old", ABANDONED + 60), ("young", 60)):
        (staging / name).touch()
        then = (staging / name).stat().st_mtime - age
        os.utime(staging / name, (then, then))
    FolderStore(tmp_path).create("t/a", b"x")
    assert files(tmp_path) == [f"{STAGING}/young", "t/a"]
