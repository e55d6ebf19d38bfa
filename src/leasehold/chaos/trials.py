"""Which disturbances are tried, and what they show."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from leasehold.chaos.outputs import SHOWN, difference
from leasehold.chaos.runs import End, Kill, Subject, Task

MOST_SAVES = 40
"""Checkpoints at which a run is killed; of more, the first, the last and some between."""
AGAIN = 3
"""Further runs after a kill, at most: one that dies by itself has had its chances."""


class Terms(NamedTuple):
    """What to try. ``files``: the folder that each trial gets a copy of."""

    files: Path | None
    outputs: Sequence[str]
    kills: int
    seed: int
    overlap: bool


class Trial(NamedTuple):
    """One disturbance and what came of it."""

    what: str
    runs: int
    killed: int
    same: bool
    difference: str = ""


@dataclass
class Report:
    """What all trials showed."""

    handler: str
    seed: int
    took: int = 0
    """ms of an undisturbed run."""
    saves: int = 0
    trials: list[Trial] = field(default_factory=list[Trial])
    doubt: str = ""
    """Why nothing can be told: it fails, or differs, undisturbed."""

    @property
    def verdict(self) -> str:
        """``safe``, ``unsafe`` or ``unknown``."""
        if self.doubt:
            return "unknown"
        return "safe" if all(trial.same for trial in self.trials) else "unsafe"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.doubt:
            return f"Nothing can be told of {self.handler}: {self.doubt}."
        wrong = [trial for trial in self.trials if not trial.same]
        count = len(self.trials)
        if not wrong:
            return (
                f"{self.handler} is safe to run at least once, as far as {count} trials show: each left the same "
                "result and the same files as an undisturbed run."
            )
        first = wrong[0]
        told = f"{len(wrong)} of {count} trials differ. {first.what.capitalize()}: {first.difference}"
        return f"{self.handler} is NOT safe to run at least once: {told}."


class Left(NamedTuple):
    """What a task came to: the end of its last run, its last checkpoint, and where its files are."""

    end: End
    state: str | None
    place: Path


class Experiment:
    """Runs the trials one after the other, each in a fresh copy of the user's files."""

    def __init__(self, subject: Subject, terms: Terms, root: Path) -> None:
        self._subject = subject
        self._terms = terms
        self._root = root
        self._made = 0
        self._random = Random(terms.seed)  # noqa: S311 - a trial can be repeated
        self._expected: Left | None = None

    def run(self, each: Callable[[Trial], object] = lambda _: None) -> Report:
        """Everything; ``each`` is told of every trial as it is done."""
        report = Report(self._subject.handler, self._terms.seed)
        first = self._task()
        end = first.run()
        report.took, report.saves = end.took, end.saves
        self._expected = Left(end, first.state, first.place)
        if end.how != "returned":
            report.doubt = f"undisturbed, it did not succeed: {said(end)}"
            return report
        report.doubt = self._repeats()
        if not report.doubt:
            for trial in self._trials(end):
                report.trials.append(trial)
                each(trial)
        return report

    def _repeats(self) -> str:
        """How a second undisturbed run, in another copy, differs from the first."""
        second = self._task()
        different = self._compared(second, second.run())
        self._clear(second)
        return f"two undisturbed runs already differ: {different}" if different else ""

    def _trials(self, end: End) -> Iterator[Trial]:
        yield self._twice("run twice in a row", forget=True)
        if end.saves:
            yield self._twice("run again from its last checkpoint", forget=False)
        for number in chosen(end.saves, self._random):
            yield self._killed(f"killed at save {number}, before it was kept", Kill(number))
            yield self._killed(f"killed at save {number}, after it was kept", Kill(number, kept=True))
        for _ in range(self._terms.kills):
            after = self._random.randint(0, max(1, end.took))
            yield self._killed(f"killed after {after:,} ms", Kill(after=after))
        if self._terms.overlap:
            yield self._overlapped()

    def _twice(self, what: str, *, forget: bool) -> Trial:
        task = self._task()
        end = task.run()
        if end.how == "returned":
            if forget:
                task.forget()
            end = task.run()
        return self._judged(what, task, end, runs=2)

    def _killed(self, what: str, kill: Kill) -> Trial:
        task = self._task()
        end = task.run(kill)
        killed, runs = int(end.how == "killed"), 1
        if not killed:
            what += " (it had ended by then)"
        while end.how != "returned" and runs <= AGAIN:
            end, runs = task.run(), runs + 1
        return self._judged(what, task, end, runs, killed)

    def _overlapped(self) -> Trial:
        task = self._task()
        ends = task.together(2)
        worst = next((end for end in ends if end.how != "returned"), ends[-1])
        return self._judged("two runs at once", task, worst, runs=2)

    def _judged(self, what: str, task: Task, end: End, runs: int, killed: int = 0) -> Trial:
        different = self._compared(task, end)
        self._clear(task)
        return Trial(what, runs, killed, not different, different)

    def _compared(self, task: Task, end: End) -> str:
        """The first difference to the undisturbed run, or nothing."""
        expected = self._expected
        if end.how != "returned" or expected is None:
            return f"it did not succeed: {said(end)}"
        if end.result != expected.end.result:
            return f"the result is {brief(end.result)} instead of {brief(expected.end.result)}"
        if (found := difference(expected.place, task.place, self._terms.outputs)) is not None:
            return found
        if task.state != expected.state:
            return f"the last checkpoint is {brief(task.state)} instead of {brief(expected.state)}"
        return ""

    # ------------------------------------------------------------ folders

    def _task(self) -> Task:
        self._made += 1
        place = self._root / f"{self._made}"
        files, work = self._terms.files, place / "work"
        if files is None:
            work.mkdir(parents=True)
        else:
            shutil.copytree(files, work, symlinks=True)
        scratch = place / "tmp"
        scratch.mkdir()
        return Task(self._subject, work, scratch)

    def _clear(self, task: Task) -> None:
        shutil.rmtree(task.place.parent, ignore_errors=True)


def chosen(saves: int, random: Random) -> list[int]:
    """At which saves to kill."""
    if saves <= MOST_SAVES:
        return list(range(1, saves + 1))
    between = random.sample(range(2, saves), MOST_SAVES - 2)
    return sorted({1, saves, *between})


def said(end: End) -> str:
    """How a run ended that did not return."""
    return {"too long": "it took longer than --timeout", "killed": "it was killed"}.get(end.how, end.told)


def brief(text: str | None) -> str:
    """A value as JSON, cut short."""
    if text is None:
        return "none"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
