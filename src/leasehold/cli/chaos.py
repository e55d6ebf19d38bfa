"""``leasehold chaos``: is a handler safe to run at least once?"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import DURATION, with_app, with_json
from leasehold.cli.output import Column, emit, note, say, show_table
from leasehold.cli.submit import given
from leasehold.cli.tools import Tools, pass_tools

if TYPE_CHECKING:
    from leasehold.chaos.trials import Report, Trial

NOT_SAFE = 1
WARNING = (
    "The handler really runs, many times: what it does to databases, services and files outside its working directory "
    "really happens. Give it test systems only."
)
COLOURS = {"safe": "green", "unsafe": "red", "unknown": "yellow"}


@click.command(cls=Command)
@click.argument("target", metavar="HANDLER")
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--args", "--arguments", "arguments", metavar="JSON", help="All arguments as one JSON object.")
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder that each trial gets a copy of, to work in. Default: an empty one.",
)
@click.option("--outputs", multiple=True, metavar="GLOB", help="Files or folders to compare. Default: all.")
@click.option("--kills", type=click.IntRange(0, 10_000), default=10, show_default=True, help="At random instants.")
@click.option("--seed", type=int, help="Of these instants. Default: a new one, which is printed.")
@click.option("--timeout", type=DURATION, default=60_000, help="How long one run may take.  [default: 1m]")
@click.option("--overlap", is_flag=True, help="Also two runs at once, as a standard queue may bring about.")
@click.option("--shell", is_flag=True, help="HANDLER is a command for a shell.")
@with_app
@with_json
@pass_tools
def chaos(  # noqa: PLR0913 - one for each option
    tools: Tools,
    target: str,
    pairs: tuple[str, ...],
    arguments: str | None,
    files: Path | None,
    outputs: tuple[str, ...],
    kills: int,
    seed: int | None,
    timeout: int,
    app: str | None,
    *,
    overlap: bool,
    shell: bool,
    as_json: bool,
) -> None:
    """Try whether a handler is safe to run at least once, as the system may run it.

    Runs it undisturbed; twice in a row; killed (SIGKILL) before and after each of its checkpoints and at random
    instants, then resumed from its last checkpoint in a new process. Each must leave the same result, files and
    checkpoint. HANDLER is as for submit, or a command in quotes. Exit code 1 where it is not safe, or where that
    cannot be told.

    Examples:
      leasehold chaos jobs.py:transcribe source=a.wav --files samples --outputs '*.txt'
      leasehold chaos 'sort {source} -o {source}.sorted' source=names.txt --files samples
    """
    from leasehold.chaos.runs import Subject
    from leasehold.chaos.trials import Experiment, Terms

    settings = tools.settings(app=app)
    spec, handler, text = bound(target, settings.app, given(pairs, arguments), shell=shell)
    subject = Subject(spec, handler, text, timeout, dict(os.environ), settings.worker_environment)
    chosen = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    terms = Terms(files.resolve() if files else None, outputs, kills, chosen, overlap)
    note(click.style(f"leasehold: {WARNING}", fg="yellow"))
    with TemporaryDirectory(prefix="leasehold-chaos-") as root:
        report = Experiment(subject, terms, Path(root)).run(lambda trial: progress(trial, as_json=as_json))
    if as_json:
        emit(shape(report))
    else:
        tell(report)
    if report.verdict != "safe":
        raise click.exceptions.Exit(NOT_SAFE)


def bound(target: str, app: str | None, values: Mapping[str, object], *, shell: bool) -> tuple[str, str, str]:
    """Spec, handler and arguments: such that they mean the same in any working directory."""
    from leasehold.cli.targets import command_target, is_command, target_of

    sys.path[:] = [entry or str(Path.cwd()) for entry in sys.path]
    if shell or is_command(target):
        found = command_target(target, shell=shell, name=None, unrecoverable=())
    else:
        found = target_of(target, app)
    place, separator, attribute = found.spec.rpartition(":")
    spec = found.spec
    if found.spec.endswith(".py"):
        spec = str(Path(found.spec).resolve())
    elif separator and place.endswith(".py"):
        spec = f"{Path(place).resolve()}:{attribute}"
    return spec, found.handler.name, found.handler.bind((), dict(values))


def progress(trial: Trial, *, as_json: bool) -> None:
    """A dot for a trial, where somebody watches."""
    if not as_json and sys.stderr.isatty():
        click.echo("." if trial.same else click.style("!", fg="red"), nl=False, err=True)


def tell(report: Report) -> None:
    """Print it for people."""
    if sys.stderr.isatty():
        click.echo(err=True)
    if report.trials:
        show_table(report.trials, COLUMNS, "")
        click.echo()
    say(f"Seed {report.seed}; an undisturbed run took {report.took:,} ms and saved {report.saves} checkpoints.")
    say(click.style(report.sentence, fg=COLOURS[report.verdict], bold=True))


def shape(report: Report) -> dict[str, object]:
    """The same for programs."""
    return {
        "verdict": report.verdict,
        "sentence": report.sentence,
        "handler": report.handler,
        "seed": report.seed,
        "took_ms": report.took,
        "saves": report.saves,
        "trials": [trial._asdict() for trial in report.trials],
    }


COLUMNS: list[Column[Trial]] = [
    Column("TRIAL", lambda one: one.what),
    Column("RUNS", lambda one: str(one.runs), right=True),
    Column("SAME?", lambda one: "yes" if one.same else "NO", style=lambda one: "green" if one.same else "red"),
    Column("FIRST DIFFERENCE", lambda one: one.difference, give=True),
]
