"""Commands whose docstrings are their help: indented lines are kept as they stand, the rest is wrapped."""

from __future__ import annotations

import re
from inspect import cleandoc

import click

_KEEP = "\b\n"
"""Click's mark of a paragraph that is not wrapped."""


def laid_out(text: str) -> str:
    """The help with its indented paragraphs marked."""
    paragraphs = re.split(r"\n\s*\n", cleandoc(text))
    return "\n\n".join(_KEEP + part if re.search(r"^ ", part, re.MULTILINE) else part for part in paragraphs)


def write_help(text: str | None, formatter: click.HelpFormatter) -> None:
    """Write it as click does, indented below the usage."""
    if text:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(laid_out(text))


class Command(click.Command):
    """A command with examples in its docstring."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The docstring."""
        del ctx
        write_help(self.help, formatter)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The docstring."""
        del ctx
        write_help(self.help, formatter)
