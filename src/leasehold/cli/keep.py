"""``leasehold init`` and ``leasehold migrate``: the ledger before anybody needs it, and after an update."""

from __future__ import annotations

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import confirm, with_dry_run, with_json, with_ledger, with_yes
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
        emit({"ledger": settings.ledger_shown, "store": settings.store, "made": not existed})
        return
    click.echo(f"{'There was a ledger' if existed else 'Made the ledger'} at {path or settings.ledger_shown}.")
    click.echo("Next: leasehold doctor, or leasehold run jobs.py:HANDLER files.csv")


@click.command(cls=Command)
@with_yes
@with_dry_run
@with_ledger
@with_json
@pass_tools
def migrate(tools: Tools, ledger: str | None, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Bring the ledger to the schema of this version of Leasehold. Safe to repeat.

    Stop workers and orchestrators first, and keep a copy of the ledger.

    Examples:
      leasehold migrate --dry-run
      leasehold migrate
    """
    from leasehold import assemble

    settings = tools.existing(ledger)
    found, wanted = assemble.schema_of(settings)
    due = found != wanted
    if due and not dry_run:
        confirm(f"Bring {settings.ledger_shown} from schema {found or 'none'} to {wanted}?", yes=yes)
        assemble.migrate(settings)
    if as_json:
        emit({"ledger": settings.ledger_shown, "from": found, "to": wanted, "migrated": due and not dry_run})
    elif not due:
        click.echo(f"The ledger has schema {wanted}, as it should.")
    else:
        click.echo(f"{'Would bring' if dry_run else 'Brought'} the ledger from schema {found or 'none'} to {wanted}.")
