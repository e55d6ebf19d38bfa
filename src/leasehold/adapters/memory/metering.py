"""Requests to queues by the hour, and the times of runs, of a ledger in memory."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest

from leasehold.adapters.memory.book import Book, Row
from leasehold.core.happening import Happened
from leasehold.core.metering import DEAD, EVENTS, STATUS, TASKS, Count, Metered, Tally
from leasehold.core.model import RunFact, Status, Why
from leasehold.core.units import HOUR
from leasehold.ports.views import RunTime

UNKNOWN = "unknown"
"""Where requests are counted to queues that never held a task."""

RAN = frozenset({Status.COMPLETED, Status.FAILED, Status.IN_PROGRESS})


def note(book: Book, counts: Sequence[Count], times: Sequence[Happened], now: int) -> None:
    """Add what was counted."""
    for queue, what, more in times:
        book.happened[queue, what] += more
    for each in counts:
        cell = ((now - each.age) // HOUR * HOUR, each.queue, each.action)
        book.requests[cell] = each.tally.plus(book.requests.get(cell, Tally()))
    book.noted += len(counts)


def fold(book: Book, before: int) -> int:
    """Put queues that nobody knows together, and forget the old; how many notes there were."""
    known = known_queues(book)
    for (hour, queue, action), tally in sorted(book.requests.items()):
        if hour < before or queue not in known | {UNKNOWN}:
            del book.requests[hour, queue, action]
        if hour >= before and queue not in known | {UNKNOWN}:
            cell = (hour, UNKNOWN, action)
            book.requests[cell] = tally.plus(book.requests.get(cell, Tally()))
    noted, book.noted = book.noted, 0
    return noted


def known_queues(book: Book) -> frozenset[str]:
    """Those to which requests are counted by name."""
    return frozenset({STATUS, DEAD, EVENTS, *(f"{TASKS}{name}" for name in book.paused)})


def metered(book: Book, since: int, until: int) -> list[Metered]:
    """By queue and action, from the first hour on in which something was counted; the same before folding and after."""
    known = known_queues(book)
    found: dict[tuple[str, str], Metered] = {}
    for (hour, name, action), tally in sorted(book.requests.items()):
        if since <= hour < until:
            queue = name if name in known else UNKNOWN
            old = found.get((queue, action), Metered(hour, queue, action, Tally()))
            found[queue, action] = old._replace(tally=old.tally.plus(tally))
    return [found[cell] for cell in sorted(found)]


def run_times(book: Book, name: str, queue: str, below: int, limit: int) -> list[RunTime]:
    """All runs of the newest tasks of a handler in a queue; not of a backlog that is newer than what has run."""
    last = max(
        (row.number for row in book.rows.values() if row.task.status in RAN or row.task.why is Why.LAPSED), default=0
    )
    theirs = [
        row
        for row in book.rows.values()
        if row.task.name == name and row.task.queue == queue and row.number < below and row.number <= last
    ]
    return [time for row in nlargest(limit, theirs, key=lambda row: row.number) for time in times_of(row)]


def times_of(row: Row) -> list[RunTime]:
    """The runs of one task, by token; without one, a row that says so."""
    runs = [run for _, run in sorted(row.runs.items())] or [RunFact(0, 0, "")]
    return [
        RunTime(
            row.number,
            row.task.batch,
            row.task.policy.lease,
            row.task.policy.bundle,
            run.started_at,
            run.lease_until,
            run.ended_at,
            run.outcome,
            run.lost_at,
            run.failure,
        )
        for run in runs
    ]
