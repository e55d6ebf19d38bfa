"""A group whose commands are imported when they are run, so that ``--help`` costs next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

import click
from click.exceptions import NoSuchCommand

from leasehold.cli.commands import Group


class Lazy(NamedTuple):
    """A command that is not imported yet: ``where`` is ``module:name`` below ``leasehold.cli``."""

    where: str
    short_help: str


class LazyGroup(Group):
    """Lists its commands, by section, from a table; imports the one that is run."""

    sections: Mapping[str, Mapping[str, Lazy]] = {}

    def table(self) -> dict[str, Lazy]:
        """Every command, in the order of the sections."""
        return {name: lazy for section in self.sections.values() for name, lazy in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, for completion too."""
        del ctx
        return list(self.table())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        del ctx
        lazy = self.table().get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.where.partition(":")
        command: object = getattr(import_module(f"leasehold.cli.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{lazy.where} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a mistyped name is compared with the whole table."""
        if args and not args[0].startswith("-") and args[0] not in self.table():
            raise NoSuchCommand(args[0], possibilities=self.table(), ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, by section, without importing anything."""
        del ctx
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, lazy.short_help) for name, lazy in section.items()])
