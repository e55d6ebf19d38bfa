"""Who serves a ledger on this machine: a lock file per role, held for as long as its process lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class Presence:
    """Locks beside an SQLite file. The kernel releases them with the process, however it ends."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    @contextmanager
    def of(self, role: str) -> Generator[None]:
        """Be there as ``role`` inside the block; any number of processes may be."""
        file = os.open(self._path(role), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield
        finally:
            os.close(file)

    def anyone(self, role: str) -> bool:
        """Whether some process is there as ``role``."""
        try:
            file = os.open(self._path(role), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(file)

    def _path(self, role: str) -> Path:
        return self._ledger.with_name(f"{self._ledger.name}-{role}s")
