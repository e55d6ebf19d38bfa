"""The running demo: a real batch with failures and a lost node, healed before your eyes.

Everything is real: an orchestrator and two worker nodes as processes of their own, a ledger, queues and a store on
disk, a recogniser that listens. What is staged is only what goes wrong, and at which checkpoint.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Final

from rich.console import Console

from leasehold.assemble import Parts
from leasehold.demo.ending import figures, show_ending
from leasehold.demo.interrupt import Interrupt
from leasehold.demo.plan import own, shipped
from leasehold.demo.recogniser import decoder_factory
from leasehold.demo.screen import LineScreen, LiveScreen, Screen
from leasehold.demo.show import Show
from leasehold.demo.stage import staged
from leasehold.settings import Settings

PAGE: Final = 120
"""Columns of a table that goes into a file or a pipe."""


Beside = Callable[[Settings, Parts], AbstractContextManager[None]]


def alone(settings: Settings, parts: Parts) -> AbstractContextManager[None]:
    """Nothing goes on beside the demo."""
    del settings, parts
    return nullcontext()


def run_demo(
    folder: Path | None = None, *, as_json: bool = False, ledger: str | None = None, beside: Beside = alone
) -> int:
    """Run the demo on the shipped recordings, or on those in `folder`; the exit code: 0 if all ended as it should.

    `ledger`: the SQLite file or the PostgreSQL database to keep it in (default: a new file in a temporary folder); one
    that holds an unfinished demo goes on with it. `beside`: what goes on as long as the demo plays. Raises
    LeaseholdError, in words for users, for what keeps it from starting.
    """
    decoder_factory()  # without a recogniser there is nothing to show
    own_plan = None if folder is None else own(folder)
    with (
        staged(ledger) as stage,
        beside(stage.settings, stage.parts),
        Interrupt() as interrupt,
        closing(screen_for(as_json=as_json)) as screen,
    ):
        ending = Show(stage, own_plan or shipped(stage.scratch), screen, interrupt).play()
    if as_json:
        sys.stdout.write(f"{json.dumps(figures(ending), indent=2)}\n")
    else:
        show_ending(ending, console())
    return ending.code


def screen_for(*, as_json: bool) -> Screen:
    """Choose how to show what happens: on standard error, so that tables or figures can go into a file."""
    if as_json:
        return Screen()
    out = console(stderr=True)
    return LiveScreen(out) if out.is_terminal else LineScreen(out)


def console(*, stderr: bool = False) -> Console:
    """Open a terminal as it is; a file or a pipe gets plain lines, as wide as a page."""
    found = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if found.is_terminal:
        return found
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=PAGE)
