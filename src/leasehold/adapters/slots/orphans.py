"""What is left of a slot whose guard was killed: found by its mark, or because this process became its parent."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from leasehold.adapters.slots import guard

MARK = "_LEASEHOLD_SLOT"
"""Variable by which the processes of a slot are found again when its guard is gone."""

PR_GET_CHILD_SUBREAPER = 37


class Orphans:
    """Does the last work of guards that are dead.

    Args:
        adopt: this process runs nothing but slots, so it becomes the parent of every orphan below it. What a run has
            started without its environment, and in a session of its own, is then found too (Linux).
    """

    def __init__(self, *, adopt: bool) -> None:
        self._adopt = adopt and guard.LINUX
        self.guards: set[int] = set()
        """Process ids of those that live."""
        self._became = self._adopt and not is_subreaper()
        if self._became:
            guard.prctl(guard.PR_SET_CHILD_SUBREAPER, 1)

    def release(self) -> None:
        """Nothing is left to adopt: from here on, orphans go where they went before."""
        if self._became:
            guard.prctl(guard.PR_SET_CHILD_SUBREAPER, 0)
            self._became = False

    def kill(self, mark: str) -> None:
        """Kill what a dead guard left behind, until there is none of it."""
        while found := marked(mark) + self._adopted():
            for pid in found:
                guard.kill_all([*guard.descendants(stopping=True, of=pid), pid])
            for pid in found:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _adopted(self) -> list[int]:
        """Children of this process that it did not start: they are in a session that a run or its guard has made."""
        if not self._adopt:
            return []
        strangers = [pid for pid in guard.children(os.getpid()) if pid not in self.guards]
        return [pid for pid in strangers if is_of_another_session(pid)]


def is_subreaper() -> bool:
    """Whether orphans below this process become its children (Linux; never elsewhere)."""
    if not guard.LINUX:
        return False
    told = ctypes.c_int()
    ctypes.CDLL(None, use_errno=True).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(told), 0, 0, 0)
    return told.value != 0


def marked(mark: str) -> list[int]:
    """Every living process that was started with that mark; elsewhere than on Linux they cannot be found."""
    if sys.platform != "linux":
        return []
    return [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/environ") if holds(file, f"{MARK}={mark}")]


def holds(environment: Path, variable: str) -> bool:
    """Whether a process, unless it is dead, was started with that variable."""
    try:
        return variable.encode() in environment.read_bytes().split(b"\0")
    except OSError:
        return False


def is_of_another_session(pid: int) -> bool:
    """Whether a process has left the session of this one, or was never in it."""
    try:
        return os.getsid(pid) != os.getsid(0)
    except OSError:
        return False
