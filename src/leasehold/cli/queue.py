"""``leasehold queue``: list, pause, resume, and what was taken off as damaged."""

from __future__ import annotations

import click

from leasehold.cli.commands import Group
from leasehold.cli.options import whoever, with_json, with_ledger, with_limit
from leasehold.cli.output import Column, emit, emit_lines, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.reports import Malformed
from leasehold.core.transitions import BLOCKED, DUE, IN_PROGRESS, LAPSED, QUEUED, SCHEDULED
from leasehold.flow import shapes
from leasehold.flow.explain import say_age
from leasehold.flow.lookup import queue_of
from leasehold.ports import listings
from leasehold.ports.views import QueueView

MENTIONED = 200
"""Characters of a damaged message in a table; ``--json`` has all that was kept."""


@click.group(cls=Group)
def queue() -> None:
    """List, pause and resume queues, and show damaged messages."""


@queue.command("ls")
@with_ledger
@with_json
@pass_tools
def ls(tools: Tools, ledger: str | None, *, as_json: bool) -> None:
    """List queues with their tasks by state; with --json one object per line.

    Example:
      leasehold queue ls
    """
    with tools.system(ledger) as system:
        queues = system.views.queues()
    if as_json:
        emit_lines(shapes.queue(view) for view in queues)
        return
    show_table(queues, columns(), "There are no queues yet; the first task makes one.")


def columns() -> list[Column[QueueView]]:
    """What a list of queues shows."""

    def count(title: str, *states: str, wide: bool = False) -> Column[QueueView]:
        return Column(title, lambda view: f"{sum(view.counts.get(s, 0) for s in states):,}", wide=wide, right=True)

    return [
        Column("QUEUE", lambda view: view.name),
        Column("", lambda view: "paused" if view.paused else "", style=lambda _: "yellow"),
        count("BLOCKED", BLOCKED, wide=True),
        count("SCHEDULED", SCHEDULED),
        count("DUE", DUE),
        count("QUEUED", QUEUED),
        count("LAPSED", LAPSED),
        count("RUNNING", IN_PROGRESS),
        count("COMPLETED", "completed"),
        count("FAILED", "failed"),
        count("CANCELLED", "cancelled", wide=True),
    ]


@queue.command("pause")
@click.argument("name")
@with_ledger
@with_json
@pass_tools
def pause(tools: Tools, name: str, ledger: str | None, *, as_json: bool) -> None:
    """Send out no more tasks of a queue; what is sent already may still run.

    Example:
      leasehold queue pause media
    """
    switch(tools, name, ledger, paused=True, as_json=as_json)


@queue.command("resume")
@click.argument("name")
@with_ledger
@with_json
@pass_tools
def resume(tools: Tools, name: str, ledger: str | None, *, as_json: bool) -> None:
    """Let a paused queue go on.

    Example:
      leasehold queue resume media
    """
    switch(tools, name, ledger, paused=False, as_json=as_json)


@queue.command("quarantine")
@with_limit
@with_ledger
@with_json
@pass_tools
def quarantine(tools: Tools, limit: int, ledger: str | None, *, as_json: bool) -> None:
    """Show messages that were damaged or are not ours, newest first; with --json one object per line.

    They are kept to be looked at, and nothing waits for them: a task whose message was damaged is sent out again.

    Example:
      leasehold queue quarantine --json
    """
    with tools.system(ledger) as system:
        found = list(listings.QUARANTINE.walk(system.views.quarantine, limit))
    if as_json:
        emit_lines(shapes.damaged(at, message) for at, message in found)
        return
    show_table(found, damaged_columns(tools.now()), "No message was damaged.")


def damaged_columns(now: int) -> list[Column[tuple[int, Malformed]]]:
    """What a list of damaged messages shows."""
    return [
        Column("FOUND", lambda one: say_age(one[0], now)),
        Column("ON", lambda one: one[1].source),
        Column("REASON", lambda one: one[1].reason, give=True),
        Column("MESSAGE", lambda one: one[1].body[:MENTIONED], give=True),
    ]


def switch(tools: Tools, name: str, ledger: str | None, *, paused: bool, as_json: bool) -> None:
    """Pause or resume, and say so."""
    with tools.system(ledger) as system:
        queue_of(system.views, name)
        system.client.pause(name, paused=paused, by=whoever())
    if as_json:
        emit({"queue": name, "paused": paused})
    else:
        click.echo(f"Queue {name!r} {'is paused; resume it: leasehold queue resume ' + name if paused else 'goes on.'}")
