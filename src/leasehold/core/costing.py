"""What requests to queues cost, and how much of that was for nothing. What is not known is ``None``, never a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from leasehold.core.metering import DEAD, TASKS, Action, Cause, Tally, by_cause
from leasehold.core.units import HOUR

MILLION = 1_000_000
THOUSAND = 1_000
STANDARD, FIFO = 0.40, 0.50
SOURCE = "Amazon SQS pricing, US East (N. Virginia), first tier of requests, as published in 2026-06"
"""Where the default prices come from. The million requests a month that are free are not taken off, and the surcharge
for fair queues is not put on."""


class Place(StrEnum):
    """Where the queues are, which decides what a request costs."""

    DATABASE = "database"
    SQS = "sqs"
    FIFO = "sqs fifo"


class Prices(NamedTuple):
    """In dollars."""

    standard: float = STANDARD
    """For a million requests, as billed, to standard queues."""
    fifo: float = FIFO
    """The same for FIFO queues."""
    slot_hour: float | None = None
    """For an hour of one slot: the price of a machine's hour, over its slots."""

    def of(self, place: Place, queue: str, action: Action) -> float:
        """One request. Of a FIFO deployment the task queues are FIFO queues, and their dead-letter queue."""
        if place is Place.DATABASE:
            return 0.0
        fifo = place is Place.FIFO and (queue.startswith(TASKS) or queue == DEAD) and action is not Action.OTHER
        return (self.fifo if fifo else self.standard) / MILLION


class Line(NamedTuple):
    """All requests of one cause."""

    cause: Cause
    tally: Tally
    dollars: float


class Spent(NamedTuple):
    """Runs whose work was for nothing."""

    runs: int = 0
    ms: int = 0
    """How long they ran, as far as that is known."""


class Wasted(NamedTuple):
    """What was paid for nothing: requests, and the time of slots, each ``None`` where its price is not known."""

    what: str
    requests: int
    runs: int
    ms: int
    requests_dollars: float | None
    time_dollars: float | None


class Bill(NamedTuple):
    """What the queues cost."""

    tasks: int
    """Tasks that ended by a report."""
    lines: list[Line]

    @property
    def total(self) -> Tally:
        """All requests."""
        together = Tally()
        for line in self.lines:
            together = together.plus(line.tally)
        return together

    @property
    def dollars(self) -> float:
        """All of it."""
        return sum(line.dollars for line in self.lines)

    def per_thousand(self, amount: float) -> float | None:
        """The part of 1,000 tasks; ``None`` where none ended."""
        return amount * THOUSAND / self.tasks if self.tasks else None

    def of_a_delivery(self) -> float | None:
        """What it costs to bring one task to a worker and to hear of its run; ``None`` where none was received.

        A message brings several tasks where they are bundled: then there are fewer messages than tasks that ended.
        """
        received = sum(line.tally.messages for line in self.lines if line.cause is Cause.RECEIVE)
        busy = sum(line.dollars for line in self.lines if line.cause not in {Cause.EMPTY, Cause.IDLE})
        return busy / max(received, self.tasks) if received else None


Counted = tuple[str, Action, Tally]


def bill(counted: Iterable[Counted], tasks: int, place: Place, prices: Prices) -> Bill:
    """Requests by what they were for, and what they cost."""
    found = list(counted)
    dollars: dict[Cause, float] = {}
    for each in found:
        price = prices.of(place, each[0], each[1])
        for cause, tally in by_cause([each]).items():
            dollars[cause] = dollars.get(cause, 0.0) + tally.billed * price
    return Bill(tasks, [Line(cause, tally, dollars[cause]) for cause, tally in by_cause(found).items()])


def share_of(counted: Iterable[Counted], part: Mapping[str, float], rest: float) -> list[Counted]:
    """The part of each queue's counts that is asked for: ``rest`` of what all task queues share, none of other ones."""
    return [
        (queue, action, scaled(tally, part.get(queue, 0.0) if queue.startswith(TASKS) else rest))
        for queue, action, tally in counted
    ]


def scaled(tally: Tally, part: float) -> Tally:
    """A part of it, in whole requests."""
    return tally if part == 1 else Tally(*(round(each * part) for each in tally))


def wasted(whole: Bill, lost: Spent, duplicate: Spent, prices: Prices) -> list[Wasted]:
    """What idle looks, lost runs and successes beyond a task's first have cost."""
    idle = [line for line in whole.lines if line.cause in {Cause.EMPTY, Cause.IDLE}]
    looks = sum(line.tally.requests for line in idle)
    return [
        Wasted("idle polls", looks, 0, 0, sum(line.dollars for line in idle), None),
        *(
            _run_for_nothing(what, spent, whole, prices)
            for what, spent in (("lost runs", lost), ("duplicates", duplicate))
        ),
    ]


def _run_for_nothing(what: str, spent: Spent, whole: Bill, prices: Prices) -> Wasted:
    each = whole.of_a_delivery()
    asked = 0.0 if not spent.runs else None if each is None else spent.runs * each
    time = None if prices.slot_hour is None else spent.ms / HOUR * prices.slot_hour
    return Wasted(what, 0, spent.runs, spent.ms, asked, time)
