"""Reading the counters, and folding their deltas."""

from __future__ import annotations

from collections.abc import Mapping

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.tally import EXPIRED, STARTED, Cell
from leasehold.core.transitions import BLOCKED, DUE, IN_PROGRESS, LAPSED, QUEUED, SCHEDULED
from leasehold.ports.ledger import Flight

UNFINISHED = (BLOCKED, SCHEDULED, DUE, QUEUED, LAPSED, IN_PROGRESS)
AT_ONCE = 10_000
"""Deltas folded in one transaction."""


def fold(tx: Transaction, sql: Mapping[str, Sql]) -> int:
    """Add deltas up, drop them, and drop the cells that have come to nothing; how many deltas."""
    cells: dict[Cell, int] = {}
    numbers: list[str] = []
    for number, tasks, *cell in tx.rows(sql["deltas"], {"limit": AT_ONCE}):
        numbers.append(str(number))
        cells[tuple(cell)] = cells.get(tuple(cell), 0) + tasks
    if numbers:
        rows = sorted(cells.items())  # in one order, so that two who fold at once cannot lock each other out
        tx.run_many(sql["fold cell"], [(*cell, tasks) for cell, tasks in rows])
        tx.run_many(sql["drop empty cell"], [cell for cell, _ in rows])
        fold_sums(tx, sql, cells)
        tx.run(sql["drop deltas"], {"numbers": tx.array(numbers)})
    return len(numbers)


def fold_sums(tx: Transaction, sql: Mapping[str, Sql], cells: Mapping[Cell, int]) -> None:
    """The same without the batches."""
    sums: dict[tuple[str, str, str, str], int] = {}
    for (queue, state, name, _, group), tasks in cells.items():
        key = (state, queue, name, group)
        sums[key] = sums.get(key, 0) + tasks
    rows = sorted(sums.items())
    tx.run_many(sql["fold sum"], [(*key, tasks) for key, tasks in rows])
    tx.run_many(sql["drop empty sum"], [key for key, _ in rows])


def flights(tx: Transaction, sql: Mapping[str, Sql]) -> dict[str, Flight]:
    """How full each queue is that has tasks without an outcome."""
    queues: dict[str, dict[str, int]] = {}
    for queue, state, tasks in tx.rows(sql["flights"]):
        queues.setdefault(queue, {})[state] = tasks
    paused = {name for (name,) in tx.rows(sql["paused queues"])}
    return {
        name: flight(cells, paused=name in paused)
        for name, cells in queues.items()
        if any(cells.get(state, 0) for state in UNFINISHED)
    }


def flight(cells: Mapping[str, int], *, paused: bool) -> Flight:
    """From the counts of one queue by state."""
    return Flight(
        due=cells.get(DUE, 0),
        queued=cells.get(QUEUED, 0),
        in_progress=cells.get(IN_PROGRESS, 0),
        lapsed=cells.get(LAPSED, 0),
        paused=paused,
        started=cells.get(STARTED, 0),
        expired=cells.get(EXPIRED, 0),
    )
