"""How things look: JSON for programs, tables and times for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from leasehold.core.printable import printable
from leasehold.core.units import say_count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

T = TypeVar("T")
READABLE = 100
"""Characters; longer lines are hard to read."""
WIDE = 140
"""From this width on, tables show their wide columns too; into a file they always do."""
UNBOUNDED = 10_000
GAP = 2
LEAST = 8
"""Columns that give way keep this many characters."""
TAIL = 12
"""Characters of an id's end that tell tasks apart on a narrow screen; any part of an id can be pasted back."""

STYLES = {
    "completed": "green",
    "failed": "red",
    "in_progress": "cyan",
    "pending": "yellow",
    "cancelled": "bright_black",
}


def emit(document: object) -> None:
    """One JSON document."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def emit_lines(documents: Iterable[object]) -> None:
    """JSON lines."""
    for document in documents:
        click.echo(json.dumps(document, ensure_ascii=False))


def note(sentence: str) -> None:
    """Something for people beside the output proper: on standard error."""
    click.echo(sentence, err=True)


def say(text: str) -> None:
    """A paragraph on standard output, wrapped between words where a person reads it."""
    if sys.stdout.isatty():
        text = click.wrap_text(text, width=min(READABLE, get_terminal_size().columns))
    click.echo(text)


def console(*, stderr: bool = False) -> Console:
    """Where tables go: as wide as the terminal, or as wide as needed; without colour where none is wanted."""
    from rich.console import Console

    plain = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if plain.is_terminal:
        return plain
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=UNBOUNDED)


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column: its title, and how a row fills it."""

    title: str
    cell: Callable[[T], str]
    wide: bool = False
    """Only where there is room."""
    right: bool = False
    give: bool = False
    """Gives way first: it is cut where the line is too short."""
    style: Callable[[T], str] | None = None


def show_table(rows: Sequence[T], columns: Sequence[Column[T]], empty: str) -> None:
    """A table that fits the screen, or one sentence where there is nothing to show."""
    if not rows:
        note(empty)
        return
    out = console()
    out.print(drawn(rows, columns, out.width))


def drawn(rows: Sequence[T], columns: Sequence[Column[T]], room: int) -> Table:
    """A table of so many characters at most, if that can be."""
    from rich.table import Table
    from rich.text import Text

    shown = [column for column in columns if not column.wide or room >= WIDE]
    cells = [[clean(column.cell(row)) for column in shown] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for column, width in zip(shown, widths(shown, cells, room), strict=True):
        justify = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for row, line in zip(rows, cells, strict=True):
        styles = (column.style(row) if column.style else "" for column in shown)
        table.add_row(*(Text(cell, style) for cell, style in zip(line, styles, strict=True)))
    return table


def widths(columns: Sequence[Column[T]], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide each column is: as wide as its widest cell, unless the line is too short; then some give way.

    Of those that give way the widest are cut first, to one and the same width.
    """
    from rich.cells import cell_len

    wanted: list[int] = [
        max(cell_len(text) for text in (column.title, *column_cells))
        for column, column_cells in zip(columns, zip(*cells, strict=True), strict=True)
    ]
    giving: dict[int, int] = {place: wanted[place] for place, column in enumerate(columns) if column.give}
    left = room - GAP * len(columns) - sum(wanted) + sum(giving.values())
    while giving:
        fair = left // len(giving)
        small = {place: width for place, width in giving.items() if width <= fair}
        if not small:
            return [max(LEAST, fair) if place in giving else width for place, width in enumerate(wanted)]
        left -= sum(small.values())
        giving = {place: width for place, width in giving.items() if place not in small}
    return wanted


def clean(text: str) -> str:
    """One line that cannot move the cursor."""
    return printable(" ".join(text.split()))


def short(task_id: str) -> str:
    """The end of an id on a narrow screen, the whole id elsewhere."""
    return task_id if console().width >= WIDE else task_id[-TAIL:]


def status_style(status: str) -> str:
    """The colour of a status."""
    return STYLES.get(status, "")


def plural(count: int, noun: str, ceiling: int | None = None) -> str:
    """``1 task``, ``1,234 tasks``, ``10,000+ tasks``."""
    return f"{say_count(count, ceiling)} {noun}{'' if count == 1 else 's'}"
