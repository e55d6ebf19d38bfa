"""The proof that nothing is lost: every task ended, or listed with its reason; and all that is said of it agrees.

Only reads. Everything is held against one snapshot of the ledger, in which nothing moves; the queues are counted before
and after it is taken. What may only have been caught on its way is looked at again before it is called wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from leasehold.core.transitions import ALLOWED
from leasehold.flow.auditing.census import HELD_BACK, KINDS, Census, flaws, reason_of
from leasehold.flow.auditing.census import SENTENCES as ROW_SENTENCES
from leasehold.flow.auditing.census import problem as problem_of
from leasehold.flow.auditing.overlaps import Overlaps
from leasehold.flow.auditing.queues import BETWEEN, Levels, Look, look_at, nothing_asked
from leasehold.flow.auditing.trails import SENTENCES as TRAIL_SENTENCES
from leasehold.flow.auditing.trails import Trails
from leasehold.flow.auditing.verdict import (
    Found,
    Overlap,
    Problem,
    QueueLevel,
    Refusals,
    Standing,
    StatusLevel,
    Verdict,
    said_of,
    said_of_forgotten,
)
from leasehold.flow.auditing.verdict import tasks as count_of
from leasehold.ports.inspection import Inspection, LineCount, Oddity, Quarantined
from leasehold.ports.views import Views

__all__ = [
    "CHECKS",
    "KINDS",
    "Look",
    "Overlap",
    "Problem",
    "QueueLevel",
    "Standing",
    "StatusLevel",
    "Terms",
    "Verdict",
    "audit",
    "look_at",
    "reason_of",
]

ODD_SENTENCES = {
    "row": "the rows of {tasks} hold what nothing writes, and cannot be read",
    "run": "runs of {tasks} hold what nothing writes, and cannot be read",
    "stray": "the ledger holds trails or runs of {tasks} without a row",
}
CHECKS = (*ROW_SENTENCES, *TRAIL_SENTENCES, *ODD_SENTENCES, "counters", "rule", "overlap", "status")
"""The words for everything that may be without an explanation."""
CHUNK = 2_000
"""Tasks looked at together."""
MISCOUNTS = 100
STORY = ("overlap", "late", "lost", "lapsed", "refunded", "refused", "expired", "dead-lettered", "voided", "recalled")
"""Lines of the trail that tell of something out of the ordinary."""


class Terms(NamedTuple):
    """What was agreed on where the ledger is."""

    topology: str = "two-queue"
    duplicates: bool = False
    """Whether the task queues may hand a message out twice at once (a standard queue of SQS)."""
    window: int | None = None
    """Messages of one queue that may wait unstarted."""


def audit(
    views: Views,
    look: Callable[[], Look] = nothing_asked,
    terms: Terms = Terms(),  # noqa: B008 - it never changes
    *,
    now: int | None = None,
    pause: Callable[[float], object] = lambda _: None,
) -> Verdict:
    """Look at every task once and hold all that is said of it against each other.

    ``look`` counts the messages on the queues; ``pause`` waits so many seconds before it is asked again. What is due is
    judged at ``now``, by default on the ledger's clock. Memory does not grow with the number of tasks. Raises
    ``LedgerUnavailable``.
    """
    reading = read(views, look, terms, now)
    census, trails, overlaps, levels = reading.census, reading.trails, reading.overlaps, reading.levels
    settle(levels, views, look, pause)
    suspects = list(still(census, views, now))
    held = [each for each in suspects if levels.behind and each.check in HELD_BACK]
    wrong = [each for each in suspects if each not in held]
    damaged, forged = reading.quarantined
    return Verdict(
        tasks=sum(census.states.values()) + reading.unreadable,
        states=dict(sorted(census.states.items())),
        standings=census.listed(),
        problems=[*wrong, *reading.problems, *overlaps.problems(), *levels.problems()],
        notes=[
            *held_back(held),
            *levels.notes(),
            *overlaps.notes(),
            *said_of(reading.quarantined),
            *said_of_forgotten(reading.forgotten),
        ],
        trails=trails.tasks,
        overlaps=overlaps.tasks,
        overlapping=overlaps.listed,
        quarantined=damaged + forged,
        forged=forged,
        refusals=reading.refusals,
        queues=levels.queues(),
        status=levels.status(),
        dead_letters=levels.dead_letters(),
        queues_asked=levels.all_asked,
    )


class Reading(NamedTuple):
    """What one snapshot says."""

    census: Census
    trails: Trails
    overlaps: Overlaps
    levels: Levels
    problems: Sequence[Problem]
    refusals: Refusals
    quarantined: Quarantined
    unreadable: int
    """Tasks whose row cannot be read."""
    forgotten: int
    """Tasks that are not kept any more."""


def read(views: Views, look: Callable[[], Look], terms: Terms, now: int | None) -> Reading:
    """Read the whole ledger at one instant, and count the queues just before and just after it."""
    first = look()
    with views.inspect() as inspection:
        levels = Levels(inspection.last_report(), first, terms.window)
        levels.add(look())
        census, trails = Census(now or inspection.now), Trails()
        overlaps = Overlaps(claimed=terms.topology == "single-queue", duplicates=terms.duplicates)
        for chunk in inspection.chunks(CHUNK):
            for one in chunk:
                census.take(one.task)
                trails.take(one)
                if one.runs:
                    overlaps.take(one.task, one.runs, views)
        levels.reckon(census)
        odd = inspection.oddities()
        problems = [*map(oddity, odd), *trails.problems(), *lines_of(inspection), *counters_of(inspection)]
        told = (refusals_of(inspection), inspection.quarantined())
        unreadable = sum(each.tasks for each in odd if each.check == "row")
        return Reading(census, trails, overlaps, levels, problems, *told, unreadable, forgotten_in(inspection))


def settle(levels: Levels, views: Views, look: Callable[[], Look], pause: Callable[[float], object]) -> None:
    """Look again while something about the queues looks wrong: what was only on its way has then arrived."""
    while levels.doubtful:
        pause(BETWEEN)
        seen = look()
        with views.inspect() as inspection:
            levels.again(seen, inspection.last_report(), views.queues())


def still(census: Census, views: Views, now: int | None) -> Iterator[Problem]:
    """Those problems of rows that are there when the rows are read once more."""
    with views.inspect() as inspection:
        judged_at = now or inspection.now
    for problem, suspects in census.problems():
        again = [view.task for task_id in suspects if (view := views.task(task_id)) is not None]
        wrong = [task.id for task in again if problem.check in set(flaws(task, judged_at))]
        if len(wrong) == len(suspects) or (wrong and problem.tasks > len(suspects)):
            yield problem._replace(example=wrong[0])
        elif wrong:
            yield problem_of(problem.check, Found(len(wrong), wrong[0]))


def held_back(held: Sequence[Problem]) -> Iterator[str]:
    """What the sweeper leaves alone as long as reports wait that may say otherwise."""
    for each in held:
        yield f"{each.sentence.partition(':')[0]}: held back while recorders catch up on the reports that wait"


def oddity(odd: Oddity) -> Problem:
    """What cannot be read, or belongs to no task."""
    told = ODD_SENTENCES[odd.check].format(tasks=count_of(odd.tasks))
    return Problem(odd.check, odd.tasks, odd.example, f"{told}; the first: {odd.told}")


def lines_of(inspection: Inspection) -> Iterator[Problem]:
    """Lines of trails that no rule writes."""
    wrong = [each for each in inspection.lines() if not allowed(each)]
    if wrong:
        first = wrong[0]
        told = f"{first.kind!r} from {first.before} to {first.after}"
        many = sum(each.lines for each in wrong)
        lines = "1 line of the trails is one" if many == 1 else f"{many:,} lines of the trails are such"
        yield Problem("rule", many, first.example, f"{lines} that no rule writes; the first: {told}")


def allowed(line: LineCount) -> bool:
    """Whether a rule writes such lines."""
    return (line.kind, line.before, line.after) in ALLOWED


def counters_of(inspection: Inspection) -> Iterator[Problem]:
    """Counters that differ from the tasks that they count: in one snapshot, so nothing moves between the two."""
    wrong = inspection.miscounts(MISCOUNTS)
    if wrong:
        cell, gap = wrong[0]
        more = "+" if len(wrong) == MISCOUNTS else ""
        differ = (
            "1 counter differs from the tasks it counts" if len(wrong) == 1 else f"{len(wrong)}{more} counters differ"
        )
        told = f"{differ}; the first, of {', '.join(cell)}, by {gap:+,}"
        yield Problem("counters", sum(abs(each.gap) for each in wrong), "", told)


def refusals_of(inspection: Inspection) -> Refusals:
    """What came and was not taken for news, by reason."""
    happened = inspection.happened()
    kinds: Counter[str] = Counter()
    for line in inspection.lines():
        kinds[line.kind] += line.lines
    return Refusals(
        repeated=happened.get("repeated", 0),
        ignored=reasons(happened, "ignored: "),
        claims=reasons(happened, "refused: "),
        story={kind: kinds[kind] for kind in STORY},
    )


def forgotten_in(inspection: Inspection) -> int:
    """How many tasks ended so long ago that they are not kept any more."""
    return sum(count for what, count in inspection.happened().items() if what.startswith("forgotten"))


def reasons(happened: Mapping[str, int], kind: str) -> dict[str, int]:
    """Counts of one kind, by their reason."""
    return {what.removeprefix(kind): count for what, count in sorted(happened.items()) if what.startswith(kind)}
