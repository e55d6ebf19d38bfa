"""``leasehold demo``: the main job, with its faults."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import with_dashboard, with_json


@click.command(cls=Command)
@click.option(
    "--input",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Your own WAV files instead, with a general model and without faults.",
)
@click.option(
    "--ledger",
    metavar="LEDGER",
    help="Keep it there, in a file or a PostgreSQL database; a demo that was cut off goes on. Default: a new file.",
)
@with_dashboard
@with_json
def demo(folder: Path | None, ledger: str | None, *, dashboard: bool | None, as_json: bool) -> int:
    """Watch a real batch with failures and a lost worker, healed before your eyes.

    Transcribes 24 recordings on two worker nodes of two slots each. One recording is damaged, one fails twice before it
    works, one takes its process along, and one whole node is killed with what it holds. It needs the extra "demo",
    takes half a minute, and touches nothing of yours.

    Exit code 0 when every task ended as it should.

    Example:
      leasehold demo
      leasehold demo --input ~/recordings
    """
    from leasehold.cli.watched import watched
    from leasehold.demo.run import run_demo

    return run_demo(folder, as_json=as_json, ledger=ledger, beside=partial(watched, wanted=dashboard))
