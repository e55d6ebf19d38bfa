"""A history that broke a law, told for a person."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.crash.board import AFTER, Note
from tests.crash.history import Outcome
from tests.crash.laws import Ended, Story

AROUND = 8
"""Lines of the journal that are told before a death, and after it."""


def spelled(point: int) -> str:
    """A point as it is written on the command line: ``57.after``."""
    return f"{point // 2}.{'after' if point % 2 == AFTER else 'before'}"


def parsed(text: str) -> int:
    """The point that was written so."""
    number, _, side = text.partition(".")
    return 2 * int(number) + ("before", "after").index(side)


def command(site: str, deaths: Sequence[int]) -> str:
    """What plays it again."""
    return f"PYTHONPATH=src python -m tests.crash {shlex.join(['--site', site, *map(spelled, deaths)])}"


def told(outcome: Outcome, *, whole: bool = False) -> str:
    """What went wrong, where death came, and what the ledger says of the tasks concerned."""
    lines = [f"{outcome.site}, death at {', '.join(map(spelled, outcome.deaths)) or 'no point'}:"]
    lines += (f"  BROKEN: {problem}" for problem in outcome.problems)
    lines += (f"  {line}" for line in around(outcome.ended.journal, outcome.deaths, whole=whole))
    for name, story in outcome.ended.stories.items():
        if whole or any(problem.startswith(f"{name}:") for problem in outcome.problems):
            lines += (f"  {line}" for line in trail(story))
    return "\n".join([*lines, f"  again: {command(outcome.site, outcome.deaths)}"])


def around(journal: Sequence[Note], deaths: Sequence[int], *, whole: bool) -> Iterator[str]:
    """The journal near each death."""
    places = [place for place, note in enumerate(journal) if note.kind == "died"]
    for place, (kind, at, said) in enumerate(journal):
        near = any(-AROUND <= place - death <= AROUND for death in places)
        if not (whole or near):
            continue
        if kind != "boundary":
            yield f"{at:>7} ms  {kind.upper()} {' '.join(str(value) for value in said.values())}"
            continue
        deadly = " or ".join(spelled(death).partition(".")[2] for death in deaths if death // 2 == said["number"])
        where = f"{said['actor']}/{said['role']}: {said['call']}: {said['what']}"
        yield f"{at:>7} ms  {said['number']:>4} {where}{f'   <== DEATH {deadly} it' if deadly else ''}"


def trail(story: Story) -> Iterator[str]:
    """What the ledger says of one task."""
    task = story.task
    began = task.created_at
    yield f"{task.name} {task.id}: {task.status}, {task.attempts} attempts, {task.losses} losses; its trail:"
    for line in story.trail:
        step = f"{line.kind}: {line.before} -> {line.after} ({line.n}.{line.r})"
        yield f"    {line.at - began:>7} ms  {step} {line.detail or ''}"


def table(site: str, journal: Sequence[Note]) -> Iterator[str]:
    """How many boundaries each role crosses in a history without a death."""
    crossed = Counter(
        (note.said["actor"].partition("-")[0], note.said["role"]) for note in journal if note.kind == "boundary"
    )
    yield f"{site}: {sum(crossed.values())} boundaries, {len(points(journal))} points"
    for (actor, role), count in crossed.items():
        yield f"    {actor:<13} {role:<13} {count:>4}"


def points(journal: Sequence[Note]) -> list[int]:
    """Every point at which a death can be told from all others.

    Before each boundary; and after it, unless the very next thing that happens anywhere is that the same process comes
    to its next boundary: to die then is to die before that.
    """
    found: list[int] = []
    for note, following in zip(journal, [*journal[1:], None], strict=True):
        if note.kind == "boundary":
            number, actor = note.said["number"], note.said["actor"]
            alike = following is not None and following.kind == "boundary" and following.said["actor"] == actor
            found += [2 * number] if alike else [2 * number, 2 * number + 1]
    return found


def boundaries(end: Ended) -> list[Note]:
    """What a history crossed, in order."""
    return [note for note in end.journal if note.kind == "boundary"]
