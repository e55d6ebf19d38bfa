"""``leasehold doctor``: is everything set up, and does it work?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import click

from leasehold.checks.examination import Case, examine
from leasehold.checks.finding import OK, WARNING, WRONG, Finding, Role, Said
from leasehold.cli.checklist import Mark, draw
from leasehold.cli.commands import Command
from leasehold.cli.options import with_app, with_json, with_ledger
from leasehold.cli.output import emit
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import LeaseholdError
from leasehold.core.model import Status
from leasehold.core.units import SECOND, say_duration
from leasehold.flow.client import Order

MARKS = {OK: Mark("ok", "green"), WARNING: Mark("!!", "yellow"), WRONG: Mark("NO", "red")}
GAP = 4
PATIENCE = 60 * SECOND


@click.command(cls=Command)
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What this machine does: then what this role needs is looked at, and that a worker may do no more.",
)
@with_app
@click.option("--no-trip", is_flag=True, help="Leave out the round trip of a task.")
@with_ledger
@with_json
@pass_tools
def doctor(
    tools: Tools, role: str | None, app: str | None, ledger: str | None, *, no_trip: bool, as_json: bool
) -> None:
    """Check that everything is set up and works, from this machine: settings, ledger, store, queues, and one task.

    On the embedded default the task runs in a private system in a temporary folder; your ledger is only opened.
    Exit code 1 where something is wrong.

    Examples:
      leasehold doctor
      leasehold doctor --role worker --app jobs:app
    """
    findings: list[Finding] = []
    for finding in looked_at(tools, Role(role) if role else None, app, ledger, trip=not no_trip):
        findings.append(finding)
        if not as_json:
            draw(MARKS[finding.state], f"{finding.check:<9} ", finding.sentence, finding.command, gap=GAP)
    good = all(finding.state != WRONG for finding in findings)
    if as_json:
        emit({"ok": good, "checks": [finding._asdict() for finding in findings]})
    if not good:
        raise click.exceptions.Exit(1)


def looked_at(tools: Tools, role: Role | None, app: str | None, ledger: str | None, *, trip: bool) -> Iterator[Finding]:
    """Every check in turn, or why the settings cannot be read."""
    from leasehold.cli.targets import loaded

    try:
        settings = tools.settings(ledger=ledger, app=app)
    except LeaseholdError as error:
        yield Finding("settings", WRONG, str(error))
        return
    with tools.opened(settings) as system:
        walk = (lambda: round_trip(tools)) if trip else None
        yield from examine(Case(system, role, tools.now, tools.zone, loaded, walk))


def round_trip(tools: Tools) -> Iterator[Said]:
    """A task that runs the program ``true`` goes through a private system."""
    from leasehold.cli.running import quiet
    from leasehold.cli.targets import command_target

    target = command_target("true", shell=False, name="doctor", unrecoverable=())
    with TemporaryDirectory(prefix="leasehold-doctor-") as folder:
        settings = tools.settings(ledger=str(Path(folder) / "doctor.db"), worker_slots=1)
        settings = replace(
            settings,
            store=Path(folder, "store").as_uri(),
            worker_queues=(target.handler.queue,),
            log_level=quiet(settings.log_level),
        )
        servants = tools.servants(settings, target.spec, 1)
        with tools.opened(settings) as system, ExitStack() as stack:
            stack.callback(servants.stop)
            began = monotonic()
            task = system.client.submit(Order("doctor", "{}", target.handler.policy, target.handler.queue))
            servants.start()
            ended = list(system.client.wait([task.task_id], PATIENCE))
    took = say_duration(round((monotonic() - began) * SECOND))
    if not ended:
        told = f"a task was not done within {say_duration(PATIENCE)}; what its processes said stands above"
        yield Said(WRONG, told)
    elif ended[0].status is not Status.COMPLETED:
        yield Said(WRONG, f"a task that runs the program 'true' {ended[0].status}: {ended[0].reason}")
    else:
        told = f"a task went through ledger, queue, worker and back in {took}, start of all processes included"
        yield Said(OK, told)
