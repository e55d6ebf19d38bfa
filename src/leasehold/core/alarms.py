"""What the clock owes a task: one instant per task, and the event that is due then."""

from __future__ import annotations

from leasehold.core.events import Due, Event, Lapsed, Voided
from leasehold.core.model import Status, Task, Why


def alarm(task: Task) -> int | None:
    """When the clock next has something to say about this task; ``None``: never, unless something happens first."""
    if task.status is Status.IN_PROGRESS:
        return task.lease_until
    if task.why is Why.SCHEDULED:
        return task.due_at
    if task.open and task.status is not Status.COMPLETED:
        return silence_ends(task)
    return None


def owed(task: Task, now: int) -> Event | None:
    """The event that the clock owes this task at ``now``, if any."""
    at = alarm(task)
    if at is None or at > now:
        return None
    if task.status is Status.IN_PROGRESS:
        return Lapsed()
    return Due() if task.why is Why.SCHEDULED else Voided()


def silence_ends(task: Task) -> int:
    """When an open dispatch that nobody speaks of is certainly over (R7): nobody runs it, and nobody may start it."""
    return max(task.void_at, task.lease_until) if task.run_open else task.void_at
