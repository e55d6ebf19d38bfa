"""What viewers see of a ledger in a relational database. Each call reads one snapshot and never waits for a writer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from leasehold.adapters.database.connection import Database, Row, Sql, Transaction
from leasehold.adapters.database.damage import unreadable
from leasehold.adapters.database.filtering import LAST, beginning_with, plan
from leasehold.adapters.database.inspection import inspect
from leasehold.adapters.database.metering import metered, run_time
from leasehold.adapters.database.oddities import RUN_COLUMNS, odd_run, odd_task, said
from leasehold.adapters.database.places import below
from leasehold.adapters.database.pulse import pulse
from leasehold.adapters.database.rows import STATES, TASK_COLUMNS, failure_of, task_of
from leasehold.adapters.database.searching import Search, search
from leasehold.core import finding
from leasehold.core.cursors import Listing
from leasehold.core.errors import BadCursor, LedgerDamaged
from leasehold.core.filters import NO_GROUP, Choice, Filter, parse
from leasehold.core.ids import may_end
from leasehold.core.metering import Metered
from leasehold.core.model import Audit, Status, Task
from leasehold.core.redaction import Redaction
from leasehold.core.reports import Malformed
from leasehold.core.units import CEILING
from leasehold.ports import listings
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

HOT = len(TASK_COLUMNS)
"""How many values of a row belong to ``task_of``."""
FEW = 10
"""Ids that ``find_id`` answers."""
AMBIGUOUS = 8
"""Characters of an id that may be its beginning or its end; after the first hyphen they can be only one of them."""
UNSHARED = 12
"""Characters at the end of an id that another one of ten million has with a chance of one in 28 million."""
RECENT = 200_000
"""Ids among which an end is looked for first."""
EVERY = 2**31 - 1
AT_ONE_TOKEN = 16  # runs: a queue that delivers a message twice at once makes two
NO_ERROR = "no error was reported: the machine went away each time"
"""What is said of failures that were concluded from silence; of these only the newest is dated."""
LONGEST_PLACE = 18
"""Digits of a place among outcomes: more fit no column."""
_PART_OF_ID = re.compile(r"[0-9A-Za-z-]+")


class DatabaseViews:
    """The read side of ``DatabaseLedger``, on the same database. See ``Views`` for the promises."""

    def __init__(self, database: Database, redaction: Redaction | None = None) -> None:
        """``redaction``: what of a task's arguments is not shown."""
        self.database = database
        self._redaction = redaction or Redaction()
        self._sql: Mapping[str, Sql] = {
            **database.sql("views"),
            **database.sql("pages"),
            **database.sql("recall"),
            **database.sql("metering"),
            **database.sql("pulse"),
        }

    # ------------------------------------------------------------ tasks

    def task(self, task_id: str) -> TaskView | None:
        """One task.

        Raises:
            LedgerDamaged: nobody can read its row.
        """
        rows = self._rows("task", id=task_id)
        if rows and (told := odd_task(rows[0][:HOT])):
            raise LedgerDamaged(unreadable(task_id, told))
        return self._seen(rows[0]) if rows else None

    def _seen(self, row: Row) -> TaskView:
        """A task as people may see it. Its result is the handler's own words, and is shown."""
        view = task_view(row)
        return view if view.arguments is None else view._replace(arguments=self._redaction.shown(view.arguments))

    def find_id(self, prefix: str) -> list[str]:
        """Up to 10 ids that begin or end with these characters."""
        part = prefix.strip().lower()
        if not _PART_OF_ID.fullmatch(part):
            return []
        with self.database.read() as tx:
            found = tx.rows(self._sql["ids from"], {**beginning_with(part), "limit": FEW})
            if may_end(part) and (not found or (len(found) < FEW and len(part) <= AMBIGUOUS)):
                found += self._ending(tx, part)
        return list(dict.fromkeys(task_id for (task_id,) in found))[:FEW]

    def _ending(self, tx: Transaction, part: str) -> list[Row]:
        """Ids that end so. No index has them: where no two ids share such an end, the newest are looked at first."""
        newest = tx.rows(self._sql["newest from"], {"nth": RECENT})
        asked = {"ending": f"%{part}", "limit": FEW}
        recent = {**asked, "low": newest[0][0]} if newest and len(part) >= UNSHARED else None
        if recent and (found := tx.rows(self._sql["ids ending"], recent)):
            return found
        return tx.rows(self._sql["ids ending"], {**asked, "low": ""})

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        """Newest first. What nobody can read is left out, and told."""
        asked = parse(filter_)
        below = LAST if cursor is None else asked.position(cursor)
        with self.database.read() as tx:
            sought = self._search(tx, asked)
            found = sought.newest(tx, self._sql, limit + 1, below)
            numbers = [str(number) for number, _ in found[:limit]]
            rows = tx.rows(self._sql["page"], {"numbers": tx.array(numbers)})
        odd = {row[0]: told for row in rows if (told := odd_task(row[:HOT]))}
        return Page(
            [self._seen(row) for row in rows if row[0] not in odd],
            asked.cursor(found[limit - 1][0]) if len(found) > limit else None,
            [unreadable(task_id, told) for task_id, told in odd.items()],
            sought.bound,
        )

    def count(self, filter_: str, ceiling: int = CEILING) -> int:
        """How many match, stopping at ``ceiling``; from counters where these know all that is asked."""
        asked = parse(filter_)
        with self.database.read() as tx:
            if is_counted(asked):
                ((total,),) = tx.rows(self._sql[counted_by(asked)], plan(tx, self._sql, asked).asked)
                return min(total, ceiling)
            return self._search(tx, asked).at_most(tx, self._sql, ceiling)

    def bound(self, filter_: str) -> Bound | None:
        """What of a filter of arguments is not looked for everywhere."""
        asked = parse(filter_)
        if not asked.args:
            return None
        with self.database.read() as tx:
            return self._search(tx, asked).bound

    def _search(self, tx: Transaction, asked: Filter) -> Search:
        finding.check_shown(asked.args, self._redaction)
        return search(tx, self._sql, asked, finding.LOOKED_AT)

    # ------------------------------------------------------------ outcomes

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the given tasks that have ended.

        Raises:
            LedgerDamaged: nobody can read how one of them ended, and whoever waits for it would do so for ever.
        """
        with self.database.read() as tx:
            rows = tx.rows(self._sql["outcomes"], {"ids": tx.array(task_ids)})
            for _, _, task_id, state, *_ in rows:
                if state not in STATES:
                    raise LedgerDamaged(unreadable(task_id, said("state", state)))
            return self._outcomes(tx, rows)

    def ended(self, batch: str, cursor: str | None = None, limit: int = 1_000) -> Page[Outcome]:
        """Outcomes of a batch in the order in which they were recorded."""
        after = ended_after(cursor)
        with self.database.read() as tx:
            rows = tx.rows(self._sql["ended"], {"batch": batch, "after": after, "limit": limit})
            return Page(self._outcomes(tx, rows), str(rows[-1][1] if rows else after))

    def _outcomes(self, tx: Transaction, rows: Sequence[Row]) -> list[Outcome]:
        failed = [str(row[0]) for row in rows if row[3] == Status.FAILED and not row[-1]]
        failures = dict(tx.rows(self._sql["failures of"], {"numbers": tx.array(failed)})) if failed else {}
        return [
            Outcome(task_id, STATES[state][0], ended_at, result, ref, reason, failure_of(failures.get(number)))
            for number, _, task_id, state, ended_at, result, ref, reason, _ in rows
            if state in STATES
        ]

    # ------------------------------------------------------------ one task's story

    def runs(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[RunView]:
        """Runs of a task, by token.

        Raises:
            LedgerDamaged: nobody can read one of them.
        """
        place = listings.runs_of(task_id).read(cursor)
        _, n, r, _ = place or (0, 0, 0, "")
        most = EVERY if limit is None else limit + AT_ONE_TOKEN
        found = [run_view(task_id, row) for row in self._rows("runs", id=task_id, n=n, r=r, limit=most)]
        return list(listings.after_run(place, found)[:limit])

    def audit(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
        """The audit trail, oldest first; that of a forgotten task too, as long as it is kept."""
        (after,) = listings.events_of(task_id).read(cursor) or (0,)
        asked = {"id": task_id, "after": after, "limit": EVERY if limit is None else limit}
        return [Audit(*row) for row in self._rows("audit", **asked) or self._rows("audit of forgotten", **asked)]

    # ------------------------------------------------------------ counts

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        """Counter cells that are not zero."""
        if batch is not None:
            cells = [count_of(row) for row in self._rows("counts of batch", batch=batch)]
            return [cell for cell in cells if queue in (None, cell.queue)]
        if queue is not None:
            return [count_of(row) for row in self._rows("counts of queue", queue=queue)]
        return [count_of(row) for row in self._rows("counts")]

    def failures(self, limit: int = 50, cursor: str | None = None) -> list[FailureGroup]:
        """Groups of failed tasks, largest first."""
        place = listings.FAILURES.read(cursor)
        with self.database.read() as tx:
            sizes: dict[tuple[str, str], int] = {}
            for row in tx.rows(self._sql["sums of state"], {"state": Status.FAILED.value}):
                _, _, name, group, tasks = row
                sizes[name, group] = sizes.get((name, group), 0) + tasks
            ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
            largest = [item for item in ordered if listings.behind(place, item[1], *item[0])][:limit]
            groups = {group for (_, group), _ in largest}
            known = {row[0]: row[1:] for row in tx.rows(self._sql["groups"], {"groups": tx.array(sorted(groups))})}
            return [self._failure_group(tx, name, group, known, tasks) for (name, group), tasks in largest]

    def _failure_group(
        self, tx: Transaction, name: str, group: str, known: Mapping[str, Row], tasks: int
    ) -> FailureGroup:
        asked = Filter(states=(Status.FAILED.value,), name=Choice((name,)), group=Choice((group or NO_GROUP,)))
        newest = plan(tx, self._sql, asked).newest(tx, self._sql, 1)
        kind, message, frame, first_at, last_at = known.get(group) or self._silent(tx, newest)
        return FailureGroup(
            id=group or NO_GROUP,
            name=name,
            type=kind,
            message=message,
            frame=frame,
            tasks=tasks,
            first_at=first_at,
            last_at=last_at,
            example=newest[0][1] if newest else "",
        )

    def _silent(self, tx: Transaction, newest: Sequence[tuple[int, str]]) -> Row:
        """What is told of tasks that failed without an error: when the newest did."""
        ids = tx.array([task_id for _, task_id in newest])
        outcomes = self._outcomes(tx, tx.rows(self._sql["outcomes"], {"ids": ids}))
        ended_at = max((one.ended_at for one in outcomes), default=0)
        return ("", NO_ERROR, "", ended_at, ended_at)

    def batches(self, limit: int = 50, cursor: str | None = None) -> list[BatchView]:
        """Newest first."""
        with self.database.read() as tx:
            found = self._older(tx, "batches", listings.BATCHES, limit, cursor)
            return [self._batch(tx, name, created_at) for name, created_at in found]

    def batch(self, name: str) -> BatchView | None:
        """One batch."""
        with self.database.read() as tx:
            found = tx.rows(self._sql["batch"], {"batch": name})
            return self._batch(tx, name, found[0][0]) if found else None

    def _batch(self, tx: Transaction, name: str, created_at: int) -> BatchView:
        counts = by_status(tx.rows(self._sql["counts of batch"], {"batch": name}))
        ((forgotten,),) = tx.rows(self._sql["forgotten of batch"], {"batch": name})
        return BatchView(name, created_at, counts, forgotten)

    def queues(self) -> list[QueueView]:
        """All queues that ever held a task."""
        with self.database.read() as tx:
            counts: dict[str, dict[str, int]] = {}
            for state, queue, _, _, tasks in tx.rows(self._sql["sums"]):
                of_queue = counts.setdefault(queue, {})
                of_queue[state] = of_queue.get(state, 0) + tasks
            found = tx.rows(self._sql["queues"])
        return [QueueView(name, bool(paused), counts.get(name, {})) for name, paused in found]

    # ------------------------------------------------------------ the house

    def pulse(self) -> Pulse:
        """How the ledger is doing at a glance."""
        with self.database.read() as tx:
            return pulse(tx, self._sql)

    def workers(self, limit: int = 50, cursor: str | None = None) -> list[WorkerView]:
        """Workers that run something, by name."""
        (after,) = listings.WORKERS.read(cursor) or ("",)
        return [WorkerView(*row) for row in self._rows("workers", limit=limit, after=after)]

    def requests(self, since: int, until: int) -> list[Metered]:
        """Requests to queues in the hours that began in [since, until)."""
        return metered(self.database, self._sql, since, until)

    def run_times(self, name: str, queue: str, below: int, limit: int) -> list[RunTime]:
        """All runs of the ``limit`` newest tasks of a handler in a queue with a number below this one."""
        with self.database.read() as tx:
            ((last,),) = tx.rows(self._sql["last that ran"])
            # not a backlog: it is newer than what has run, and may be millions
            given = {"name": name, "queue": queue, "below": min(below, (last or 0) + 1), "limit": limit}
            return [run_time(row) for row in tx.rows(self._sql["run times"], given)]

    def operations(self, limit: int = 50, cursor: str | None = None) -> list[Operation]:
        """Newest first."""
        with self.database.read() as tx:
            return [Operation(*row) for row in self._older(tx, "operations", listings.OPERATIONS, limit, cursor)]

    def operation(self, operation_id: str) -> Operation | None:
        """The operation of this whole id."""
        return next((Operation(*row) for row in self._rows("operation", id=operation_id)), None)

    def quarantine(self, limit: int = 50, cursor: str | None = None) -> list[tuple[int, Malformed]]:
        """(when, message): newest first."""
        with self.database.read() as tx:
            found = self._older(tx, "quarantine", listings.QUARANTINE, limit, cursor)
        return [(at, Malformed(*message)) for at, *message in found]

    def _older(
        self, tx: Transaction, name: str, listing: Listing[Any], limit: int, cursor: str | None
    ) -> Sequence[Row]:
        return tx.rows(self._sql[name], {"limit": limit, "below": below(tx, self._sql, listing, cursor)})

    def scan(self, chunk: int = 1_000) -> Iterator[Sequence[Task]]:
        """Every hot row in id order; each chunk is a snapshot of its own, so that no writer's log grows meanwhile."""
        after = ""
        while rows := self._rows("scan", after=after, limit=chunk):
            yield [task_of(row) for row in rows]
            after = rows[-1][0]

    def true_counts(self) -> list[Count]:
        """Counted from the tasks themselves, slowly."""
        return [count_of(row) for row in self._rows("true counts")]

    def inspect(self) -> AbstractContextManager[Inspection]:
        """A snapshot of everything, held until the block ends."""
        return inspect(self.database)

    def _rows(self, name: str, **given: object) -> list[Row]:
        with self.database.read() as tx:
            return tx.rows(self._sql[name], given)


def task_view(row: Row) -> TaskView:
    """From the columns of a task and its cold parts."""
    return TaskView(task_of(row[:HOT]), *row[HOT:])


def run_view(task_id: str, row: Row) -> RunView:
    """From the columns of a run and its output."""
    if told := odd_run(row[: len(RUN_COLUMNS)]):
        raise LedgerDamaged(unreadable(task_id, f"of one of its runs, {told}"))
    run = RunView(task_id, *row)
    return run._replace(failure=failure_of(row[11]))


def count_of(row: Row) -> Count:
    """From one counter cell."""
    queue, state, name, batch, group, tasks = row
    return Count(queue, name, batch or None, group or None, *STATES[state], tasks)


def by_status(cells: Sequence[Row]) -> dict[str, int]:
    """Counter cells added up by status."""
    counts: dict[str, int] = {}
    for _, state, _, _, _, tasks in cells:
        status = STATES[state][0].value
        counts[status] = counts.get(status, 0) + tasks
    return counts


def is_counted(asked: Filter) -> bool:
    """Whether the counters know everything that a filter asks."""
    return asked == Filter(
        states=asked.states, name=asked.name, queue=asked.queue, batch=asked.batch, group=asked.group
    )


def counted_by(asked: Filter) -> str:
    """The statement that counts: few have to look at each batch."""
    if asked.batch == Choice():
        return "counted"
    return "counted in batches" if asked.batch.wanted else "counted beside batches"


def ended_after(cursor: str | None) -> int:
    """Where a stream of outcomes goes on."""
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > LONGEST_PLACE:
        raise BadCursor(f"{cursor!r} is no cursor of a batch's outcomes. Take the one of the page before, or none")
    return int(cursor)
