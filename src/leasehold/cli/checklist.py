"""Lists of things that were looked at: one mark and one sentence each, and the command that helps."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from textwrap import wrap
from typing import NamedTuple

import click

from leasehold.cli.output import READABLE, clean


class Mark(NamedTuple):
    """What stands before a line."""

    text: str
    colour: str


def draw(mark: Mark, label: str, sentence: str, command: str | None = None, *, gap: int) -> None:
    """One thing; ``gap`` is the width of all marks. A sentence is wrapped where a person reads it, a command never."""
    margin = " " * gap
    text = f"{label}{clean(sentence)}"
    if sys.stdout.isatty():
        width = min(READABLE, get_terminal_size().columns)
        indent = margin + " " * (len(label) if len(label) < LONG else 0)
        lines = wrap(text, width, initial_indent=margin, subsequent_indent=indent, break_on_hyphens=False)
        text = "\n".join(lines)[gap:]
    click.echo(click.style(mark.text, fg=mark.colour) + " " * (gap - len(mark.text)) + text)
    if command is not None:
        click.echo(f"{margin}{click.style(clean(command), bold=True)}")


LONG = 14
"""From this width on, what follows a label is not aligned with it."""
