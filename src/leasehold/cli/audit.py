"""``leasehold audit``: the proof that nothing is lost."""

from __future__ import annotations

from datetime import datetime

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_json, with_ledger
from leasehold.cli.output import Column, emit, say, show_table, status_style
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.units import SECOND
from leasehold.flow import shapes
from leasehold.flow.audit import Overlap, QueueLevel, Standing, Terms, Verdict, look_at
from leasehold.flow.audit import audit as find_out
from leasehold.flow.auditing.verdict import Span
from leasehold.settings import Settings

UNEXPLAINED = 1
SHOWN = 10
"""Overlaps that are shown to people; programs read up to a hundred."""


@click.command(cls=Command)
@with_ledger
@with_json
@pass_tools
def audit(tools: Tools, ledger: str | None, *, as_json: bool) -> None:
    """Prove that nothing is lost: every task is completed, or listed with the reason it is not.

    Only reads, and may run beside the work. Holds tasks, counters, audit trails, runs, leases and queues against each
    other. Exit code 1 where something has no explanation.

    Example:
      leasehold audit
    """
    settings = tools.existing(ledger)
    with tools.opened(settings) as system:
        verdict = find_out(
            system.views,
            lambda: look_at(system.views, system.queues, settings.topology),
            terms_of(settings),
            pause=tools.pause,
        )
    if as_json:
        emit(shapes.verdict(verdict))
    else:
        tell(verdict, tools)
    if not verdict.ok:
        raise click.exceptions.Exit(UNEXPLAINED)


def terms_of(settings: Settings) -> Terms:
    """What these settings promise."""
    sqs = settings.sqs
    return Terms(settings.topology, duplicates=sqs is not None and not sqs.fifo, window=settings.window)


def tell(verdict: Verdict, tools: Tools) -> None:
    """Print it for people."""
    if verdict.standings:
        show_table(verdict.standings, STANDINGS, "")
        click.echo()
    if any(level.visible or level.in_flight or out(level) for level in verdict.queues):
        show_table(verdict.queues, QUEUES, "")
        click.echo()
    if verdict.overlapping:
        show_table(verdict.overlapping[:SHOWN], overlaps(tools), "")
        click.echo()
    for line in (*came_to_nothing(verdict), *verdict.notes):
        say(f"Note: {line}.")
    for problem in verdict.problems:
        example = f" For example: leasehold tasks show {problem.example}" if problem.example else ""
        say(click.style(f"Unexplained: {problem.sentence}.{example}", fg="red"))
    say(click.style(verdict.sentence, fg="green" if verdict.ok else "red", bold=True))


def came_to_nothing(verdict: Verdict) -> list[str]:
    """Reports that changed nothing, in one line."""
    found = verdict.refusals
    parts = {
        "recorded before": found.repeated,
        "stale or late": sum(found.ignored.values()),
    }
    told = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    lines = [f"reports that changed nothing: {told}"] if told else []
    refused = sum(found.claims.values())
    return [*lines, f"runs that were not granted: {refused:,}"] if refused else lines


def out(level: QueueLevel) -> int:
    """Tasks of this queue whose message is out."""
    return level.queued + level.in_progress + level.lapsed


def waiting(level: QueueLevel) -> str:
    """Its messages, as it says."""
    return f"{level.visible:,} + {level.in_flight:,} in flight"


def differs(level: QueueLevel) -> str:
    """What does not fit."""
    gaps = {"missing": level.missing, "too many": level.surplus}
    return ", ".join(f"{count:,} {what}" for what, count in gaps.items() if count)


def one_run(span: Span, tools: Tools) -> str:
    """A run in one cell."""
    token = f"{span.dispatch}.{span.receive}"
    began, until = clock(span.started_at, tools), clock(span.until, tools)
    return f"{token} {span.worker or '?'} {began} to {until}{'' if span.ended else ' (lease)'}"


def clock(instant: int, tools: Tools) -> str:
    """A time of day, to the ms."""
    return datetime.fromtimestamp(instant / SECOND, tools.zone).isoformat(sep=" ", timespec="milliseconds")[5:23]


STANDINGS = [
    Column[Standing]("TASKS", lambda one: f"{one.tasks:,}", right=True),
    Column[Standing]("STATUS", lambda one: one.state, style=lambda one: status_style(one.state.split("/")[0])),
    Column[Standing]("HANDLER", lambda one: one.handler),
    Column[Standing]("REASON", lambda one: one.reason, give=True),
    Column[Standing]("EXAMPLE", lambda one: one.example, wide=True),
]
QUEUES = [
    Column[QueueLevel]("QUEUE", lambda one: one.queue, give=True),
    Column[QueueLevel]("MESSAGES", waiting, right=True),
    Column[QueueLevel]("QUEUED", lambda one: f"{one.queued:,}", right=True),
    Column[QueueLevel]("IN PROGRESS", lambda one: f"{one.in_progress:,}", right=True),
    Column[QueueLevel]("LAPSED", lambda one: f"{one.lapsed:,}", right=True),
    Column[QueueLevel]("DIFFERS", differs),
]


def overlaps(tools: Tools) -> list[Column[Overlap]]:
    """Two runs at once, side by side."""
    return [
        Column[Overlap]("TASK", lambda one: one.task[-12:]),
        Column[Overlap]("EARLIER RUN", lambda one: one_run(one.earlier, tools)),
        Column[Overlap]("LATER RUN", lambda one: one_run(one.later, tools)),
        Column[Overlap]("TOGETHER", lambda one: f"{one.overlap_ms:,} ms", right=True),
        Column[Overlap](
            "MAY BE?",
            lambda one: "yes" if one.promised else "NO",
            style=lambda one: "" if one.promised else "red",
        ),
    ]
