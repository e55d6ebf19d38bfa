"""``leasehold operations``: bulk cancels and retries."""

from __future__ import annotations

import click

from leasehold.cli.commands import Group
from leasehold.cli.options import whoever, with_json, with_ledger, with_limit
from leasehold.cli.output import Column, emit, emit_lines, note, short, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.flow import shapes
from leasehold.flow.explain import say_age
from leasehold.flow.lookup import operation_of
from leasehold.ports import listings
from leasehold.ports.ledger import Operation


@click.group(cls=Group)
def operations() -> None:
    """Bulk cancels and retries: what was asked, by whom, and how far it is."""


@operations.command("ls")
@with_limit
@with_ledger
@with_json
@pass_tools
def ls(tools: Tools, limit: int, ledger: str | None, *, as_json: bool) -> None:
    """List operations, newest first; with --json one object per line.

    Example:
      leasehold operations ls
    """
    with tools.system(ledger) as system:
        found = list(listings.OPERATIONS.walk(system.views.operations, limit))
    if as_json:
        emit_lines(shapes.operation(one) for one in found)
        return
    show_table(found, columns(tools.now()), "There have been no bulk operations.")
    for one in found:
        if one.finished == "failed":
            note(f"Operation {short(one.id)} failed: {one.stopped_by}.")


def columns(now: int) -> list[Column[Operation]]:
    """What a list of operations shows."""
    return [
        Column("ID", lambda one: short(one.id)),
        Column("WHAT", lambda one: one.kind),
        Column("STATE", lambda one: one.finished or "going on"),
        Column("CHANGED", lambda one: f"{one.changed:,} of {one.matched:,}", right=True),
        Column("ASKED", lambda one: say_age(one.created_at, now)),
        Column("BY", lambda one: one.by),
        Column("FILTER", lambda one: one.filter or "all", give=True),
        Column("REASON", lambda one: one.reason, give=True),
    ]


@operations.command("cancel")
@click.argument("id", metavar="OPERATION")
@with_ledger
@with_json
@pass_tools
def cancel(tools: Tools, id: str, ledger: str | None, *, as_json: bool) -> None:
    """Stop an operation where it is; what it has changed stays changed.

    Example:
      leasehold operations cancel 8f3a02c1
    """
    with tools.system(ledger) as system:
        one = operation_of(system.views, id)
        stopped = system.client.cancel_operation(one.id, by=whoever())
    if as_json:
        emit({"id": one.id, "cancelled": stopped})
    elif stopped:
        click.echo(f"Operation {one.id} is stopped.")
    else:
        click.echo(f"Operation {one.id} had ended already ({one.finished}).")
