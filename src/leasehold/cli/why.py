"""``leasehold why``: the first question of whoever waits."""

from __future__ import annotations

import click

from leasehold.cli.commands import Command
from leasehold.cli.find import find_task
from leasehold.cli.options import with_json, with_ledger
from leasehold.cli.output import emit, say
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.transitions import state_name
from leasehold.flow import shapes
from leasehold.flow.explain import explain
from leasehold.flow.lookup import case_of


@click.command(cls=Command)
@click.argument("id", metavar="TASK")
@with_ledger
@with_json
@pass_tools
def why(tools: Tools, id: str, ledger: str | None, *, as_json: bool) -> None:
    """Say why a task is not done, and what you can do about it.

    TASK is its id, the beginning or end of that, or its key.

    Example:
      leasehold why 8f3a02c1
    """
    with tools.system(ledger) as system:
        view = find_task(system.views, id)
        told = explain(case_of(system.views, view, tools.now(), tools.zone))
    if as_json:
        emit(shapes.explanation(view, told))
        return
    click.echo(f"Task {view.task.id} ({view.task.name}): {state_name(view.task.status, view.task.why)}\n")
    say(told.paragraph)
    if told.remedies:
        click.echo()
    for remedy in told.remedies:
        click.echo(f"To {remedy.words}:\n  leasehold {remedy.command}")
