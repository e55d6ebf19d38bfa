"""What viewers see of a ledger in memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from leasehold.adapters.memory import metering
from leasehold.adapters.memory.book import Book, Row, cell_of
from leasehold.adapters.memory.matching import look
from leasehold.adapters.memory.pulse import pulse
from leasehold.core.cursors import Place
from leasehold.core.errors import BadCursor
from leasehold.core.filters import NO_GROUP, parse
from leasehold.core.metering import Metered
from leasehold.core.model import Audit, Failure, Status, Task
from leasehold.core.reports import Malformed, Payload
from leasehold.core.transitions import state_name
from leasehold.core.units import CEILING
from leasehold.ports import listings
from leasehold.ports.clock import Clock
from leasehold.ports.inspection import Inspection
from leasehold.ports.ledger import Operation
from leasehold.ports.pulse import Pulse
from leasehold.ports.views import (
    BatchView,
    Bound,
    Count,
    FailureGroup,
    Outcome,
    Page,
    QueueView,
    RunTime,
    RunView,
    TaskView,
    WorkerView,
)

T = TypeVar("T")
FEW = 10
"""Ids that ``find_id`` answers."""
NO_ERROR = "no error was reported: the machine went away each time"
NOTHING = Payload()
_PART_OF_ID = re.compile(r"[0-9A-Za-z-]+")


class MemoryViews:
    """The read side of ``MemoryLedger``, on the same book. See ``Views`` for the promises."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    # ------------------------------------------------------------ tasks

    def task(self, task_id: str) -> TaskView | None:
        """One task."""
        with self._book.lock:
            row = self._book.rows.get(task_id)
            return None if row is None else task_view(row)

    def find_id(self, prefix: str) -> list[str]:
        """Up to 10 ids that begin or end with these characters."""
        part = prefix.strip().lower()
        if not _PART_OF_ID.fullmatch(part):
            return []
        with self._book.lock:
            ids = sorted(self._book.rows)
        found = [task_id for task_id in ids if task_id.startswith(part)][:FEW]
        found += [task_id for task_id in reversed(ids) if task_id.endswith(part)][:FEW]
        return list(dict.fromkeys(found))[:FEW]

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        """Newest first."""
        asked = parse(filter_)
        below = None if cursor is None else asked.position(cursor)
        with self._book.lock:
            looked = look(self._book, asked, self._clock.now())
            found = [row for row in looked.rows if below is None or row.number < below]
            more = asked.cursor(found[limit - 1].number) if len(found) > limit else None
            return Page([task_view(row) for row in found[:limit]], more, bound=looked.bound)

    def count(self, filter_: str, ceiling: int = CEILING) -> int:
        """How many match, stopping at ``ceiling``."""
        asked = parse(filter_)
        with self._book.lock:
            return min(ceiling, len(look(self._book, asked, self._clock.now()).rows))

    def bound(self, filter_: str) -> Bound | None:
        """What of a filter of arguments is not looked for everywhere."""
        asked = parse(filter_)
        with self._book.lock:
            return look(self._book, asked, self._clock.now()).bound

    # ------------------------------------------------------------ outcomes

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the given tasks that have ended."""
        with self._book.lock:
            rows = [row for task_id in task_ids if (row := self._book.rows.get(task_id)) is not None]
            return [outcome(row) for row in rows if row.task.terminal]

    def ended(self, batch: str, cursor: str | None = None, limit: int = 1_000) -> Page[Outcome]:
        """Outcomes of a batch in the order in which they were recorded."""
        if cursor is not None and not cursor.isdecimal():
            raise BadCursor(f"{cursor!r} is no cursor of a batch's outcomes. Take the one of the page before, or none")
        after = int(cursor or 0)
        with self._book.lock:
            placed = [(row.ended_no, row) for row in self._book.rows.values() if row.task.batch == batch]
            later = sorted((no, row.number, row) for no, row in placed if no is not None and no > after)[:limit]
            return Page([outcome(row) for _, _, row in later], str(later[-1][0] if later else after))

    # ------------------------------------------------------------ one task's story

    def runs(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[RunView]:
        """Runs of a task, by token."""
        place = listings.runs_of(task_id).read(cursor)
        with self._book.lock:
            row = self._book.rows.get(task_id)
            found = [] if row is None else sorted(run_views(row), key=in_order)
        since = (0, 0) if place is None else place[1:3]
        return list(listings.after_run(place, [run for run in found if (run.n, run.r) >= since])[:limit])

    def audit(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
        """The audit trail, oldest first; that of a forgotten task too, as long as it is kept."""
        (after,) = listings.events_of(task_id).read(cursor) or (0,)
        with self._book.lock:
            row, gone = self._book.rows.get(task_id), self._book.forgotten.get(task_id)
            trail = list(row.audit if row is not None else gone.trail if gone is not None else ())
        return [line for line in trail if line.seq > int(after)][:limit]

    # ------------------------------------------------------------ counts

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        """Counter cells that are not zero."""
        with self._book.lock:
            cells = [Count(*cell, tasks) for cell, tasks in self._book.cells.items()]
        return [cell for cell in cells if queue in (None, cell.queue) and batch in (None, cell.batch)]

    def inspect(self) -> AbstractContextManager[Inspection]:
        """A snapshot of everything, held until the block ends."""
        from leasehold.adapters.memory.inspection import inspect  # noqa: PLC0415 - it shows runs as the views do

        return inspect(self._book, self._clock.now())

    def true_counts(self) -> list[Count]:
        """Counted from the tasks themselves."""
        with self._book.lock:
            cells = Counter(cell_of(row.task) for row in self._book.rows.values())
        return [Count(*cell, tasks) for cell, tasks in cells.items()]

    def failures(self, limit: int = 50, cursor: str | None = None) -> list[FailureGroup]:
        """Groups of failed tasks, largest first."""
        place = listings.FAILURES.read(cursor)
        with self._book.lock:
            groups: dict[tuple[str, str], list[Row]] = {}
            for row in self._book.rows.values():
                if row.task.status is Status.FAILED:
                    groups.setdefault((row.task.name, row.task.error_group or ""), []).append(row)
            ordered = sorted(groups.items(), key=lambda each: (-len(each[1]), each[0]))
            largest = [each for each in ordered if listings.behind(place, len(each[1]), *each[0])][:limit]
            return [self._failure_group(name, group, rows) for (name, group), rows in largest]

    def _failure_group(self, name: str, group: str, rows: Sequence[Row]) -> FailureGroup:
        known, newest = self._book.groups.get(group), rows[-1].task
        at = newest.ended_at or 0
        return FailureGroup(
            id=group or NO_GROUP,
            name=name,
            type=known.type if known else "",
            message=known.message if known else NO_ERROR,
            frame=known.frame if known else "",
            tasks=len(rows),
            first_at=known.first_at if known else at,
            last_at=known.last_at if known else at,
            example=newest.id,
        )

    def batches(self, limit: int = 50, cursor: str | None = None) -> list[BatchView]:
        """Newest first."""
        with self._book.lock:
            names = behind(list(reversed(self._book.batches)), listings.BATCHES.read(cursor), lambda name: (name,))
            return [self._batch(name) for name in names[:limit]]

    def batch(self, name: str) -> BatchView | None:
        """One batch."""
        with self._book.lock:
            return self._batch(name) if name in self._book.batches else None

    def _batch(self, name: str) -> BatchView:
        created_at = self._book.batches[name].created_at
        return BatchView(name, created_at, by_status(self.counts(batch=name)), self._book.gone_from[name])

    def queues(self) -> list[QueueView]:
        """All queues that ever held a task, or were paused."""
        with self._book.lock:
            paused = sorted(self._book.paused.items())
            return [QueueView(name, is_paused, by_state(self.counts(queue=name))) for name, is_paused in paused]

    def workers(self, limit: int = 50, cursor: str | None = None) -> list[WorkerView]:
        """Workers that run something, by name."""
        (after,) = listings.WORKERS.read(cursor) or ("",)
        with self._book.lock:
            leases: dict[str, list[int]] = {}
            for row in self._book.rows.values():
                if row.task.status is Status.IN_PROGRESS and row.task.worker is not None:
                    leases.setdefault(row.task.worker, []).append(row.task.lease_until)
        named = [(name, ends) for name, ends in sorted(leases.items()) if name > str(after)]
        return [WorkerView(name, len(ends), min(ends), max(ends)) for name, ends in named][:limit]

    # ------------------------------------------------------------ the house

    def pulse(self) -> Pulse:
        """How the ledger is doing at a glance."""
        with self._book.lock:
            return pulse(self._book, self._clock.now())

    def requests(self, since: int, until: int) -> list[Metered]:
        """Requests to queues in the hours that began in [since, until)."""
        with self._book.lock:
            return metering.metered(self._book, since, until)

    def run_times(self, name: str, queue: str, below: int, limit: int) -> list[RunTime]:
        """All runs of the ``limit`` newest tasks of a handler in a queue with a number below this one."""
        with self._book.lock:
            return metering.run_times(self._book, name, queue, below, limit)

    def operations(self, limit: int = 50, cursor: str | None = None) -> list[Operation]:
        """Newest first."""
        with self._book.lock:
            newest = list(reversed(self._book.operations.values()))
        return behind(newest, listings.OPERATIONS.read(cursor), listings.OPERATIONS.place)[:limit]

    def operation(self, operation_id: str) -> Operation | None:
        """The operation of this whole id."""
        with self._book.lock:
            return self._book.operations.get(operation_id)

    def quarantine(self, limit: int = 50, cursor: str | None = None) -> list[tuple[int, Malformed]]:
        """(when, message): newest first."""
        with self._book.lock:
            newest = [(at, message) for message, at in reversed(self._book.damaged.items())]
        return behind(newest, listings.QUARANTINE.read(cursor), listings.QUARANTINE.place)[:limit]

    def scan(self, chunk: int = 1_000) -> Iterator[Sequence[Task]]:
        """Every hot row in id order."""
        with self._book.lock:
            tasks = [self._book.rows[task_id].task for task_id in sorted(self._book.rows)]
        for start in range(0, len(tasks), chunk):
            yield tasks[start : start + chunk]


def behind(rows: list[T], place: Place | None, place_of: Callable[[T], Place]) -> list[T]:
    """The rows after the one at that place; none where it is gone."""
    if place is None:
        return rows
    places = [place_of(row) for row in rows]
    return rows[places.index(place) + 1 :] if place in places else []


def task_view(row: Row) -> TaskView:
    """A task with its cold parts; how far it is, is what its current run said."""
    task, result = row.task, row.result or NOTHING
    run = row.runs.get((task.n, task.r, task.run_id or ""))
    fraction, note = (None, None) if run is None else (run.fraction, run.note)
    given = row.key, row.arguments, row.arguments_ref
    return TaskView(task, *given, result.result, result.result_ref, fraction, note, row.tenant)


def run_views(row: Row) -> Iterator[RunView]:
    """Its runs, with what each of them brought."""
    for key, run in row.runs.items():
        output = row.outputs.get(key, NOTHING)
        rest = run._asdict()
        for name in ("n", "r", "run_id"):
            del rest[name]
        yield RunView(row.task.id, *key, **rest, log=output.log, log_ref=output.log_ref, log_bytes=output.log_bytes)


def in_order(run: RunView) -> tuple[int, int, bool, int, str]:
    """By token; of one token, the one first that began first."""
    return run.n, run.r, run.started_at is not None, run.started_at or 0, run.run_id


def outcome(row: Row) -> Outcome:
    """How a task ended."""
    task, result = row.task, row.result or NOTHING
    failed = task.status is Status.FAILED and not task.inferred
    return Outcome(
        task.id,
        task.status,
        task.ended_at or 0,
        result.result,
        result.result_ref,
        task.reason,
        last_failure(row) if failed else None,
    )


def last_failure(row: Row) -> Failure | None:
    """Of several failed runs the newest."""
    failed = [(run.n, run.r, run.failure) for run in row.runs.values() if run.failure is not None]
    return max(failed, key=lambda each: each[:2])[2] if failed else None


def by_status(cells: Iterable[Count]) -> dict[str, int]:
    """Counter cells added up by status."""
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[cell.status.value] += cell.tasks
    return dict(counts)


def by_state(cells: Iterable[Count]) -> dict[str, int]:
    """Counter cells added up by state."""
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[state_name(cell.status, cell.why)] += cell.tasks
    return dict(counts)
