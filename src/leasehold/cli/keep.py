"""``leasehold init`` and ``leasehold migrate``: a deployment before anybody needs it, and after an update."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import click

from leasehold.cli.checklist import Mark, draw
from leasehold.cli.commands import Command
from leasehold.cli.options import confirm, with_dry_run, with_json, with_ledger, with_yes
from leasehold.cli.output import emit, note
from leasehold.cli.tools import Tools, pass_tools
from leasehold.provision import State, Step, provide
from leasehold.settings import Settings

UNAVAILABLE = 3
"""The exit code where something cannot be used."""


MARKS = {
    State.OK: Mark("ok", "green"),
    State.MADE: Mark("made", "green"),
    State.MISSING: Mark("missing", "yellow"),
    State.DRIFTED: Mark("differs", "red"),
    State.UNKNOWN: Mark("unknown", "red"),
}
GAP = 9


@click.command(cls=Command)
@click.option("--queues", metavar="NAME,...", help="Task queues on SQS. Default: the setting worker_queues.")
@click.option("--worker-role", metavar="NAME", help="Role of PostgreSQL for workers: made, and granted what they need.")
@with_dry_run
@with_ledger
@with_json
@pass_tools
def init(
    tools: Tools, queues: str | None, worker_role: str | None, ledger: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Make what a deployment stands on, where it is not there yet: schema, key, queues. Safe to repeat.

    What is there is looked at, and never changed: where it differs from what Leasehold needs, the command that mends
    it is shown, and the exit code is 1. Nobody has to run this on the embedded default: the first task makes what it
    needs.

    Examples:
      leasehold init --dry-run
      leasehold init --queues default,media
      leasehold init --worker-role jobs_worker
    """
    settings = tools.settings(ledger=ledger, worker_queues=queues)
    steps: list[Step] = []
    with tools.opened(settings) as system:
        for step in provide(system, role=worker_role, dry_run=dry_run):
            steps.append(step)
            if not as_json:
                draw(MARKS[step.state], f"{step.subject}: ", step.sentence, command_shown(step), gap=GAP)
    states = {step.state for step in steps}
    if as_json:
        emit(verdict(settings, steps, dry_run=dry_run))
    else:
        conclude(states)
    if State.UNKNOWN in states:
        raise click.exceptions.Exit(UNAVAILABLE)
    if State.DRIFTED in states:
        raise click.exceptions.Exit(1)


def command_shown(step: Step) -> str | None:
    """A command is shown where it is still to be run."""
    return step.command if step.state in {State.MISSING, State.DRIFTED} else None


def verdict(settings: Settings, steps: Sequence[Step], *, dry_run: bool) -> Mapping[str, object]:
    """What came of it, as JSON."""
    states = {step.state for step in steps}
    return {
        "ledger": settings.ledger_shown,
        "queues": settings.queues,
        "store": settings.store,
        "dry_run": dry_run,
        "ok": not states & {State.DRIFTED, State.UNKNOWN},
        "made": State.MADE in states,
        "steps": [step.shown() for step in steps],
    }


def conclude(states: Collection[State]) -> None:
    """What to do next."""
    if State.DRIFTED in states:
        note("What differs was left as it is: the commands above mend it.")
    elif State.UNKNOWN in states:
        note("What is unknown could not be looked at, and nothing was done about it. Run this again when it can.")
    elif State.MISSING in states:
        note("Nothing was changed. Without --dry-run, what is missing is made.")
    else:
        note("Next: leasehold doctor, or leasehold run jobs.py:HANDLER files.csv")


@click.command(cls=Command)
@with_yes
@with_dry_run
@with_ledger
@with_json
@pass_tools
def migrate(tools: Tools, ledger: str | None, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Bring the ledger to the schema of this version of Leasehold. Safe to repeat.

    Stop workers and orchestrators first, and keep a copy of the ledger.

    Examples:
      leasehold migrate --dry-run
      leasehold migrate
    """
    from leasehold import assemble

    settings = tools.existing(ledger)
    found, wanted = assemble.schema_of(settings)
    due = found != wanted
    if due and not dry_run:
        confirm(f"Bring {settings.ledger_shown} from schema {found or 'none'} to {wanted}?", yes=yes)
        assemble.migrate(settings)
    if as_json:
        emit({"ledger": settings.ledger_shown, "from": found, "to": wanted, "migrated": due and not dry_run})
    elif not due:
        click.echo(f"The ledger has schema {wanted}, as it should.")
    else:
        click.echo(f"{'Would bring' if dry_run else 'Brought'} the ledger from schema {found or 'none'} to {wanted}.")
