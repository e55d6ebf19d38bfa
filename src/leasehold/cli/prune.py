"""``leasehold prune``: forget what ended long ago, by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import confirm, with_dry_run, with_json, with_ledger, with_yes
from leasehold.cli.output import emit, note, plural
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.model import Status
from leasehold.core.retention import Keep
from leasehold.core.units import HOUR, SECOND, milliseconds, say_duration
from leasehold.flow.retention import Done, Pruner, Terms

CEILING = 100_000
"""Tasks are counted up to here before somebody is asked."""
ENDED = ("completed", "failed", "cancelled")


@click.command(cls=Command)
@click.option("--before", required=True, metavar="AGE|DATE", help="What ended so long ago (30d), or before that day.")
@click.option("--status", "statuses", type=click.Choice(ENDED), multiple=True, help="Only these. Default: all three.")
@click.option("--archive", is_flag=True, help="Write them to the store first, as JSON lines.")
@with_yes
@with_dry_run
@with_ledger
@with_json
@pass_tools
def prune(
    tools: Tools,
    before: str,
    statuses: tuple[str, ...],
    ledger: str | None,
    *,
    archive: bool,
    as_json: bool,
    **how: bool,
) -> None:
    """Forget tasks that ended long ago, with runs, trails, logs and what they have in the store.

    Nothing that goes on is touched, nor a task whose key is still promised (the setting keep_keys), whose message may
    still be on its queue, or that anybody changes meanwhile. Counters and batches go on adding up. May run beside the
    work, takes its time, and may be stopped and begun again.

    Examples:
      leasehold prune --before 30d --dry-run
      leasehold prune --before 2026-10-01 --status completed --archive
    """
    age = age_of(before, tools.now())
    chosen = statuses or ENDED
    settings = tools.existing(ledger)
    keep = Keep(
        age if "completed" in chosen else None,
        age if {"failed", "cancelled"} & set(chosen) else None,
        settings.keep_keys,
    )
    terms = Terms(keep, archive, settings.keep_audit, [status for status in Status if status in chosen])
    with tools.opened(settings) as system:
        pruner = system.pruner(terms)
        counts = {status: pruner.count(Status(status), CEILING) for status in ENDED if status in chosen}
        found = ", ".join(f"{number(count)} {status}" for status, count in counts.items())
        shape: dict[str, object] = {"before": before, "found": counts, "dry_run": how["dry_run"], "archive": archive}
        if how["dry_run"] or not any(counts.values()):
            told(shape, f"Found {found}; nothing was done.", as_json=as_json)
            return
        ended = f"that ended over {say_duration(age)} ago"
        confirm(f"Forget {found} {ended}{', once they are archived' if archive else ''}?", yes=how["yes"])
        done = carried_out(pruner, tools, quiet=as_json)
        told({**shape, **done}, said_of(done), as_json=as_json)


def age_of(before: str, now: int) -> int:
    """How long ago (ms): an age, or a day in UTC."""
    try:
        age = milliseconds(before)
    except ValueError:
        try:
            day = datetime.fromisoformat(before)
        except ValueError:
            raise click.UsageError(f"--before takes an age (30d) or a day (2026-10-01), not {before!r}") from None
        day = day if day.tzinfo else day.replace(tzinfo=UTC)
        age = now - int(day.timestamp() * SECOND)
    if age < HOUR:
        raise click.UsageError(f"--before {before}: somebody may still wait for these tasks; leave at least an hour")
    return age


def number(count: int) -> str:
    """``1,234``, ``100,000+``."""
    return f"{count:,}{'+' if count >= CEILING else ''}"


def carried_out(pruner: Pruner, tools: Tools, *, quiet: bool) -> dict[str, int]:
    """One whole round, with as much rest as work; what it came to."""
    done: dict[str, int] = {"forgotten": 0, "archived": 0, "leftovers": 0}
    for batch in pruner.round():
        add(done, batch)
        if not quiet and batch.forgotten:
            note(f"{done['forgotten']:,} forgotten")
        tools.pause(pruner.rest / SECOND)
    return done


def add(done: dict[str, int], batch: Done) -> None:
    """One more batch."""
    for name in done:
        done[name] += getattr(batch, name)


def said_of(done: dict[str, int]) -> str:
    """What it came to, in words."""
    archived = f", {done['archived']:,} archived before" if done["archived"] else ""
    return f"Forgot {plural(done['forgotten'], 'task')}{archived}."


def told(shape: dict[str, object], sentence: str, *, as_json: bool) -> None:
    """Say it."""
    if as_json:
        emit(shape)
    else:
        click.echo(sentence)
