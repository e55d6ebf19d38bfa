"""The demo's two tables: what was heard, and what went wrong and how it was put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from leasehold.demo.report import TaskRow, mishaps, wrong

NOTHING: Final = "-"
WIDE: Final = 100
"""Columns from which on there is room for everything."""
WIDEST: Final = 120
"""Columns beyond which the eye loses its line."""


def transcripts_table(rows: Sequence[TaskRow], width: int) -> Table:
    """Show what was heard in each recording, with the words that differ from those that were said."""
    wide = width >= WIDE
    table = plain_table("Transcripts", width)
    table.add_column("file", no_wrap=True)
    table.add_column("what was heard [said/heard]", ratio=1)
    table.add_column("wrong", justify="right", no_wrap=True)
    if wide:
        table.add_column("length", justify="right", no_wrap=True)
        table.add_column("runs", justify="right")
    table.add_column("resumed at", justify="right", no_wrap=True)
    for row in rows:
        more = [Text(f"{row.seconds:.1f} s" if row.seconds else NOTHING), runs(row)] if wide else []
        table.add_row(Text(row.file), words(row), errors(row), *more, resumed(row))
    return table


def mishaps_table(rows: Sequence[TaskRow], width: int) -> Table:
    """Show what went wrong and how it was put right."""
    table = plain_table("What went wrong, and how it was put right", width, leading=1)
    table.add_column("file", no_wrap=True)
    table.add_column("what went wrong", ratio=1)
    table.add_column("how it was put right", ratio=1)
    for mishap in mishaps(rows):
        right = Text(mishap.right, style="green" if mishap.mended else "red")
        table.add_row(Text(mishap.file), Text(mishap.wrong), right)
    return table


def plain_table(title: str, width: int, leading: int = 0) -> Table:
    """A table with one line below its heads, and none beside."""
    return Table(
        title=title,
        width=min(width, WIDEST),
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        header_style="dim",
        pad_edge=False,
        show_edge=False,
        leading=leading,
    )


def words(row: TaskRow) -> Text:
    """Show what was heard; a word that was said otherwise, as ``[said/heard]``."""
    if row.heard is None:
        return Text(wrong(row, row.runs[-1]) if row.runs else "not transcribed", style="red")
    if row.spoken is None:
        return Text(row.heard)
    return Text(" ").join(compared(row.spoken.split(), row.heard.split()))


def compared(said: list[str], heard: list[str]) -> Iterator[Text]:
    """Yield the words heard, those that differ together with what was said instead."""
    for kind, a, b, c, d in SequenceMatcher(None, said, heard, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Text(" ".join(heard[c:d]))
        else:
            yield Text(f"[{' '.join(said[a:b]) or NOTHING}/{' '.join(heard[c:d]) or NOTHING}]", style="yellow")


def errors(row: TaskRow) -> Text:
    """Show how many of the words said were heard wrongly."""
    if row.score is None:
        return Text(NOTHING, style="dim")
    return Text(f"{row.score.edits} of {row.score.words}", style="yellow" if row.score.edits else "dim")


def runs(row: TaskRow) -> Text:
    """Show how many runs it took."""
    return Text(str(len(row.runs)), style="" if len(row.runs) > 1 else "dim")


def resumed(row: TaskRow) -> Text:
    """Show at which second of the recording the last run went on."""
    return Text(NOTHING, style="dim") if row.resumed_at is None else Text(f"{row.resumed_at:.1f} s", style="green")
