"""``leasehold failures``: what went wrong, cause by cause."""

from __future__ import annotations

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_json, with_ledger, with_limit
from leasehold.cli.output import Column, emit_lines, note, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.flow import shapes
from leasehold.flow.explain import say_age
from leasehold.ports import listings
from leasehold.ports.views import FailureGroup


@click.command(cls=Command)
@with_limit
@with_ledger
@with_json
@pass_tools
def failures(tools: Tools, limit: int, ledger: str | None, *, as_json: bool) -> None:
    """Show failed tasks grouped by cause: handler, error, message and place. With --json one object per line.

    Examples:
      leasehold failures
      leasehold tasks ls group:GROUP
      leasehold tasks retry --filter 'group:GROUP'
    """
    with tools.system(ledger) as system:
        groups = list(listings.FAILURES.walk(system.views.failures, limit))
    if as_json:
        emit_lines(shapes.failure_group(group) for group in groups)
        return
    show_table(groups, columns(tools.now()), "No task has failed.")
    if groups:
        note(f"Retry a group: leasehold tasks retry --filter 'group:{groups[0].id}'")


def columns(now: int) -> list[Column[FailureGroup]]:
    """What a list of causes shows."""
    return [
        Column("TASKS", lambda group: f"{group.tasks:,}", right=True),
        Column("HANDLER", lambda group: group.name),
        Column("ERROR", lambda group: group.type),
        Column("MESSAGE", lambda group: group.message, give=True),
        Column("WHERE", lambda group: group.frame, wide=True),
        Column("FIRST", lambda group: say_age(group.first_at, now), wide=True),
        Column("LAST", lambda group: say_age(group.last_at, now)),
        Column("GROUP", lambda group: group.id),
        Column("EXAMPLE", lambda group: group.example, wide=True),
    ]
