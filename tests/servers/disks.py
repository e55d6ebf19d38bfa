"""Disks that are full for a while."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEBIBYTE = 1 << 20
MOUNT, UMOUNT = shutil.which("mount") or "mount", shutil.which("umount") or "umount"


def can_mount() -> bool:
    """Whether this process may make a file system of its own."""
    return os.geteuid() == 0 and Path("/proc/self/mounts").exists()


@contextmanager
def small_disk(folder: Path, mebibytes: int = 4) -> Iterator[Path]:
    """A file system in memory with so much room; its folder."""
    folder.mkdir()
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """While this lasts, the disk has no room for a single byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = MEBIBYTE
        while size:
            try:
                file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_room_for(pid: int, size: int = 0) -> Iterator[None]:
    """While this lasts, that process can make no file larger than that, as if its disk were full."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
