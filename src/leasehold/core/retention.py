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


def may_go_at(task: Task, *, keyed: bool, keep: Keep) -> int | None:
    """From when on nobody needs the task any more; ``None``: as long as it stands as it does, and all is so kept.

    Not while its message may still be received: whoever finds it would ask for a task that is not there. Not as long as
    its key is promised to find it.
    """
    kept = keep.of(task.status)
    if kept is None or task.ended_at is None:
        return None
    at = task.ended_at + kept
    if keyed:
        at = max(at, task.created_at + keep.keys)
    return max(at, silence_ends(task), task.lease_until) if task.open else at
