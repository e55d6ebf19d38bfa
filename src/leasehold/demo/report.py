"""What the demo shows at its end: what was heard, and what went wrong and how it was put right.

Everything here turns plain rows into figures and sentences; where the rows come from is the runner's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from leasehold.demo.wer import Score, overall, score


class End(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # its handler raised
    KILLED = "killed"  # its process died, and its node reported it
    LOST = "lost"  # nothing was heard of it until its lease lapsed
    OTHER = "other"  # given back, cancelled, or not ended yet


TROUBLE: Final = frozenset({End.FAILED, End.KILLED, End.LOST})


class RunRow(NamedTuple):
    """One run; instants are seconds from the beginning of the batch."""

    worker: str
    end: End
    began: float
    ended: float | None  # when the end was known
    reason: str = ""
    note: str = ""  # what it said of itself last: where in its recording it began
    under_way: bool = True  # it has said how far it is
    lapsed: bool = False  # its lease ran out before anything was heard of its end


class TaskRow(NamedTuple):
    """One task and how it went."""

    file: str
    completed: bool
    runs: tuple[RunRow, ...]
    ended: bool = True  # it has an outcome
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


class Happening(NamedTuple):
    """One thing to tell while the batch runs; `at` in seconds from its beginning."""

    at: float
    subject: str  # a file, or a node
    told: str
    number: int = 0  # counts what happened to one file
    good: bool = False


class Mishap(NamedTuple):
    """Something that went wrong, and how it was put right."""

    file: str
    wrong: str
    right: str
    mended: bool = True


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
        failed=sum(row.ended and not row.completed for row in rows),
        retried=sum(was_retried(row) for row in rows),
        slots_killed=sum(run.end is End.KILLED for run in runs),
        workers_killed=len({run.worker for run in lost}),
        lapsed=sum(run.lapsed for run in runs),
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


def happenings(row: TaskRow) -> Iterator[Happening]:
    """Yield what happened to a task beyond a smooth run, each once it is known for good, and always in this order."""
    for number, (run, following) in enumerate(pairwise([*row.runs, None])):
        if run is None or run.end not in TROUBLE:
            continue
        ended = run.ended if run.ended is not None else run.began
        yield Happening(ended, row.file, wrong(row, run), 2 * number)
        if following is not None and following.under_way:
            yield Happening(following.began, row.file, right(row, run, following), 2 * number + 1, good=True)
        elif following is None and row.ended:
            yield Happening(ended, row.file, right(row, run, None), 2 * number + 1)


def of_task(row: TaskRow) -> Iterator[tuple[RunRow, Mishap]]:
    """Yield each run of a task that ended badly, with what became of it."""
    for run, following in pairwise([*row.runs, None]):
        if run is not None and run.end in TROUBLE:
            mended = following is not None or row.completed
            yield run, Mishap(row.file, wrong(row, run), right(row, run, following), mended)


def wrong(row: TaskRow, run: RunRow) -> str:
    """Say how a run ended badly."""
    if run.end is End.LOST:
        return f"its node {run.worker} was lost: no word from it until the lease lapsed"
    if run.end is End.KILLED:
        return f"{run.reason or 'its process died'} (on {run.worker})"
    return run.reason.removeprefix(f"{row.file} is ") or "its handler failed"


def right(row: TaskRow, run: RunRow, following: RunRow | None) -> str:
    """Say what became of a task after a run of it ended badly."""
    if following is None:
        return gave_up(row)
    gap = following.began - (run.ended if run.ended is not None else run.began)
    where = following.note or "from the beginning"
    return f"ran again on {following.worker} {max(0.0, gap):.1f} s later, {where}"


def gave_up(row: TaskRow) -> str:
    """Say what became of a task that did not run again."""
    if row.ended:
        return "not tried again" if row.completed else "failed for good, with this reason"
    return "will run again"
