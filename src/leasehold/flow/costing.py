"""What a deployment's queues cost, from what was metered; what its lost runs cost, from the newest runs on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from leasehold.core.costing import Bill, Counted, Place, Prices, Spent, Wasted, bill, share_of, wasted
from leasehold.core.errors import UsageError
from leasehold.core.metering import TASKS, Action, Metered
from leasehold.core.model import TERMINAL
from leasehold.core.units import HOUR
from leasehold.ports.views import RunTime, Views

SAMPLE = 10_000
"""Tasks of each handler and queue whose runs are looked at, the newest that have run."""
LOOKED = 100_000
"""Tasks among which they are looked for."""
CHUNK = 1_000
NEWEST = 1 << 62


class Wanted(NamedTuple):
    """What a bill is asked for."""

    since: int
    queue: str | None = None
    batch: str | None = None


class Costs(NamedTuple):
    """What was found."""

    since: int
    """The first hour that counts, as an instant."""
    until: int
    bill: Bill
    wasted: list[Wasted]
    notes: list[str]


class Sampled(NamedTuple):
    """Runs that were looked at, and whether they are all there are."""

    lost: Spent
    duplicate: Spent
    whole: bool


def costs(views: Views, place: Place, prices: Prices, wanted: Wanted, now: int) -> Costs:
    """What was spent. Raises ``UsageError`` for a queue or batch that does not exist."""
    queues = theirs(views, wanted)
    since = wanted.since // HOUR * HOUR
    metered = views.requests(since, now + HOUR)
    counted = [(each.queue, each.action, each.tally) for each in metered]
    tasks, notes = ended(metered, queues), list[str]()
    if queues is not None:
        counted, tasks = part_of(views, counted, metered, queues, wanted, notes)
    whole = bill(counted, tasks, place, prices)
    found = sample(views, wanted, queues, since)
    if not found.whole:
        notes.append(f"lost runs and duplicates are those of the newest {SAMPLE:,} tasks of each handler")
    notes += unknown(whole, place, prices)
    return Costs(since, now, whole, wasted(whole, found.lost, found.duplicate, prices), notes)


def theirs(views: Views, wanted: Wanted) -> set[str] | None:
    """The queues that are asked for; ``None``: all."""
    if wanted.batch is not None:
        cells = views.counts(batch=wanted.batch)
        if not cells:
            raise UsageError(f"there is no batch {wanted.batch!r}. See: leasehold batch ls")
        return {cell.queue for cell in cells if wanted.queue in {None, cell.queue}}
    if wanted.queue is None:
        return None
    names = [view.name for view in views.queues()]
    if wanted.queue not in names:
        raise UsageError(f"there is no queue {wanted.queue!r}. There are: {', '.join(names) or 'none'}")
    return {wanted.queue}


def ended(metered: Sequence[Metered], queues: set[str] | None) -> int:
    """Tasks that ended by a report, in these queues."""
    names = None if queues is None else {f"{TASKS}{name}" for name in queues}
    return sum(
        each.tally.messages
        for each in metered
        if each.action is Action.ENDED and (names is None or each.queue in names)
    )


def part_of(
    views: Views, counted: list[Counted], metered: Sequence[Metered], queues: set[str], wanted: Wanted, notes: list[str]
) -> tuple[list[Counted], int]:
    """The counts of these queues, with their share of what all queues share: by the tasks that ended in them."""
    every, here = ended(metered, None), ended(metered, queues)
    tasks, part = here, 1.0
    if wanted.batch is not None:
        done = sum(
            cell.tasks for cell in views.counts(batch=wanted.batch) if cell.queue in queues and cell.status in TERMINAL
        )
        tasks = min(done, here)
        part = tasks / here if here else 0.0
        notes.append("requests are not counted by batch: this is its share of its queues', by the tasks that ended")
    notes.append("the status and dead-letter queues serve all task queues: this is a share of them, likewise")
    rest = tasks / every if every else 0.0
    return share_of(counted, {f"{TASKS}{name}": part for name in queues}, rest), tasks


def unknown(whole: Bill, place: Place, prices: Prices) -> list[str]:
    """What cannot be said, and why."""
    notes: list[str] = []
    if not whole.lines:
        notes.append("nothing was counted in these hours; counts come in about a minute after they were made")
    elif not whole.tasks:
        notes.append("no task ended in these hours, so nothing is said per 1,000 tasks")
    if place is Place.DATABASE:
        notes.append("the queues are tables of the ledger's database: requests are its transactions, and cost nothing")
    if prices.slot_hour is None:
        notes.append("an hour of a slot has no price: set price_slot_hour to see what lost time costs")
    return notes


def sample(views: Views, wanted: Wanted, queues: set[str] | None, since: int) -> Sampled:
    """Runs for nothing among those of the newest tasks of each handler."""
    lost = duplicate = Spent()
    whole = True
    for name, queue, tasks in handlers(views):
        if queues is not None and queue not in queues:
            continue
        whole = whole and tasks <= SAMPLE
        winner = 0
        for each in newest_runs(views, name, queue, SAMPLE):
            meant = wanted.batch in {None, each.batch} and (each.started_at or each.lost_at or 0) >= since
            if each.outcome == "completed":
                if each.number == winner and meant:
                    duplicate = spent(duplicate, each.started_at, each.ended_at)
                winner = each.number
            elif each.outcome is None and each.lost_at is not None and meant:
                lost = spent(lost, each.started_at, each.lost_at)
    return Sampled(lost, duplicate, whole)


def spent(before: Spent, began: int | None, over: int | None) -> Spent:
    """One more run."""
    return Spent(before.runs + 1, before.ms + (0 if began is None or over is None else max(0, over - began)))


def handlers(views: Views) -> list[tuple[str, str, int]]:
    """Every handler and queue with tasks, and how many."""
    found: dict[tuple[str, str], int] = {}
    for cell in views.counts():
        found[cell.name, cell.queue] = found.get((cell.name, cell.queue), 0) + cell.tasks
    return [(*key, tasks) for key, tasks in sorted(found.items())]


def newest_runs(views: Views, name: str, queue: str, tasks: int) -> Iterator[RunTime]:
    """The runs of the newest tasks that ran, of a handler in a queue; those of one task together, by token."""
    below, found, looked = NEWEST, 0, 0
    while found < tasks and looked < LOOKED:
        runs = views.run_times(name, queue, below, CHUNK)
        if not runs:
            return
        ran = [each for each in runs if each.ran]
        yield from ran
        found += len({each.number for each in ran})
        looked, below = looked + CHUNK, runs[-1].number
