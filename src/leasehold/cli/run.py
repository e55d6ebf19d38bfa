"""``leasehold run``: a function or a shell command over every row of a file."""

from __future__ import annotations

from typing import TypedDict, Unpack

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_app, with_dashboard, with_dry_run, with_json, with_ledger
from leasehold.cli.tools import Tools, pass_tools

FORMATS = ("csv", "tsv", "jsonl")


class Options(TypedDict):
    """What the command line says."""

    target: str
    file: str
    format_: str | None
    batch: str | None
    key: str | None
    common: tuple[str, ...]
    ignored: tuple[str, ...]
    retry_failed: bool
    lease: str | None
    attempts: int | None
    shell: bool
    name: str | None
    unrecoverable: tuple[int, ...]
    workers: int
    slots: int | None
    dashboard: bool | None
    app: str | None
    ledger: str | None
    dry_run: bool
    as_json: bool


@click.command(cls=Command)
@click.argument("target", metavar="TARGET")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="Of the file. Default: by its name or first line."
)
@click.option("--batch", help="Name of the batch. Default: made of handler and file, so that a rerun resumes.")
@click.option("--key", metavar="COLUMN", help="The column that tells rows apart. Default: all of a row's values do.")
@click.option("--set", "common", metavar="NAME=VALUE", multiple=True, help="An argument that is the same in every row.")
@click.option("--ignore", "ignored", metavar="COLUMN", multiple=True, help="A column that is no argument.")
@click.option("--retry-failed", is_flag=True, help="Try again what failed in an earlier run.")
@click.option(
    "--lease", metavar="DURATION", help="How long one try may take, such as 2h. Default: the handler's, or 30m."
)
@click.option("--attempts", type=click.IntRange(1), help="How often a row may fail. Default: the handler's, or 5.")
@click.option("--shell", is_flag=True, help="Give the command to /bin/sh; the values are quoted.")
@click.option("--name", help="What the command is called in lists. Default: its program and a hash.")
@click.option("--unrecoverable", metavar="CODE", type=int, multiple=True, help="An exit code that no retry can help.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes.")
@click.option("--slots", type=click.IntRange(1, 1_024), help="Rows at once per worker. Default: one per processor.")
@with_dashboard
@with_app
@with_dry_run
@with_ledger
@with_json
@pass_tools
def run(tools: Tools, **options: Unpack[Options]) -> None:
    """Run a function or a shell command over every row of a CSV or JSON-lines file, until all are done.

    TARGET is FILE.py:NAME, MODULE:NAME, or a command in quotes with {placeholders}. FILE is read from standard input
    if it is -. Columns are arguments; each row becomes a task. Rows that do not fit are listed, the others go on.

    Run it again to resume: what is done is skipped. Ctrl-C stops in good order, a second one at once; nothing is lost.
    Exit code 0: every row is completed; 1: some failed or did not fit.

    Examples:
      leasehold run jobs.py:transcribe files.csv
      leasehold run jobs.py:transcribe files.csv --key source --retry-failed
      leasehold run 'ffmpeg -i {source} {target}' files.csv --lease 2h --slots 4
      find . -name '*.wav' | jq -cR '{source: .}' | leasehold run jobs.py:transcribe -
    """
    from leasehold.cli.running import execute

    execute(tools, options)
