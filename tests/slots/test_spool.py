"""Large texts go by file, and by pipe where the disk is full."""

import errno
from pathlib import Path

import pytest

from leasehold.adapters.slots.frames import INLINE, MOST
from leasehold.adapters.slots.spool import LARGEST, Spool


def full(spool: Spool, number: int = 0) -> None:
    """The next file goes to a device that never has room."""
    Path(spool.folder, f"w{number}").symlink_to("/dev/full")


def test_a_large_text_goes_by_file_and_is_read_once(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), "w")
    sent = spool.give("x" * (INLINE + 1))
    assert isinstance(sent, bytes)
    assert spool.take(sent) == "x" * (INLINE + 1)
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_it_goes_by_pipe_and_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), "w")
    full(spool)
    assert spool.give("x" * LARGEST) == "x" * LARGEST
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["x" * MOST, "\N{SNOWMAN}" * (MOST // 3)])
def test_what_no_frame_can_hold_is_refused(tmp_path: Path, text: str) -> None:
    spool = Spool(str(tmp_path), "w")
    full(spool)
    with pytest.raises(OSError, match=f"Errno {errno.ENOSPC}"):
        spool.give(text)
