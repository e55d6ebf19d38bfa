"""What the demo shows at its end: what was heard, and what went wrong and how it was put right.

Everything here turns plain rows into tables or figures; where the rows come from is the runner's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from rich.table import Table
from rich.text import Text

from leasehold.demo.wer import Score, overall, score

NOTHING: Final = "-"


class End(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # its handler raised
    KILLED = "killed"  # its process died, and its node reported it
    LOST = "lost"  # nothing was heard of it until its lease lapsed
    OTHER = "other"  # given back, cancelled, or not ended yet


class RunRow(NamedTuple):
    """One run; instants are seconds from the beginning of the batch."""

    worker: str
    end: End
    began: float
    ended: float | None  # when the end was known
    reason: str = ""


class TaskRow(NamedTuple):
    """One task and how it went."""

    file: str
    completed: bool
    runs: tuple[RunRow, ...]
    spoken: str | None = None  # what was said, where that is known
    heard: str | None = None
    seconds: float = 0.0  # length of the recording
    starts: tuple[float, ...] = ()  # the second of the recording at which each run began that got so far
    as_planned: bool = True  # it ended as it should

    @property
    def score(self) -> Score | None:
        """Compare what was heard with what was said, where both are known."""
        return None if self.spoken is None or self.heard is None else score(self.spoken, self.heard)

    @property
    def resumed_at(self) -> float | None:
        """The second at which the last run went on, if it did not begin anew."""
        return self.starts[-1] if self.starts and self.starts[-1] > 0 else None


class Mishap(NamedTuple):
    """Something that went wrong, and how it was put right."""

    file: str
    wrong: str
    right: str


class Tally(NamedTuple):
    """The figures of the whole batch."""

    tasks: int
    completed: int
    failed: int
    retried: int  # tasks that ran again because their handler had raised
    slots_killed: int
    workers_killed: int
    lapsed: int  # runs whose lease ran out
    resumed: int  # tasks that went on in the middle of their recording
    duplicates: int  # successes beyond a task's first
    wer: float | None
    as_planned: bool


def tally(rows: Sequence[TaskRow]) -> Tally:
    """Count what happened."""
    runs = [run for row in rows for run in row.runs]
    lost = [run for run in runs if run.end is End.LOST]
    scores = [row.score for row in rows if row.score]
    return Tally(
        tasks=len(rows),
        completed=sum(row.completed for row in rows),
        failed=sum(not row.completed for row in rows),
        retried=sum(was_retried(row) for row in rows),
        slots_killed=sum(run.end is End.KILLED for run in runs),
        workers_killed=len({run.worker for run in lost}),
        lapsed=len(lost),
        resumed=sum(row.resumed_at is not None for row in rows),
        duplicates=sum(max(0, successes(row) - 1) for row in rows),
        wer=overall(scores).rate if scores else None,
        as_planned=all(row.as_planned for row in rows),
    )


def was_retried(row: TaskRow) -> bool:
    """Tell whether a run followed one whose handler had raised."""
    return any(run.end is End.FAILED for run in row.runs[:-1])


def successes(row: TaskRow) -> int:
    """Count the runs that completed."""
    return sum(run.end is End.COMPLETED for run in row.runs)


def mishaps(rows: Sequence[TaskRow]) -> list[Mishap]:
    """List what went wrong, in the order in which it was known."""
    found = [(run.ended or run.began, mishap) for row in rows for run, mishap in of_task(row)]
    return [mishap for _, mishap in sorted(found, key=lambda pair: pair[0])]


def of_task(row: TaskRow) -> Iterator[tuple[RunRow, Mishap]]:
    """Yield each run of a task that ended badly, with what became of it."""
    for run, following in pairwise([*row.runs, None]):
        if run is not None and run.end in {End.FAILED, End.KILLED, End.LOST}:
            yield run, Mishap(row.file, wrong(run), right(row, run, following))


def wrong(run: RunRow) -> str:
    """Say how a run ended badly."""
    if run.end is End.LOST:
        return f"its node {run.worker} was lost: no word from it until the lease lapsed"
    if run.end is End.KILLED:
        return run.reason or "its process died"
    return run.reason or "its handler failed"


def right(row: TaskRow, run: RunRow, following: RunRow | None) -> str:
    """Say what became of a task after a run of it ended badly."""
    if following is None:
        return "not tried again" if row.completed else "failed for good, with this reason"
    gap = following.began - (run.ended if run.ended is not None else run.began)
    place = f"on {following.worker}" if following.worker != run.worker else "on the same node"
    return f"ran again {place} {max(0.0, gap):.1f} s later, {where(row, following)}"


def where(row: TaskRow, run: RunRow) -> str:
    """Say at which second of its recording a run went on; runs and starts run in parallel, from the last one back."""
    index = row.runs.index(run) - len(row.runs)
    second = row.starts[index] if -index <= len(row.starts) else 0.0
    return f"from second {second:.1f} of {row.seconds:.1f}" if second > 0 else "from the beginning"


def transcripts_table(rows: Sequence[TaskRow]) -> Table:
    """Show what was heard in each recording; where it differs from what was said, both."""
    table = Table(title="Transcripts", title_justify="left")
    table.add_column("file", no_wrap=True)
    table.add_column("words", ratio=1)
    for name in ("wrong words", "seconds", "runs", "resumed at"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row.file, words(row), errors(row), f"{row.seconds:.1f}", str(len(row.runs)), resumed(row))
    return table


def words(row: TaskRow) -> Text:
    """Show what was heard, and above it what was said if that is known and different."""
    if row.heard is None:
        return Text(row.runs[-1].reason if row.runs else "not transcribed", style="red")
    if row.spoken is None or row.spoken.split() == row.heard.split():
        return Text(row.heard)
    return Text.assemble(("said:  ", "dim"), row.spoken, "\n", ("heard: ", "dim"), (row.heard, "yellow"))


def errors(row: TaskRow) -> str:
    """Show how many of the words said were heard wrongly."""
    return f"{row.score.edits} of {row.score.words}" if row.score else NOTHING


def resumed(row: TaskRow) -> str:
    """Show at which second of the recording the last run went on."""
    return NOTHING if row.resumed_at is None else f"{row.resumed_at:.1f} s"


def mishaps_table(rows: Sequence[TaskRow]) -> Table:
    """Show what went wrong and how it was put right."""
    table = Table(title="What went wrong, and how it was put right", title_justify="left")
    table.add_column("file", no_wrap=True)
    table.add_column("what went wrong", ratio=1)
    table.add_column("how it was put right", ratio=1)
    for mishap in mishaps(rows):
        table.add_row(*mishap)
    return table
