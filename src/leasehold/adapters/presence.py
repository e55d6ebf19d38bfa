"""Who serves a ledger on this machine: a lock file per role, held for as long as its process lives."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from leasehold.core.errors import LedgerUnavailable


class Presence:
    """Locks beside an SQLite file. The kernel releases them with the process, however it ends.

    ``whose`` tells apart those who play one role for different applications.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    @contextmanager
    def of(self, role: str, whose: str = "") -> Generator[None]:
        """Be there as ``role`` inside the block; any number of processes may be.

        Raises ``LedgerUnavailable`` where the folder of the ledger cannot be written.
        """
        path = self._path(role, whose)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(path, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield
        finally:
            os.close(file)

    def anyone(self, role: str, whose: str | None = "") -> bool:
        """Whether some process is there as ``role``; ``whose=None``: for any application."""
        paths = (
            self._ledger.parent.glob(f"{self._ledger.name}-{role}s*") if whose is None else [self._path(role, whose)]
        )
        return any(held(path) for path in paths)

    def _path(self, role: str, whose: str) -> Path:
        digest = f"-{hashlib.sha256(whose.encode()).hexdigest()[:8]}" if whose else ""
        return self._ledger.with_name(f"{self._ledger.name}-{role}s{digest}")


class Elsewhere:
    """A deployment: those who serve it are on any machine, so nobody here can tell whether they are there."""

    @contextmanager
    def of(self, role: str, whose: str = "") -> Generator[None]:  # noqa: ARG002 - as Presence has it
        """Nothing shows who is there."""
        yield

    def anyone(self, role: str, whose: str | None = "") -> bool:  # noqa: ARG002 - as Presence has it
        """Taken for granted."""
        return True


def held(path: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unusable(path, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def unusable(path: Path, error: OSError) -> LedgerUnavailable:
    """What to do about a lock file that cannot be opened."""
    return LedgerUnavailable(
        f"{path} cannot be opened ({os.strerror(error.errno or 0)}). Give this user write access to the ledger and to "
        "its folder, and room there"
    )
