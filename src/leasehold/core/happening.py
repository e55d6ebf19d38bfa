"""What is counted of what happens to tasks: counts that only grow, so that two looks at them give a rate.

A change of a task's state counts under each of the words of its line of the trail. How long runs took, and how long
tasks waited for them, is counted by steps, as a histogram.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from leasehold.core.model import TERMINAL, Audit, Decision, Task, Why
from leasehold.core.transitions import ALLOWED

STARTED, EXPIRED, RETRIED = "started", "expired", "retried"
DEAD_LETTERED, UNSENDABLE, VOIDED = "dead-lettered", "unsendable", "voided"
ENDED, LOST = "ended ", "lost "
LOSSES: Mapping[str, str] = {"lapsed": "lapsed", "recalled": "recalled", "lost": "overtaken"}
"""Lines that cost a task a loss, and what that was: the lease ran out in silence, the platform took the machine, a
newer run of the same message came. A receive of which nobody ever heard is in none of them."""
PLAIN = frozenset({STARTED, EXPIRED, RETRIED, DEAD_LETTERED, UNSENDABLE, VOIDED})
FINAL = frozenset(status.value for status in TERMINAL)


def words(kind: str, before: str, after: str) -> tuple[str, ...]:
    """What such a line counts under."""
    plain = (kind,) if kind in PLAIN else ()
    lost = (f"{LOST}{LOSSES[kind]}",) if kind in LOSSES else ()
    return (*plain, *lost, *((f"{ENDED}{after}",) if ends(before, after) else ()))


def ends(before: str, after: str) -> bool:
    """Whether a line of the trail gives a task its outcome."""
    return after in FINAL and before not in FINAL


COUNTED: Mapping[tuple[str, str, str], tuple[str, ...]] = {line: told for line in ALLOWED if (told := words(*line))}
"""The lines that count, and under what: this is asked of every line that is written."""


def counted(line: Audit) -> tuple[str, ...]:
    """What a line of the trail counts under."""
    return COUNTED.get(line[2:5], ())


# ---------------------------------------------------------------------------------------------------------------- times

STEPS = (10, 100, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000)
"""ms: up to which length durations are counted together. Fixed, since they are part of what the ledger keeps."""
RAN, WAITED, LAGGED = "ran ", "waited", "lagged"
TIMED = ("completed", "failed")
"""Outcomes of runs whose time is counted."""
UP_TO, BEYOND, MS = " up to ", " beyond", " ms"


class Happened(NamedTuple):
    """How often something has happened in a queue since the ledger was made."""

    queue: str
    what: str
    times: int


def lasted(what: str, ms: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """What a duration counts under: one in its step, and all of its ms."""
    step = next((f"{UP_TO}{step}" for step in STEPS if ms <= step), BEYOND)
    return (f"{what}{step}", 1), (f"{what}{MS}", max(0, ms))


def timed(decided: Decision) -> list[tuple[str, int]]:
    """Durations (ms) that a report brings: of its run, and, where it ended the task, of the wait before that run.

    The wait is counted from when the task was due. A task that went out several times waited through its lost runs too.
    """
    found: list[tuple[str, int]] = []
    for fact in decided.facts:
        if fact.outcome in TIMED and fact.started_at is not None and fact.ended_at is not None:
            found.append((f"{RAN}{fact.outcome}", fact.ended_at - fact.started_at))
            if any(ends(line.before, line.after) for line in decided.audit) and fact.started_at >= decided.task.due_at:
                found.append((WAITED, fact.started_at - decided.task.due_at))
    return found


def waits_since(task: Task) -> int:
    """From when on a pending task counts as waiting: the submit, or the end of its delay while it goes out at first.

    A task that goes out again and again, or is tried again later, does not look young: it counts from its submit.
    """
    at_first = (task.why is Why.DUE and task.n == 0) or (task.why is Why.QUEUED and task.n == 1)
    return task.due_at if at_first else task.created_at


class Histogram(NamedTuple):
    """How long something took, of all times that it happened. ``steps``: how many took up to each of ``STEPS`` ms."""

    steps: tuple[int, ...]
    times: int
    ms: int

    def share(self, part: float) -> int | None:
        """Up to how many ms that part of them took, rounded up to a step; ``None``: nothing happened, or beyond all."""
        reached = (step for step, so_far in zip(STEPS, self.steps, strict=True) if so_far >= part * self.times)
        return next(reached, None) if self.times else None


def histogram(happened: Mapping[str, int], what: str) -> Histogram:
    """From the counts of one queue, or of several together."""
    each = [happened.get(f"{what}{UP_TO}{step}", 0) for step in STEPS]
    so_far = tuple(sum(each[: place + 1]) for place in range(len(each)))
    return Histogram(so_far, so_far[-1] + happened.get(f"{what}{BEYOND}", 0), happened.get(f"{what}{MS}", 0))


def by_queue(happened: Iterable[Happened]) -> dict[str, dict[str, int]]:
    """The same by queue and word."""
    queues: dict[str, dict[str, int]] = {}
    for queue, what, times in happened:
        queues.setdefault(queue, {})[what] = times
    return queues
