"""``leasehold audit``: the proof that nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_json, with_ledger
from leasehold.cli.output import Column, emit, say, show_table, status_style
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import QueueUnavailable
from leasehold.core.model import TERMINAL
from leasehold.flow import shapes
from leasehold.flow.audit import TRAILS, Standing, Verdict
from leasehold.flow.audit import audit as find_out
from leasehold.ports.queue import Depth

if TYPE_CHECKING:
    from leasehold.assemble import Parts

UNEXPLAINED = 1


@click.command(cls=Command)
@click.option(
    "--trails",
    type=click.IntRange(0),
    default=TRAILS,
    show_default=True,
    help="Tasks whose whole story is read line by line, spread evenly over all.",
)
@click.option("--full", is_flag=True, help="Read the story of every task; slow on millions.")
@with_ledger
@with_json
@pass_tools
def audit(tools: Tools, trails: int, ledger: str | None, *, full: bool, as_json: bool) -> None:
    """Prove that nothing is lost: every task is completed, or listed with the reason it is not.

    Only reads. Holds tasks, counters, audit trails, leases and queues against each other. Exit code 1 where something
    has no explanation.

    Example:
      leasehold audit
    """
    with tools.system(ledger) as system:
        known, mute = depths(system)
        verdict = find_out(system.views, tools.now(), depths=known, mute=mute, trails=None if full else trails)
    if as_json:
        emit(shapes.verdict(verdict))
    else:
        tell(verdict)
    if not verdict.ok:
        raise click.exceptions.Exit(UNEXPLAINED)


def depths(system: Parts) -> tuple[dict[str, Depth], dict[str, str]]:
    """How full each task queue is; and why those that cannot be asked cannot: the ledger is audited all the same.

    Of one whose tasks have all ended that is no news: it may well have been removed.
    """
    found: dict[str, Depth] = {}
    mute: dict[str, str] = {}
    for queue in system.views.queues():
        try:
            found[queue.name] = system.queues.tasks(queue.name).depth()
        except QueueUnavailable as error:
            if any(tasks and state.partition("/")[0] not in TERMINAL for state, tasks in queue.counts.items()):
                mute[queue.name] = str(error)
    return found, mute


def tell(verdict: Verdict) -> None:
    """Print it for people."""
    if verdict.standings:
        show_table(verdict.standings, COLUMNS, "")
        click.echo()
    for note in verdict.notes:
        say(f"Note: {note}.")
    for problem in verdict.problems:
        example = f" For example: leasehold tasks show {problem.example}" if problem.example else ""
        say(click.style(f"Unexplained: {problem.sentence}.{example}", fg="red"))
    say(click.style(verdict.sentence, fg="green" if verdict.ok else "red", bold=True))


COLUMNS = [
    Column[Standing]("TASKS", lambda one: f"{one.tasks:,}", right=True),
    Column[Standing]("STATUS", lambda one: one.state, style=lambda one: status_style(one.state.split("/")[0])),
    Column[Standing]("HANDLER", lambda one: one.handler),
    Column[Standing]("REASON", lambda one: one.reason, give=True),
    Column[Standing]("EXAMPLE", lambda one: one.example, wide=True),
]
