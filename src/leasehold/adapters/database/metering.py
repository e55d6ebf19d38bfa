"""Requests to queues, by the hour: noted by whoever counted them, added up by the sweeper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from leasehold.adapters.database.connection import Database, Row, Sql, Transaction
from leasehold.adapters.database.rows import failure_of
from leasehold.adapters.database.tally import HAPPENED
from leasehold.adapters.database.tally import Tally as Deltas
from leasehold.core.happening import Happened
from leasehold.core.metering import DEAD, EVENTS, STATUS, TASKS, Action, Count, Metered, Tally
from leasehold.core.units import HOUR
from leasehold.ports.views import RunTime

UNKNOWN = "unknown"
"""Where requests are counted to queues that never held a task: whoever may report could think of any number of them."""

AT_ONCE = 10_000
"""Notes that are added up in one transaction."""

Cells = dict[tuple[int, str, str], Tally]


def note(tx: Transaction, sql: Mapping[str, Sql], counts: Sequence[Count], times: Sequence[Happened]) -> None:
    """Append what was counted: a row for each hour, queue and action, and one for each step of durations."""
    rows = added_up((tx.now - each.age, each.queue, each.action.value, each.tally) for each in counts)
    tx.run_many(sql["note requests"], [(*cell, *tally) for cell, tally in sorted(rows.items())])
    happened = Deltas()
    for queue, what, more in times:
        happened.happened(queue, f"{HAPPENED}{what}", more)
    happened.save(tx, sql)


def fold(tx: Transaction, sql: Mapping[str, Sql], before: int) -> int:
    """Add up what was noted, in one order, so that two who do it at once cannot lock each other out; forget the old."""
    rows = tx.rows(sql["request deltas"], {"limit": AT_ONCE})
    if rows:
        known = known_queues(tx, sql)
        cells = added_up(
            (hour, queue if queue in known else UNKNOWN, action, Tally(*tally))
            for _, hour, queue, action, *tally in rows
        )
        tx.run_many(sql["fold requests"], [(*cell, *tally) for cell, tally in sorted(cells.items())])
        tx.run(sql["drop request deltas"], {"numbers": tx.array([str(row[0]) for row in rows])})
    tx.run(sql["forget requests"], {"before": before})
    return len(rows)


def added_up(counted: Iterable[tuple[int, str, str, Tally]]) -> Cells:
    """By the hour."""
    cells: Cells = {}
    for at, queue, action, tally in counted:
        cell = (at // HOUR * HOUR, queue, action)
        cells[cell] = tally.plus(cells.get(cell, Tally()))
    return cells


def known_queues(tx: Transaction, sql: Mapping[str, Sql]) -> frozenset[str]:
    """Those to which requests are counted by name."""
    return frozenset({STATUS, DEAD, EVENTS, *(f"{TASKS}{name}" for (name,) in tx.rows(sql["known queues"]))})


def metered(database: Database, sql: Mapping[str, Sql], since: int, until: int) -> list[Metered]:
    """By queue and action, from the first hour on in which something was counted; the same before folding and after."""
    with database.read() as tx:
        known, rows = known_queues(tx, sql), tx.rows(sql["requests"], {"since": since, "until": until})
    found: dict[tuple[str, str], Metered] = {}
    for hour, queue, action, *tally in rows:
        name = queue if queue in known else UNKNOWN
        old = found.get((name, action), Metered(hour, name, Action(action), Tally()))
        found[name, action] = old._replace(hour=min(hour, old.hour), tally=old.tally.plus(Tally(*tally)))
    return [found[cell] for cell in sorted(found)]


def run_time(row: Row) -> RunTime:
    """From the columns of a run and its task."""
    return RunTime(*row[:-1], failure=failure_of(row[-1]))
