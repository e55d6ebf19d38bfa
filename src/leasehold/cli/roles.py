"""``leasehold worker`` and ``leasehold orchestrator``: the two processes of a deployment, in the foreground."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_app, with_ledger
from leasehold.cli.output import note
from leasehold.cli.tools import Tools, pass_tools

if TYPE_CHECKING:
    from leasehold.flow.service import Stop
    from leasehold.settings import Settings

INTERRUPTED = 130
"""Exit code of a worker that was stopped before it had drained."""


@click.command(cls=Command)
@with_app
@click.option("--slots", type=click.IntRange(1, 1_024), help="Tasks at once. Default: one per processor.")
@click.option("--queues", metavar="NAME,...", help="Queues to serve. Default: default.")
@click.option("--name", help="What this worker is called in reports. Default: machine and process.")
@with_ledger
@pass_tools
def worker(
    tools: Tools, app: str | None, slots: int | None, queues: str | None, name: str | None, ledger: str | None
) -> None:
    """Execute tasks on this machine until stopped.

    Each task runs in a process of its own, under a lease. Ctrl-C or TERM drains: nothing new is started, what runs may
    save its checkpoint, the rest is given back. A second Ctrl-C stops at once; nothing is lost, what was held comes
    back when its lease ends.

    Examples:
      leasehold worker --app jobs:app
      leasehold worker --app jobs.py --slots 8 --queues default,media
    """
    from leasehold.assemble import run_worker

    settings = tools.settings(ledger=ledger, app=app, worker_slots=slots, worker_queues=queues)
    stop, at_once = obeying_signals(settings)
    slots_are = f"{settings.worker_slots} slots" if settings.worker_slots > 1 else "1 slot"
    serves = f"{', '.join(settings.worker_queues)} of {place(settings)}"
    banner = f"Worker with {slots_are} on {serves}; Ctrl-C drains it."
    if not run_worker(settings, stop, name=name, at_once=at_once, ready=lambda: note(banner)):
        note("Stopped before everything was given back: what it held comes back when its lease ends. Nothing is lost.")
        raise click.exceptions.Exit(INTERRUPTED)


@click.command(cls=Command)
@with_ledger
@pass_tools
def orchestrator(tools: Tools, ledger: str | None) -> None:
    """Dispatch tasks and record what workers report, until stopped.

    Needs none of your code. Start as many as you like: any one of them is enough, and none is the leader.

    Example:
      leasehold orchestrator
    """
    from leasehold.assemble import run_orchestrator

    settings = tools.settings(ledger=ledger)
    stop, _ = obeying_signals(settings)
    run_orchestrator(settings, stop, ready=lambda: note(f"Orchestrator of {settings.ledger_shown}; Ctrl-C stops it."))


def place(settings: Settings) -> str:
    """Where the queues of a worker are, for people."""
    return settings.ledger_shown if settings.sqs is None else settings.queues


def obeying_signals(settings: Settings) -> tuple[Stop, Callable[[], bool]]:
    """A stop that INT and TERM ask for, and whether it was asked for more than once."""
    from leasehold.flow.service import Stop
    from leasehold.logs import set_up_logging

    set_up_logging(settings.log_level, settings.log_format)
    stop, asked = Stop(), list[int]()

    def obey(number: int, _: FrameType | None) -> None:
        asked.append(number)
        stop.ask(f"signal {signal.Signals(number).name}")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, obey)
    return stop, lambda: len(asked) > 1
