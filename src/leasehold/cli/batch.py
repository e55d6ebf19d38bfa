"""``leasehold batch``: list, show, export."""

from __future__ import annotations

from collections.abc import Mapping

import click

from leasehold.cli.commands import Group
from leasehold.cli.export import check_format, export_to, with_format, with_output
from leasehold.cli.find import batch_filter
from leasehold.cli.options import with_json, with_ledger, with_limit
from leasehold.cli.output import Column, emit, emit_lines, note, plural, show_table
from leasehold.cli.tasks import columns as task_columns
from leasehold.cli.tasks import paged
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.model import TERMINAL, Status
from leasehold.flow import shapes
from leasehold.flow.explain import say_age
from leasehold.flow.lookup import batch_of
from leasehold.flow.progress import average, eta
from leasehold.ports import listings
from leasehold.ports.views import BatchView

SEARCHED = 10_000
RUNNING_SHOWN = 10


@click.group(cls=Group)
def batch() -> None:
    """List, show and export batches."""


@batch.command("ls")
@with_limit
@with_ledger
@with_json
@pass_tools
def ls(tools: Tools, limit: int, ledger: str | None, *, as_json: bool) -> None:
    """List batches, newest first; with --json one object per line.

    Example:
      leasehold batch ls
    """
    with tools.system(ledger) as system:
        found = list(listings.BATCHES.walk(system.views.batches, limit))
    if as_json:
        emit_lines(shapes.batch(view) for view in found)
        return
    show_table(found, columns(tools.now()), "There are no batches yet.")


def columns(now: int) -> list[Column[BatchView]]:
    """What a list of batches shows."""

    def count(status: Status) -> Column[BatchView]:
        title = status.value.replace("_", " ").upper()
        wide = status in (Status.PENDING, Status.CANCELLED)
        return Column(title, lambda view: f"{view.counts.get(status, 0):,}", wide=wide, right=True)

    return [
        Column("BATCH", lambda view: view.name, give=True),
        Column("CREATED", lambda view: say_age(view.created_at, now)),
        Column("TASKS", lambda view: f"{sum(view.counts.values()):,}", right=True),
        Column("ENDED", lambda view: f"{share(view.counts):.0%}", right=True),
        *(count(status) for status in Status),
    ]


def share(counts: Mapping[str, int]) -> float:
    """Which part has ended."""
    total = sum(counts.values())
    return sum(counts.get(status, 0) for status in TERMINAL) / total if total else 0.0


@batch.command("show")
@click.argument("name", metavar="BATCH")
@with_ledger
@with_json
@pass_tools
def show(tools: Tools, name: str, ledger: str | None, *, as_json: bool) -> None:
    """Show one batch: counts, rate, time to go, and what runs the longest.

    Example:
      leasehold batch show november
    """
    with tools.system(ledger) as system:
        view, now = batch_of(system.views, name), tools.now()
        speed = average(view, now)
        left = sum(view.counts.values()) - sum(view.counts.get(status, 0) for status in TERMINAL)
        if as_json:
            emit({**shapes.batch(view), "per_second": speed, "left": left})
            return
        click.echo(f"{name}: {plural(sum(view.counts.values()), 'task')}, {share(view.counts):.0%} ended")
        for status in Status:
            click.secho(f"{status.value:>12}  {view.counts.get(status, 0):,}", fg=None)
        if left:
            click.echo(f"{'to go':>12}  {left:,}, {eta(left, speed)}")
        running = list(paged(system.views, f"{batch_filter(name)} status:in_progress", SEARCHED))
        if running:
            click.echo("\nRunning the longest:")
            oldest = sorted(running, key=lambda each: each.task.updated_at)[:RUNNING_SHOWN]
            show_table(oldest, task_columns(now), "")


@batch.command("export")
@click.argument("name", metavar="BATCH")
@with_format
@with_output
@with_ledger
@with_json
@pass_tools
def export(tools: Tools, name: str, format_: str, output: str | None, ledger: str | None, *, as_json: bool) -> None:
    """Write every task of a batch with key, arguments, status, result and reason: one per line, newest first.

    Examples:
      leasehold batch export november > november.jsonl
      leasehold batch export november --format csv -o november.csv
    """
    check_format(format_, as_json=as_json)
    with tools.system(ledger, itself=True) as system:
        batch_of(system.views, name)
        count = export_to(output, format_, system, batch_filter(name))
    note(f"Exported {plural(count, 'task')} of batch {name!r}.")
