"""``leasehold wait``: block until tasks have ended; the exit code says how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from leasehold.cli.commands import Command
from leasehold.cli.find import find_ids, with_ids
from leasehold.cli.options import DURATION, with_json, with_ledger
from leasehold.cli.output import clean, emit, note
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.model import Status
from leasehold.flow import shapes
from leasehold.flow.lookup import batch_of
from leasehold.ports.views import Outcome

if TYPE_CHECKING:
    from leasehold.adapters.presence import Elsewhere, Presence
    from leasehold.assemble import Parts

FAILED = 1
TIMED_OUT = 2
MENTIONED = 100
"""Tasks that did not complete, named in the answer at most."""


@click.command(cls=Command)
@with_ids
@click.option("--batch", help="Every task of this batch.")
@click.option("--timeout", type=DURATION, help="Give up waiting after this long, such as 10m.")
@with_ledger
@with_json
@pass_tools
def wait(
    tools: Tools, ids: tuple[str, ...], batch: str | None, timeout: int | None, ledger: str | None, *, as_json: bool
) -> None:
    """Wait until tasks have ended. Exit code 0: all completed; 1: some failed or were cancelled; 2: timed out.

    Only waits: somebody must be running them (leasehold orchestrator, leasehold worker).

    Examples:
      leasehold wait 8f3a02c1 --timeout 10m && echo done
      leasehold wait --batch november
    """
    if bool(ids) == (batch is not None):
        raise click.UsageError("say what to wait for: tasks by their ids, or --batch NAME")
    with tools.system(ledger) as system:
        wanted, ending = awaited(system, ids, batch, timeout)
        if lacking := missing(system.presence):
            note(f"Nobody serves this ledger now, and waiting starts nothing: run {lacking} in another terminal.")
        counts: dict[str, int] = {status.value: 0 for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)}
        bad: list[Outcome] = []
        for outcome in ending:
            counts[outcome.status] += 1
            if outcome.status is not Status.COMPLETED:
                bad.append(outcome)
    left = wanted - sum(counts.values())
    if as_json:
        emit({**counts, "left": left, "not_completed": [shapes.outcome(one) for one in bad[:MENTIONED]]})
    else:
        tell(counts, left, bad)
    raise click.exceptions.Exit(TIMED_OUT if left else FAILED if bad else 0)


def missing(presence: Presence | Elsewhere) -> str:
    """The commands that somebody has to run before anything ends; empty if the ledger is served."""
    roles = {"leasehold orchestrator": ("orchestrator", ""), "leasehold worker": ("worker", None)}
    return " and ".join(command for command, (role, whose) in roles.items() if not presence.anyone(role, whose))


def awaited(
    system: Parts, ids: tuple[str, ...], batch: str | None, timeout: int | None
) -> tuple[int, Iterator[Outcome]]:
    """How many tasks are waited for, and their outcomes as they come."""
    if batch is None:
        wanted = find_ids(system.views, ids)
        return len(wanted), system.client.wait(wanted, timeout)
    total = sum(batch_of(system.views, batch).counts.values())
    return total, until_timeout(system.client.batch_outcomes(batch, timeout))


def until_timeout(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """A time-out ends the waiting, nothing else."""
    try:
        yield from outcomes
    except TimeoutError:
        return


def tell(counts: Mapping[str, int], left: int, bad: Sequence[Outcome]) -> None:
    """The outcome in words."""
    ended = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    click.echo(f"{ended or 'none ended'}{f', {left:,} not ended in time' if left else ''}")
    for outcome in bad[:MENTIONED]:
        click.echo(f"  {outcome.task_id} {outcome.status}: {clean(outcome.reason or '')}")
    if len(bad) > MENTIONED:
        click.echo(f"  and {len(bad) - MENTIONED:,} more")
