"""What is left when the demo is over: figures for programs, tables and a verdict for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from leasehold.demo.plan import Plan
from leasehold.demo.report import Tally, TaskRow, mishaps
from leasehold.demo.tables import mishaps_table, transcripts_table
from leasehold.flow.audit import Verdict

GOOD: Final = 0
NOT_AS_IT_SHOULD: Final = 1
INTERRUPTED: Final = 130

ACCURACY: Final = (
    "The words come from pocketsphinx's general English model, which is small, old and offline: expect many wrong "
    "words, more with music, noise or an accent, most with a synthetic voice. Take them as proof of work, not as "
    "transcripts. Words that were really said, in NAME.txt beside NAME.wav, give a word error rate."
)


class Ending(NamedTuple):
    """All that is to be said at the end."""

    plan: Plan
    rows: list[TaskRow]
    tally: Tally
    verdict: Verdict
    seconds: float
    ledger: str
    interrupted: bool

    @property
    def code(self) -> int:
        """The exit code: 0 when every task ended as it should and the audit found everything explained."""
        if self.interrupted:
            return INTERRUPTED
        return GOOD if self.tally.as_planned and self.verdict.ok else NOT_AS_IT_SHOULD


def figures(ending: Ending) -> dict[str, object]:
    """Return the figures for programs."""
    counted = ending.tally._asdict()
    del counted["as_planned"]
    wer = ending.tally.wer
    return {
        **counted,
        "wer": None if wer is None else round(wer, 4),
        "seconds": round(ending.seconds, 1),
        "audit": "ok" if ending.verdict.ok else ending.verdict.sentence,
        "ledger": ending.ledger,
    }


def show_ending(ending: Ending, console: Console) -> None:
    """Print what came of it."""
    if not ending.interrupted:
        show_tables(ending, console)
    console.print(Text(summary(ending), style="bold"))
    if ending.plan.folder is not None and not ending.interrupted:
        console.print(Text(ACCURACY, style="yellow"))
    for problem in ending.verdict.problems:
        console.print(Text(f"Unexplained: {problem.sentence}.", style="red"))
    console.print(Text(f"Audit: {ending.verdict.sentence}", style="green" if ending.verdict.ok else "red"))
    for line in what_next(ending):
        console.print(Text(line), soft_wrap=True)


def show_tables(ending: Ending, console: Console) -> None:
    """Print what was heard, and what went wrong."""
    console.print()
    console.print(transcripts_table(ending.rows, console.width))
    if mishaps(ending.rows):
        console.print()
        console.print(mishaps_table(ending.rows, console.width))
    console.print()


def summary(ending: Ending) -> str:
    """Say in some sentences how it went."""
    counted = ending.tally
    left = counted.tasks - counted.completed - counted.failed
    ends = [f"{counted.completed:,} completed"]
    ends += [f"{counted.failed:,} failed{failed_rightly(ending)}"] * bool(counted.failed)
    ends += [f"{left:,} not ended yet"] * bool(left)
    sentences = [f"{several(counted.tasks, 'task')} in {ending.seconds:.1f} s: {', '.join(ends)}."]
    if faults := ", ".join(told for count, told in suffered(counted) if count):
        twice = f"{counted.duplicates:,}" if counted.duplicates else "none"
        sentences.append(f"{faults}, {twice} completed twice.")
    if counted.wer is not None and not left:
        sentences.append(f"Of the words said, {100 * counted.wer:.1f} % were heard wrongly.")
    return " ".join(sentences)


def suffered(counted: Tally) -> Iterator[tuple[int, str]]:
    """Yield what went wrong in passing, with how often."""
    yield counted.slots_killed, f"{several(counted.slots_killed, 'slot')} killed"
    yield counted.workers_killed, f"{several(counted.workers_killed, 'whole node')} killed"
    yield counted.lapsed, f"{several(counted.lapsed, 'lease')} lapsed"
    yield counted.retried, f"{several(counted.retried, 'task')} retried"
    yield counted.resumed, f"{several(counted.resumed, 'task')} resumed in the middle"


def failed_rightly(ending: Ending) -> str:
    """Say so if only what had to fail has failed."""
    return " as it should" if all(row.as_planned for row in ending.rows if row.ended) else ""


def several(count: int, noun: str) -> str:
    """``1 task``, ``24 tasks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def what_next(ending: Ending) -> Iterator[str]:
    """Say how to go on, and how to look around."""
    ledger = shlex.quote(ending.ledger)
    if ending.interrupted:
        folder = ending.plan.folder
        more = "" if folder is None else f" --input {shlex.quote(str(folder))}"
        yield f"Go on:       leasehold demo{more} --ledger {ledger}"
    yield f"Look around: leasehold tasks ls --ledger {ledger}"
