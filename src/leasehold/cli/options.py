"""Options that several commands share, spelled and explained in one way."""

from __future__ import annotations

import os
import sys
from getpass import getuser

import click

from leasehold.core.units import byte_count, milliseconds, say_duration

with_ledger = click.option(
    "--ledger", metavar="FILE|URL", help="The ledger. Default: LEASEHOLD_LEDGER, or leasehold.db in this folder."
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
with_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
with_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
with_app = click.option(
    "--app", metavar="MODULE:APP", help="Where the handlers are, such as jobs:app or jobs.py. Default: LEASEHOLD_APP."
)
with_limit = click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most.")
with_dashboard = click.option(
    "--dashboard/--no-dashboard",
    default=None,
    help="Serve the dashboard meanwhile. Default: on a terminal, where the extra `web` is installed.",
)
with_reason = click.option("--reason", default="", help="Why; kept in the audit trail.")


class Duration(click.ParamType[int]):
    """``30m``, ``90s``, ``1h30m``; whole ms, and no less than ``least``."""

    name = "duration"

    def __init__(self, least: int = 0) -> None:
        self._least = least

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or say how to write it."""
        if isinstance(value, int):
            return value
        try:
            found = milliseconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if found < self._least:
            self.fail(f"{value!r} is too short; it takes at least {say_duration(self._least)}", param, ctx)
        return found


class Size(click.ParamType[int]):
    """``48KiB``, ``1.5MB``, ``4096``; bytes."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or say how to write it."""
        try:
            return byte_count(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = Duration()
SIZE = Size()


def whoever() -> str:
    """Who is asking and on which machine, for the audit trail."""
    try:
        name = getuser()
    except (OSError, KeyError, ImportError):  # a container's user often has no name
        name = f"uid {os.getuid()}"
    return f"{name} from {os.uname().nodename}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless told not to; where nobody can be asked, refuse."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody can be asked here: add --yes to do it, or --dry-run to look first")
    click.confirm(question, abort=True, err=True)
