"""A whole ledger in memory at one instant, for an audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from leasehold.adapters.memory.book import Book, Cell, Row, cell_of
from leasehold.adapters.memory.views import run_views
from leasehold.core.reports import FORGED
from leasehold.core.transitions import state_name
from leasehold.ports.inspection import NO_TRAIL, Inspected, LineCount, Miscount, Oddity, Quarantined, Trail


class MemoryInspection:
    """See ``Inspection``. Nobody writes while it is open."""

    def __init__(self, book: Book, now: int) -> None:
        self.now = now
        self._book = book

    def chunks(self, size: int = 2_000) -> Iterator[Sequence[Inspected]]:
        """Every task, in the order of submits."""
        rows = list(self._book.rows.values())
        for start in range(0, len(rows), size):
            yield [inspected(row) for row in rows[start : start + size]]

    def oddities(self) -> Sequence[Oddity]:
        """None: a trail lies in its row, and a row holds what was put there."""
        return ()

    def lines(self) -> Iterator[LineCount]:
        """The lines of all trails, by what they do."""
        found: Counter[tuple[str, str, str]] = Counter()
        examples: dict[tuple[str, str, str], str] = {}
        for row in self._book.rows.values():
            for line in row.audit:
                what = line.kind, line.before, line.after
                found[what] += 1
                examples.setdefault(what, row.task.id)
        for what, lines in sorted(found.items()):
            yield LineCount(*what, lines, examples[what])

    def miscounts(self, limit: int) -> Sequence[Miscount]:
        """Counters that differ from the tasks that they count."""
        true = Counter(cell_of(row.task) for row in self._book.rows.values())
        cells = [cell for cell in {**self._book.cells, **true} if self._book.cells[cell] != true[cell]]
        return [Miscount(named(cell), self._book.cells[cell] - true[cell]) for cell in cells[:limit]]

    def happened(self) -> Mapping[str, int]:
        """What was counted as it happened: starts and expiries."""
        counts: Counter[str] = Counter()
        for (_, what), times in self._book.happened.items():
            counts[what] += times
        counts["forgotten"] = self._book.gone_from.total()
        return +counts

    def quarantined(self) -> Quarantined:
        """What could not be understood or trusted."""
        forged = sum(message.reason.startswith(FORGED) for message in self._book.damaged)
        return Quarantined(len(self._book.damaged) - forged, forged)

    def last_report(self) -> int | None:
        """When a report was last recorded."""
        return max((at for row in self._book.rows.values() for at in row.heard.values()), default=None)


def inspected(row: Row) -> Inspected:
    """One task with what is on record of it."""
    runs = sorted(run_views(row), key=lambda run: (run.n, run.r))
    successes = sum(run.outcome == "completed" for run in runs)
    return Inspected(row.task, trail_of(row), successes, runs if len(runs) > 1 else ())


def trail_of(row: Row) -> Trail:
    """Its trail, summed up."""
    lines = row.audit
    if not lines:
        return NO_TRAIL
    jumps = sum(later.before != line.after or later.at < line.at for line, later in pairwise(lines))
    kinds = Counter(line.kind for line in lines)
    last = max(line.seq for line in lines)
    return Trail(len(lines), last, lines[-1].after, jumps, kinds["dispatched"], kinds["completed"])


def named(cell: Cell) -> tuple[str, ...]:
    """Queue, state, handler, batch and failure group, without those that are empty."""
    parts = (cell.queue, state_name(cell.status, cell.why), cell.name, cell.batch, cell.error_group)
    return tuple(part for part in parts if part)


@contextmanager
def inspect(book: Book, now: int) -> Generator[MemoryInspection]:
    """A snapshot, held until the block ends."""
    with book.lock:
        yield MemoryInspection(book, now)
