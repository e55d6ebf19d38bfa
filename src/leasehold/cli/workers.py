"""``leasehold workers``: who runs what, and what becomes of it where a machine is gone."""

from __future__ import annotations

import click

from leasehold.cli.commands import Group
from leasehold.cli.options import whoever, with_json, with_ledger, with_limit
from leasehold.cli.output import Column, emit, emit_lines, plural, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.units import say_duration
from leasehold.flow import shapes
from leasehold.ports import listings
from leasehold.ports.views import WorkerView


@click.group(cls=Group)
def workers() -> None:
    """List workers that run something, and recall what a dead machine held."""


@workers.command("ls")
@with_limit
@with_ledger
@with_json
@pass_tools
def ls(tools: Tools, limit: int, ledger: str | None, *, as_json: bool) -> None:
    """List workers with what they run now, by name; with --json one object per line.

    A worker is called MACHINE/PROCESS, or as its --name says. One that runs nothing is not known to the ledger.

    Example:
      leasehold workers ls
    """
    with tools.system(ledger) as system:
        found = list(listings.WORKERS.walk(system.views.workers, limit))
    if as_json:
        emit_lines(shapes.worker(view) for view in found)
        return
    show_table(found, columns(tools.now()), "No worker runs anything now.")


def columns(now: int) -> list[Column[WorkerView]]:
    """What a list of workers shows."""

    def left(until: int) -> str:
        return say_duration(until - now) if until > now else "over"

    return [
        Column("WORKER", lambda view: view.name, give=True),
        Column("RUNNING", lambda view: f"{view.tasks:,}", right=True),
        Column("FIRST LEASE ENDS IN", lambda view: left(view.first_lease_until), right=True),
        Column("LAST", lambda view: left(view.last_lease_until), right=True),
    ]


@workers.command("recall")
@click.argument("name")
@with_ledger
@with_json
@pass_tools
def recall(tools: Tools, name: str, ledger: str | None, *, as_json: bool) -> None:
    """Say that a machine, or one worker, is gone for good: what it runs is sent to others at once.

    NAME is a worker's whole name, or the MACHINE before the slash for all its workers. An orchestrator does it within
    seconds, as soon as all that was reported before is recorded; each run costs one loss. Only for machines that are
    certainly gone: what still runs there would run twice.

    Examples:
      leasehold workers recall i-0123456789abcdef0
      leasehold workers recall build-7/4711-a1b2c3
    """
    with tools.system(ledger) as system:
        theirs = system.client.recall(name, by=whoever())
    running = sum(view.tasks for view in theirs)
    if as_json:
        emit({"recalled": [view.name for view in theirs], "tasks": running})
    else:
        click.echo(f"{plural(len(theirs), 'worker')} counted as gone; {plural(running, 'task')} will run elsewhere.")
