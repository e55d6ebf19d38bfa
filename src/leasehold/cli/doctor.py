"""``leasehold doctor``: is everything set up, and does it work?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_app, with_json, with_ledger
from leasehold.cli.output import clean, emit, plural
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import LeaseholdError
from leasehold.core.model import Status
from leasehold.core.units import GIB, MIB, SECOND, say_bytes, say_duration
from leasehold.flow.client import Order
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.assemble import Parts

OK, WARNING, WRONG = "ok", "warning", "wrong"
MARKS = {OK: ("ok", "green"), WARNING: ("!!", "yellow"), WRONG: ("NO", "red")}
LITTLE = GIB
TOO_LITTLE = 100 * MIB
PROBE = "doctor/probe"
PATIENCE = 60 * SECOND
SKEW = 2 * SECOND
"""Between this machine's clock and the ledger's."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    state: str
    sentence: str


@click.command(cls=Command)
@with_app
@click.option("--no-trip", is_flag=True, help="Leave out the round trip of a task.")
@with_ledger
@with_json
@pass_tools
def doctor(tools: Tools, app: str | None, ledger: str | None, *, no_trip: bool, as_json: bool) -> None:
    """Check that everything is set up and works: settings, ledger, store, disk, clock, handlers, and one task.

    The task runs in a private system in a temporary folder; your ledger is only opened. Exit code 1 where something
    is wrong.

    Examples:
      leasehold doctor
      leasehold doctor --app jobs:app
    """
    findings: list[Finding] = []
    for finding in examine(tools, app, ledger, trip=not no_trip):
        findings.append(finding)
        if not as_json:
            draw(finding)
    good = all(finding.state != WRONG for finding in findings)
    if as_json:
        emit({"ok": good, "checks": [finding._asdict() for finding in findings]})
    if not good:
        raise click.exceptions.Exit(1)


def draw(finding: Finding) -> None:
    """One line."""
    mark, colour = MARKS[finding.state]
    click.echo(f"{click.style(mark, fg=colour)}  {finding.check:<9} {clean(finding.sentence)}")


def examine(tools: Tools, app: str | None, ledger: str | None, *, trip: bool) -> Iterator[Finding]:
    """Every check in turn; what cannot work without an earlier one is left out."""
    settings, finding = read(tools, app, ledger)
    yield finding
    if settings is None:
        return
    with tools.opened(settings) as system:
        yield attempt("ledger", lambda: ledger_works(system, settings))
        yield attempt("store", lambda: store_works(system, settings))
        yield attempt("clock", lambda: clock_agrees(system, tools))
    yield attempt("disk", lambda: disk_has_room(settings))
    yield attempt("app", lambda: app_loads(settings))
    if trip and settings.embedded:
        yield attempt("task", lambda: round_trip(tools))


def read(tools: Tools, app: str | None, ledger: str | None) -> tuple[Settings | None, Finding]:
    """The settings, or why they cannot be read."""
    try:
        settings = tools.settings(ledger=ledger, app=app)
    except LeaseholdError as error:
        return None, Finding("settings", WRONG, str(error))
    slots = plural(settings.worker_slots, "slot")
    told = f"ledger {settings.ledger_shown}, queues {settings.queues}, store {settings.store}, {slots}"
    return settings, Finding("settings", OK, told)


def attempt(check: str, look: Callable[[], tuple[str, str]]) -> Finding:
    """Look; whatever Leasehold says is wrong becomes the finding."""
    try:
        state, sentence = look()
    except LeaseholdError as error:
        return Finding(check, WRONG, str(error))
    return Finding(check, state, sentence)


def ledger_works(system: Parts, settings: Settings) -> tuple[str, str]:
    """It opens, its schema fits, and it can be written."""
    system.ledger.fold_counters()
    total = sum(cell.tasks for cell in system.views.counts())
    where = settings.ledger_path or settings.ledger_shown
    return OK, f"{where} opens and can be written; it holds {plural(total, 'task')}"


def store_works(system: Parts, settings: Settings) -> tuple[str, str]:
    """An object can be written durably, read back and deleted."""
    key = f"{PROBE}-{os.getpid()}"
    system.store.create(key, b"well")
    read_back = system.store.get(key)
    system.store.delete([key])
    if read_back != b"well":
        return WRONG, f"{settings.store} did not give back what was written to it"
    return OK, f"{settings.store_folder or settings.store} can be written and read"


def clock_agrees(system: Parts, tools: Tools) -> tuple[str, str]:
    """Ages on the screen are reckoned by this machine's clock; decisions never are."""
    skew = abs(system.ledger.now() - tools.now())
    zone = datetime.now().astimezone(tools.zone)
    if skew > SKEW:
        return WARNING, f"this machine's clock and the ledger's differ by {say_duration(skew)}; so do ages shown here"
    return OK, f"this machine's clock agrees with the ledger's; times are shown in UTC{zone:%z}"


def disk_has_room(settings: Settings) -> tuple[str, str]:
    """There is space beside the ledger and in the store."""
    folders = [path.parent if path.suffix else path for path in (settings.ledger_path, settings.store_folder) if path]
    if not folders:
        return OK, "ledger and store are remote"
    free = min(shutil.disk_usage(existing(folder)).free for folder in folders)
    state = WRONG if free < TOO_LITTLE else WARNING if free < LITTLE else OK
    return state, f"{say_bytes(free)} free where ledger and store are"


def existing(folder: Path) -> Path:
    """The nearest folder above that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def app_loads(settings: Settings) -> tuple[str, str]:
    """The application can be imported, and its leases are long enough."""
    if settings.app is None:
        return OK, "no application is named (--app or LEASEHOLD_APP); workers need one"
    from leasehold.cli.targets import loaded

    registry = loaded(settings.app)
    registry.check(settings.lease_margin)
    names = [handler.name for handler in registry.all()]
    if not names:
        return WRONG, f"{settings.app} has no handlers: mark functions with @app.task"
    return OK, f"{settings.app} loads; its handlers: {', '.join(names)}"


def round_trip(tools: Tools) -> tuple[str, str]:
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
        return WRONG, f"a task was not done within {say_duration(PATIENCE)}; what its processes said stands above"
    if ended[0].status is not Status.COMPLETED:
        return WRONG, f"a task that runs the program 'true' {ended[0].status}: {ended[0].reason}"
    return OK, f"a task went through ledger, queue, worker and back in {took}, start of all processes included"
