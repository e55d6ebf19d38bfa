"""What the demo draws while it runs: nodes with what they hold, a bar, counts, rate and time to go."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from leasehold.core.model import Status
from leasehold.core.units import MINUTE, SECOND, say_duration
from leasehold.demo.history import Held, Look
from leasehold.demo.report import Happening

REDRAWS: Final = 8  # a second
SELDOM: Final = 5.0  # seconds between two lines that are not redrawn
WIDE: Final = 100
SHORT_BAR, LONG_BAR = 10, 30
SLOW: Final = 0.1  # tasks per second below which they are counted per minute
TIME: Final = 7  # columns of an instant


class Mood(StrEnum):
    """How a node is."""

    STARTING = "starting"
    WELL = "idle"
    STOPPING = "stopping"
    KILLED = "killed"


class NodeRow(NamedTuple):
    """One worker node, as it is drawn."""

    name: str
    mood: Mood
    holds: Sequence[Held]
    lease_left: float
    """Seconds until the last lease ends of what it holds."""


class Frame(NamedTuple):
    """One instant of the demo."""

    seconds: float
    ended: int
    """Tasks that ended since then."""
    look: Look
    nodes: Sequence[NodeRow]


class Screen:
    """Where the demo is shown. This one shows nothing: programs read the figures at the end."""

    def title(self, text: str) -> None:
        """Say what will be seen."""

    def tell(self, happening: Happening) -> None:
        """Say what happened."""

    def show(self, frame: Frame) -> None:
        """Show how far it is."""

    def close(self) -> None:
        """The show is over."""


class LineScreen(Screen):
    """Plain lines, for a log or a pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = SELDOM

    def title(self, text: str) -> None:
        """A line."""
        self._console.print(text)

    def tell(self, happening: Happening) -> None:
        """A line."""
        self._console.print(f"{happening.at:6.1f} s  {happening.subject}: {happening.told}")

    def show(self, frame: Frame) -> None:
        """A line, now and then."""
        if frame.seconds >= self._next:
            self._next = frame.seconds + SELDOM
            self._console.print(f"{frame.seconds:6.1f} s  {progress(frame)}")


class LiveScreen(Screen):
    """A few lines at the foot of a terminal, drawn anew several times a second; what happens scrolls up above them."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=REDRAWS, transient=True)
        self._live.start()

    def title(self, text: str) -> None:
        """A line above."""
        self._live.console.print(Text(text, style="bold"))

    def tell(self, happening: Happening) -> None:
        """Some lines above."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", no_wrap=True, width=TIME)
        table.add_column()
        told = Text.assemble(
            (happening.subject, "bold"), ": ", (happening.told, "green" if happening.good else "yellow")
        )
        table.add_row(Text(f"{happening.at:.1f} s", style="dim"), told)
        self._live.console.print(table)

    def show(self, frame: Frame) -> None:
        """Draw anew."""
        self._live.update(Group(nodes_table(frame.nodes), foot(frame, self._live.console.width)))

    def close(self) -> None:
        """Leave what happened, and wipe the rest."""
        self._live.stop()


def nodes_table(nodes: Sequence[NodeRow]) -> Table:
    """A line per node: what it is about."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=max((len(node.name) for node in nodes), default=0))
    table.add_column(no_wrap=True, overflow="ellipsis")
    for node in nodes:
        table.add_row(Text(node.name, style="red" if node.mood is Mood.KILLED else "cyan"), about(node))
    return table


def about(node: NodeRow) -> Text:
    """What a node holds; of a dead one, how long its leases still keep others away."""
    dead = node.mood is Mood.KILLED
    files = ", ".join(task.file if dead else f"{task.file} {100 * task.fraction:.0f} %" for task in node.holds)
    if not dead:
        told = f"{node.mood.value} {files}" if node.mood is Mood.STOPPING else files
        return Text(told or node.mood.value, style="" if told else "dim")
    if not files:
        return Text(node.mood.value, style="red")
    left = max(0.0, node.lease_left)
    return Text.assemble((node.mood.value, "red"), f"; for {left:.0f} s more its leases hold {files}")


def foot(frame: Frame, width: int) -> Table:
    """How far it is, as a bar and in words."""
    table = Table.grid(padding=(0, 1, 0, 0))
    length = LONG_BAR if width >= WIDE else SHORT_BAR
    table.add_column(no_wrap=True, min_width=length)
    table.add_column(no_wrap=True, overflow="ellipsis")
    look = frame.look
    table.add_row(ProgressBar(look.total or 1, look.ended, width=length), Text(progress(frame)))
    return table


def progress(frame: Frame) -> str:
    """``14 of 24 ended (1 failed), 4 running, 6 waiting, 1.2/s, 8 s to go``."""
    look = frame.look
    failed, running = look.counts.get(Status.FAILED, 0), look.counts.get(Status.IN_PROGRESS, 0)
    parts = [f"{look.ended:,} of {look.total:,} ended" + (f" ({failed:,} failed)" if failed else "")]
    parts += [f"{running:,} running", f"{look.counts.get(Status.PENDING, 0):,} waiting"]
    if frame.ended and frame.seconds > 0:
        parts += [rate(frame.ended / frame.seconds), f"{to_go(frame)} to go"]
    return ", ".join(parts)


def rate(per_second: float) -> str:
    """``1.2/s``, ``4.1/min``."""
    return f"{per_second:.1f}/s" if per_second >= SLOW else f"{per_second * MINUTE / SECOND:.1f}/min"


def to_go(frame: Frame) -> str:
    """The rest at the speed up to now; what is under way counts by how far it is."""
    partly = sum(task.fraction for node in frame.nodes for task in node.holds)
    left = frame.look.total - frame.look.ended - partly
    return say_duration(round(frame.seconds * left / (frame.ended + partly)) * SECOND)
