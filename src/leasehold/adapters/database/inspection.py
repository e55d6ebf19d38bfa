"""The whole ledger in one snapshot, chunk by chunk, for an audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter

from leasehold.adapters.database.connection import Database, Row, Sql, Transaction
from leasehold.adapters.database.rows import TASK_COLUMNS, task_of
from leasehold.adapters.database.tally import CELL, HAPPENED, Cell
from leasehold.core.reports import FORGED
from leasehold.ports.inspection import NO_TRAIL, Inspected, LineCount, Miscount, Quarantined, Trail
from leasehold.ports.views import RunView

NOT_ASKED = (None, None, None, None, None, 0)
"""How far a run was, why it failed, and its log."""
OF_CELL = itemgetter(*(1 + TASK_COLUMNS.index(name) for name in CELL))
"""The columns of a cell in a row, behind the number."""
ALL_BATCHES = "(all batches)"
CHUNK = 2_000
"""Tasks whose trails are summed up at once, at most: a few MB."""


class DatabaseInspection:
    """See ``Inspection``. Lives as long as the transaction that it reads in."""

    def __init__(self, tx: Transaction, sql: Mapping[str, Sql]) -> None:
        self.now = tx.now
        self._tx = tx
        self._sql = sql
        self._lines: dict[tuple[str, str, str], tuple[int, int]] = {}
        """(kind, before, after) -> (lines, number of a task): gathered chunk by chunk; there are as many as rules."""
        self._cells: Counter[Cell] = Counter()
        """How many tasks stand in each cell: gathered in the same way, since one sum over all tasks takes too long."""

    def chunks(self, size: int = CHUNK) -> Iterator[Sequence[Inspected]]:
        """Every task, in the order of submits."""
        self._lines.clear()
        self._cells.clear()
        above = 0
        while rows := self._tx.rows(self._sql["chunk"], {"above": above, "limit": size}):
            span = {"above": above, "up_to": rows[-1][0]}
            yield self._chunk(rows, span)
            above = rows[-1][0]

    def _chunk(self, rows: Sequence[Row], span: Mapping[str, object]) -> list[Inspected]:
        for kind, before, after, lines, number in self._tx.rows(self._sql["lines"], span):
            known, first = self._lines.get((kind, before, after), (0, number))
            self._lines[kind, before, after] = (known + lines, first)
        self._cells.update(map(cell_in, rows))
        trails = {number: Trail(*told) for number, *told in self._tx.rows(self._sql["trails"], span)}
        counted = {number: told for number, *told in self._tx.rows(self._sql["runs"], span)}
        runs = self._runs([number for number, (count, _) in counted.items() if count > 1], rows)
        return [
            Inspected(
                task_of(tuple(row)), trails.get(number, NO_TRAIL), counted.get(number, (0, 0))[1], runs.get(number, ())
            )
            for number, *row in rows
        ]

    def _runs(self, numbers: Sequence[int], rows: Sequence[Row]) -> dict[int, list[RunView]]:
        found: dict[int, list[RunView]] = {}
        if numbers:
            ids = {row[0]: row[1] for row in rows}
            given = {"numbers": self._tx.array([str(number) for number in numbers])}
            for number, *run in self._tx.rows(self._sql["runs of"], given):
                view = RunView._make((ids.get(number, ""), *run, *NOT_ASKED))
                found.setdefault(number, []).append(view)
        return found

    def lines(self) -> Iterator[LineCount]:
        """The lines of all trails of the chunks read so far, by what they do."""
        for (kind, before, after), (lines, number) in sorted(self._lines.items()):
            ids = self._tx.rows(self._sql["id of"], {"number": number})
            yield LineCount(kind, before, after, lines, ids[0][0] if ids else "")

    def miscounts(self, limit: int) -> Sequence[Miscount]:
        """Counters that differ from the tasks that they count."""
        sums: Counter[Cell] = Counter()
        for (queue, state, name, _, group), tasks in self._cells.items():
            sums[queue, state, name, ALL_BATCHES, group] += tasks
        cells = {(*cell,): tasks for *cell, tasks in self._tx.rows(self._sql["counted cells"])}
        rows = self._tx.rows(self._sql["counted sums"])
        counted = {(queue, state, name, ALL_BATCHES, group): tasks for state, queue, name, group, tasks in rows}
        wrong = [*gaps(cells, self._cells), *gaps(counted, sums)]
        return [Miscount(tuple(part for part in cell if part), gap) for cell, gap in wrong[:limit]]

    def happened(self) -> Mapping[str, int]:
        """What was counted as it happened."""
        return {state.removeprefix(HAPPENED): count for state, count in self._tx.rows(self._sql["happened"])}

    def quarantined(self) -> Quarantined:
        """What could not be understood or trusted."""
        ((count, forged),) = self._tx.rows(self._sql["quarantined"], {"forged": FORGED})
        return Quarantined(count - forged, forged)

    def last_report(self) -> int | None:
        """When a report was last recorded."""
        ((at,),) = self._tx.rows(self._sql["last report"])
        return at


def cell_in(row: Row) -> Cell:
    """Where a task is counted, by its row."""
    queue, state, name, batch, group = OF_CELL(row)
    return queue, state, name, batch or "", group or ""


def gaps(counted: Mapping[Cell, int], true: Mapping[Cell, int]) -> list[tuple[Cell, int]]:
    """By how much each count is too high, where it is wrong."""
    cells = sorted({**counted, **true})
    found = [(cell, counted.get(cell, 0) - true.get(cell, 0)) for cell in cells]
    return [(cell, gap) for cell, gap in found if gap]


@contextmanager
def inspect(database: Database) -> Generator[DatabaseInspection]:
    """A snapshot, held until the block ends."""
    with database.read() as tx:
        yield DatabaseInspection(tx, database.sql("inspection"))
