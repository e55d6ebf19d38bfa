"""Folding the counters' deltas."""

from __future__ import annotations

from collections.abc import Mapping

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.tally import Cell

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
        tx.run(sql["drop deltas"], {"numbers": tx.array(numbers)})
    return len(numbers)
