"""``leasehold leases``: how long runs take, against the leases that they are given."""

from __future__ import annotations

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_json, with_ledger
from leasehold.cli.output import Column, emit_lines, say, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.advice import Verdict
from leasehold.core.units import brief
from leasehold.flow import cost_shapes
from leasehold.flow.advising import Advised, advice

COLOURS = {Verdict.SHORT: "red", Verdict.LONG: "yellow", Verdict.FITS: "green", Verdict.UNKNOWN: "bright_black"}


@click.command(cls=Command)
@with_ledger
@with_json
@pass_tools
def leases(tools: Tools, ledger: str | None, *, as_json: bool) -> None:
    """Show how long each handler's runs take, and which lease that asks for; with --json one handler per line.

    Looks at the newest 10,000 tasks of each handler that have run. Advised are twice the 99th percentile, or a quarter
    more than the longest run, whichever is more, and the worker's margin; for bundles at least three times what all
    of one usually take. A lease that is too short stops runs and loses their time; one that is too long only delays
    what died in silence.

    Example:
      leasehold leases
    """
    settings = tools.existing(ledger)
    with tools.opened(settings) as system:
        found = advice(system.views, settings.lease_margin)
    if as_json:
        emit_lines(cost_shapes.advised(each) for each in found)
        return
    show_table(found, COLUMNS, "No handler has run yet.")
    if found:
        click.echo()
    for each in found:
        said = f"{each.handler}: {each.advice.sentence}."
        say(click.style(said, fg=COLOURS[each.advice.verdict]))
    seen = [each for each in found if each.looked_at < each.tasks]
    for each in seen:
        say(f"Note: of {each.handler}'s {each.tasks:,} tasks, the runs of {each.looked_at:,} were looked at.")


def time(ms: int | None) -> str:
    """A duration in a narrow cell."""
    return "?" if ms is None else brief(ms)


COLUMNS = [
    Column[Advised]("HANDLER", lambda one: one.handler, give=True),
    Column[Advised]("RUNS", lambda one: f"{len(one.measured.durations):,}", right=True),
    Column[Advised]("P50", lambda one: time(one.advice.p50), right=True),
    Column[Advised]("P95", lambda one: time(one.advice.p95), right=True),
    Column[Advised]("P99", lambda one: time(one.advice.p99), right=True),
    Column[Advised]("LONGEST", lambda one: time(one.advice.longest), right=True),
    Column[Advised]("STOPPED", lambda one: f"{one.measured.stopped:,}", right=True),
    Column[Advised]("LOST", lambda one: f"{one.measured.lost:,}", right=True),
    Column[Advised]("TIME LOST", lambda one: time(one.measured.time_lost), right=True, wide=True),
    Column[Advised]("LEASE", lambda one: time(one.measured.lease), right=True),
    Column[Advised](
        "ADVISED",
        lambda one: time(one.advice.lease),
        right=True,
        style=lambda one: COLOURS[one.advice.verdict],
    ),
]
