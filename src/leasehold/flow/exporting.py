"""Tasks as files: JSON lines and CSV, a page of the walk at a time, so that no export is ever held as a whole.

A walk is no snapshot: whatever comes or ends meanwhile, each task that is there all the while is in it once, as it is
when its page is read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from leasehold.core.redaction import Redaction
from leasehold.flow import shapes
from leasehold.flow.large import whole
from leasehold.ports.store import Store
from leasehold.ports.views import Page, TaskView, Views

PAGE = 500
"""Tasks that are read at once."""
COLUMNS = ("id", "handler", "key", "status", "ended_at", "attempts", "losses", "reason", "arguments", "result")
"""Of the CSV; JSON lines have all that is known of a task in a list."""
PIECE = 65_536
"""Characters of small rows that are written at once."""
PACKED = ("arguments", "result")
"""Columns that hold JSON."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for something to compute."""

Row = Mapping[str, object]
Write = Callable[[Iterable[Row]], str]


def pages(views: Views, filter_: str, told: Callable[[str], None] = lambda _: None) -> Iterator[Sequence[TaskView]]:
    """All tasks that fit, newest first; ``told`` hears of each that nobody can read. Raises ``BadFilter`` at once."""
    first = views.tasks(filter_, limit=PAGE)
    return further(views, filter_, first, told)


def further(
    views: Views, filter_: str, page: Page[TaskView], told: Callable[[str], None]
) -> Iterator[Sequence[TaskView]]:
    """From a page on."""
    while True:
        for sentence in page.unreadable:
            told(sentence)
        yield page.rows
        if page.cursor is None:
            return
        page = views.tasks(filter_, cursor=page.cursor, limit=PAGE)


def exported(view: TaskView, store: Callable[[], Store], redaction: Redaction) -> shapes.Shape:
    """One task with what it was given and what came of it, large values included."""
    arguments = whole(store, view.arguments, view.arguments_ref)
    return {
        **shapes.task(view),
        "arguments": redaction.covered(shapes.parsed(arguments)),
        "result": shapes.parsed(whole(store, view.result, view.result_ref)),
    }


def pieces(write: Write, rows: Iterable[Row]) -> Iterator[str]:
    """Rows as text, each written before the next one is made: of large values one is held at a time."""
    held: list[str] = []
    size = 0
    for text in map(write, ([row] for row in rows)):
        held.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)


def as_lines(rows: Iterable[Row]) -> str:
    """JSON lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def as_csv(rows: Iterable[Row]) -> str:
    """Rows of CSV, arguments and result as JSON text; cells that a spreadsheet would compute are made text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        packed = {**row, **{name: json.dumps(row[name], ensure_ascii=False) for name in PACKED}}
        writer.writerow([harmless(packed[name]) for name in COLUMNS])
    return text.getvalue()


def head() -> str:
    """The first line of CSV."""
    return f"{','.join(COLUMNS)}\n"


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: it gets an apostrophe, unless it is a plain number."""
    if not isinstance(cell, str) or not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
