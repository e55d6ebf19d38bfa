"""Disks that can be full: small file systems in memory where this user may mount some, or else a limit per process."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BALLAST = "ballast"
PIECE = 65_536


class Disk:
    """A folder that can be full for a while."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted
        self._limited: list[int] = []

    @property
    def how(self) -> str:
        """What makes it full."""
        return "tmpfs" if self.mounted else "RLIMIT_FSIZE"

    def fill(self, pids: Iterable[int]) -> None:
        """Leave no room; where nothing could be mounted, let these processes write no more to any file."""
        if not self.mounted:
            self._limited = [*pids]
            self._limit(0)
            return
        with suppress(OSError), (self.folder / BALLAST).open("ab", buffering=0) as file:
            for piece in (PIECE, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(piece))

    def free(self) -> None:
        """Make room again."""
        (self.folder / BALLAST).unlink(missing_ok=True)
        self._limit(resource.RLIM_INFINITY)
        self._limited = []

    def _limit(self, most: int) -> None:
        for pid in self._limited:
            with suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Disk]:
    """A disk of that size (as mount has it: ``16m``) at this folder, gone after the block."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield Disk(folder, mounted=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)  # noqa: S607 - by PATH
