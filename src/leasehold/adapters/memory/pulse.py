"""How a ledger in memory is doing at a glance."""

from __future__ import annotations

from leasehold.adapters.memory.book import Book
from leasehold.core.alarms import alarm
from leasehold.core.happening import Happened, waits_since
from leasehold.core.model import Status, Why
from leasehold.core.units import CEILING
from leasehold.ports.pulse import Pulse, Waiting


def pulse(book: Book, now: int) -> Pulse:
    """All of it; whoever asks holds the book."""
    tasks = [row.task for row in book.rows.values()]
    oldest: dict[tuple[str, Why], int] = {}
    for task in tasks:
        if task.why is not None:
            cell = (task.queue, task.why)
            oldest[cell] = min(since := waits_since(task), oldest.get(cell, since))
    struck = [(at, task.status) for task in tasks if (at := alarm(task)) is not None and at <= now]
    return Pulse(
        now=now,
        happened=sorted(Happened(*cell, times) for cell, times in book.happened.items() if times),
        waiting=sorted(Waiting(*cell, at) for cell, at in oldest.items()),
        overrun=min(CEILING, sum(status is Status.IN_PROGRESS for _, status in struck)),
        owed=min(CEILING, len(struck)),
        owed_since=min((at for at, _ in struck), default=None),
        unfolded=min(CEILING, book.unfolded),
        quarantined=len(book.damaged),
    )
