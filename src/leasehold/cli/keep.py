"""``leasehold init``: the ledger, before anybody needs it."""

from __future__ import annotations

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_json, with_ledger
from leasehold.cli.output import emit
from leasehold.cli.tools import Tools, pass_tools


@click.command(cls=Command)
@with_ledger
@with_json
@pass_tools
def init(tools: Tools, ledger: str | None, *, as_json: bool) -> None:
    """Make the ledger and its key, if they are not there yet. Safe to repeat.

    Nobody has to run this on the embedded default: the first task makes what it needs.

    Example:
      leasehold init --ledger jobs.db
    """
    settings = tools.settings(ledger=ledger)
    path = settings.ledger_path
    existed = path is not None and path.exists()
    with tools.opened(settings) as system:
        system.ledger.secret("capability")
    if as_json:
        emit({"ledger": settings.ledger, "store": settings.store, "made": not existed})
        return
    click.echo(f"{'There was a ledger' if existed else 'Made the ledger'} at {path or settings.ledger}.")
    click.echo("Next: leasehold doctor, or leasehold run jobs.py:HANDLER files.csv")
