"""How long what has ended is kept, and what must never go."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.core.alarms import silence_ends
from leasehold.core.model import Status, Task


class Keep(NamedTuple):
    """How long (ms) a task is kept once it has ended; ``None``: for ever."""

    completed: int | None = None
    failed: int | None = None
    """Cancelled tasks too: whoever might try one again has as long to do so."""
    keys: int = 0
    """How long after its submit a key is promised to find its task."""

    def of(self, status: Status) -> int | None:
        """For a status that is final."""
        return self.completed if status is Status.COMPLETED else self.failed


def may_go(task: Task, *, keyed: bool, keep: Keep, now: int) -> bool:
    """Whether nobody needs the task any more.

    Not while it may still change, nor while its message may still be received: whoever finds it would ask for a task
    that is not there. Not as long as its key is promised to find it.
    """
    kept = keep.of(task.status)
    if kept is None or task.ended_at is None or task.ended_at > now - kept:
        return False
    if keyed and task.created_at > now - keep.keys:
        return False
    return not task.open or max(silence_ends(task), task.lease_until) <= now
