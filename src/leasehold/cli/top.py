"""``leasehold top``: the whole deployment on one screen, drawn anew until stopped."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import click

from leasehold.cli import batch, failures, queue, workers
from leasehold.cli.commands import Command
from leasehold.cli.meter import Speed
from leasehold.cli.options import Duration, with_json, with_ledger
from leasehold.cli.output import STYLES, Column, clean, console, drawn, emit_lines
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import Unavailable
from leasehold.core.model import TERMINAL, Status
from leasehold.core.units import SECOND
from leasehold.flow import shapes
from leasehold.flow.progress import eta, say_rate
from leasehold.flow.shapes import Shape, instant
from leasehold.ports.views import BatchView, FailureGroup, QueueView, Views, WorkerView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

Row = TypeVar("Row")
FEW = 5
"""Rows of each list but that of queues; the commands named in their titles list all."""
LEAST = 100
"""ms between two looks: a ledger is not asked without a pause."""


class Look(NamedTuple):
    """What the ledger said at one instant."""

    at: int
    queues: Sequence[QueueView]
    batches: Sequence[BatchView]
    failures: Sequence[FailureGroup]
    workers: Sequence[WorkerView]
    rate: float
    """Tasks that ended per second of late, as far as it was watched."""

    @property
    def states(self) -> Mapping[str, int]:
        """Tasks of all queues by ``status`` or ``status/why``."""
        found: Counter[str] = Counter()
        for view in self.queues:
            found.update(view.counts)
        return found

    @property
    def left(self) -> int:
        """Tasks that have no outcome yet."""
        return sum(tasks for state, tasks in self.states.items() if state not in TERMINAL)


def looked(views: Views, at: int, speed: Speed) -> Look:
    """Look once: counters and short lists, whatever the ledger holds."""
    look = Look(at, views.queues(), views.batches(FEW), views.failures(FEW), views.workers(FEW), 0.0)
    ended = sum(look.states[state] for state in TERMINAL)
    return look._replace(rate=speed.look(at, ended))


@click.command(cls=Command)
@click.option("--every", type=Duration(LEAST), default="1s", show_default=True, help="Time between two looks.")
@click.option("--once", is_flag=True, help="Look once; so it is too where the output is no terminal.")
@with_ledger
@with_json
@pass_tools
def top(tools: Tools, every: int, ledger: str | None, *, once: bool, as_json: bool) -> None:
    """Show what waits, runs, is done and failed, by queue, batch, cause and worker, until Ctrl-C.

    With --json one object per look, each on a line. It reads counters and short lists: a ledger of millions of tasks is
    looked at as fast as a small one.

    Examples:
      leasehold top
      leasehold top --once
      leasehold top --json --every 10s >> watch.jsonl
    """
    once = once or not (as_json or sys.stdout.isatty())
    leave = nullcontext() if once else suppress(KeyboardInterrupt)  # that is how one leaves
    with tools.system(ledger) as system, leave, screen(lasting=not once, as_json=as_json) as there:
        for look in looking(tools, system.views, every, once=once):
            there.show(look)


def looking(tools: Tools, views: Views, every: int, *, once: bool) -> Iterator[Look | Unavailable]:
    """Looks, or why one failed, without end. Raises ``Unavailable`` if already the first one fails."""
    speed = Speed()
    yield looked(views, tools.now(), speed)
    while not once:
        tools.pause(every / SECOND)
        try:
            yield looked(views, tools.now(), speed)
        except Unavailable as error:
            yield error


def shape(look: Look) -> Shape:
    """For programs."""
    return {
        "at": instant(look.at),
        "counts": dict(look.states),
        "ended_per_second": round(look.rate, 3),
        "queues": [shapes.queue(view) for view in look.queues],
        "batches": [shapes.batch(view) for view in look.batches],
        "failures": [shapes.failure_group(group) for group in look.failures],
        "workers": [shapes.worker(view) for view in look.workers],
    }


# ------------------------------------------------------------------------------------------------------------- drawing


class Screen(Protocol):
    """Where looks are drawn."""

    def show(self, look: Look | Unavailable) -> None:
        """Draw it; of a look that failed say why, and keep what was seen last."""
        ...


@contextmanager
def screen(*, lasting: bool, as_json: bool) -> Generator[Screen]:
    """The terminal as long as this lasts, or plain output."""
    if as_json or not lasting:
        yield Written() if as_json else Printed()
        return
    from rich.live import Live

    out = console()
    with Live(console=out, screen=True, auto_refresh=False) as live:
        yield Redrawn(live, out.width)


class Written:
    """A look a line, for programs; they hear of a ledger that is away by the end of this one."""

    def show(self, look: Look | Unavailable) -> None:
        """Write it."""
        if isinstance(look, Unavailable):
            raise look
        emit_lines([shape(look)])
        sys.stdout.flush()


class Printed:
    """One look on standard output."""

    def show(self, look: Look | Unavailable) -> None:
        """Print it."""
        if isinstance(look, Unavailable):
            raise look
        out = console()
        out.print(picture(look, out.width))


class Redrawn:
    """The terminal's other screen; what was there before is back when it is over."""

    def __init__(self, live: Live, room: int) -> None:
        self._live = live
        self._room = room
        self._last: Look | None = None

    def show(self, look: Look | Unavailable) -> None:
        """Draw it over the last one."""
        from rich.console import Group
        from rich.text import Text

        trouble = [Text(f"Trying again: {clean(str(look))}", "red")] if isinstance(look, Unavailable) else []
        self._last = self._last if isinstance(look, Unavailable) else look
        parts = [] if self._last is None else [picture(self._last, self._room)]
        self._live.update(Group(*trouble, *parts), refresh=True)


def picture(look: Look, room: int) -> RenderableType:
    """A look, at most so many characters wide."""
    from rich.console import Group

    lists = (
        titled("Queues", "queue ls", look.queues, queue.columns(), room),
        titled("Batches", "batch ls", look.batches, batch.columns(look.at), room),
        titled("Failures by cause", "failures", look.failures, failures.columns(look.at), room),
        titled("Workers that run something", "workers ls", look.workers, workers.columns(look.at), room),
    )
    return Group(numbers(look), waiting(look), *(part for parts in lists for part in parts))


def numbers(look: Look) -> Text:
    """How many tasks have which status, and how fast they end."""
    from rich.text import Text

    by_status: Counter[str] = Counter()
    for state, tasks in look.states.items():
        by_status[state.partition("/")[0]] += tasks
    said = Text(no_wrap=True, overflow="ellipsis")
    for status in Status:
        said.append(f"{by_status[status]:,}", f"bold {STYLES[status]}")
        said.append(f" {status.replace('_', ' ')}   ")
    if look.rate > 0:
        said.append(eta(look.left, look.rate) if look.left else say_rate(look.rate))
    return said


def waiting(look: Look) -> Text:
    """What those wait for that do."""
    from rich.text import Text

    reasons = {state.partition("/")[2]: tasks for state, tasks in look.states.items() if "/" in state and tasks}
    said = ", ".join(f"{tasks:,} {why}" for why, tasks in sorted(reasons.items()))
    return Text(f"pending: {said}" if said else "nothing waits", "bright_black", no_wrap=True, overflow="ellipsis")


def titled(
    title: str, command: str, rows: Sequence[Row], columns: Sequence[Column[Row]], room: int
) -> list[RenderableType]:
    """A list under its title, which names the command that tells more; nothing where there is none."""
    from rich.text import Text

    if not rows:
        return []
    return [
        Text(""),
        Text.assemble((title, "bold"), (f"   leasehold {command}", "bright_black")),
        drawn(rows, columns, room),
    ]
