"""The figures of a ledger for those who watch it by machine: what there is, and what each is now.

All of it comes from counters, from a few rows of indexes and from the hours of requests: asking is cheap, however large
the ledger is. What no ledger knows is not here: how many slots are idle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from leasehold.core.costing import Place, Prices
from leasehold.core.happening import (
    DEAD_LETTERED,
    ENDED,
    EXPIRED,
    LAGGED,
    LOST,
    RAN,
    RETRIED,
    STARTED,
    TIMED,
    UNSENDABLE,
    VOIDED,
    WAITED,
    Histogram,
    by_queue,
    histogram,
)
from leasehold.core.metering import STATUS, TASKS, TASKS_COUNTED, Action, Tally
from leasehold.core.transitions import DUE, IN_PROGRESS, LAPSED, OUT, QUEUED
from leasehold.core.units import DAY, HOUR, MINUTE, SECOND
from leasehold.ports.pulse import Pulse
from leasehold.ports.views import QueueView, Views

REPEATED, IGNORED, REFUSED = "repeated", "ignored: ", "refused: "
LOOKS_LAST = 5 * MINUTE
"""ms for which a window is told though no orchestrator tells another: each does so once a minute."""
Labels = tuple[str, ...]
Spent = Mapping[tuple[str, Action], Tally]


class Family(NamedTuple):
    """One figure with its labels; ``kind`` is ``gauge``, ``counter`` or ``histogram``."""

    name: str
    kind: str
    help: str
    labels: Labels = ()


class Sample(NamedTuple):
    """One value of a family. Durations are in seconds, but for those in a histogram's steps (ms)."""

    family: str
    labels: Labels
    value: float | Histogram


Q = ("queue",)
OF_REQUESTS = ("queue", "action")
FAMILIES: Sequence[Family] = (
    Family("leasehold_tasks", "gauge", "Tasks by where they stand; why is empty unless pending", (*Q, "state", "why")),
    Family("leasehold_in_flight", "gauge", "Tasks that are dispatched and have not ended", Q),
    Family("leasehold_window", "gauge", "How many messages might wait on the queue, on average of the last looks", Q),
    Family("leasehold_backlog_per_slot", "gauge", "Tasks that wait to run for each one that runs; scale on it", Q),
    Family("leasehold_queue_paused", "gauge", "1 while nothing of the queue is dispatched", Q),
    Family("leasehold_oldest_waiting_seconds", "gauge", "Longest wait so far, by reason to wait", (*Q, "why")),
    Family("leasehold_tasks_ended_total", "counter", "Outcomes of tasks", (*Q, "status")),
    Family("leasehold_tasks_retried_total", "counter", "Tasks that people or programs took up again", Q),
    Family("leasehold_runs_started_total", "counter", "Runs that began", Q),
    Family("leasehold_run_seconds", "histogram", "How long runs took", (*Q, "outcome")),
    Family("leasehold_wait_seconds", "histogram", "From when a task was due to the begin of the run that ended it", Q),
    Family("leasehold_losses_total", "counter", "Losses that were charged to tasks, by cause", (*Q, "cause")),
    Family("leasehold_leases_overrun", "gauge", "Tasks in progress whose lease is over (up to 10,000)"),
    Family("leasehold_dispatches_expired_total", "counter", "Messages that no worker took in time", Q),
    Family("leasehold_dispatches_voided_total", "counter", "Messages that were lost", Q),
    Family("leasehold_dead_letters_total", "counter", "Messages that the queue took off after too many receives", Q),
    Family("leasehold_unsendable_total", "counter", "Messages that a queue would not take", Q),
    Family("leasehold_reports_repeated_total", "counter", "Reports that came again", Q),
    Family("leasehold_reports_ignored_total", "counter", "Reports that changed nothing", Q),
    Family("leasehold_claims_refused_total", "counter", "Runs that were not granted", Q),
    Family("leasehold_quarantined_messages", "gauge", "Messages kept that could not be understood (up to 10,000)"),
    Family("leasehold_status_lag_seconds", "histogram", "Age of the oldest report each time that reports are recorded"),
    Family("leasehold_overdue_tasks", "gauge", "Tasks for which an orchestrator should have done something by now"),
    Family("leasehold_overdue_seconds", "gauge", "Since when the first of them is overdue; 0: none is"),
    Family("leasehold_counts_unfolded", "gauge", "Changes of counters that no orchestrator has added up yet"),
    Family("leasehold_requests_total", "counter", "Requests to queues", OF_REQUESTS),
    Family("leasehold_requests_billed_total", "counter", "The same as SQS bills them", OF_REQUESTS),
    Family("leasehold_requests_empty_total", "counter", "Receives that brought nothing", OF_REQUESTS),
    Family("leasehold_requests_failed_total", "counter", "Requests that failed", OF_REQUESTS),
    Family("leasehold_cost_dollars_total", "counter", "What they cost at the prices of the settings", OF_REQUESTS),
)
"""All figures, in the order in which they are told."""

COUNTED: Mapping[str, str] = {
    "leasehold_tasks_retried_total": RETRIED,
    "leasehold_runs_started_total": STARTED,
    "leasehold_dispatches_expired_total": EXPIRED,
    "leasehold_dispatches_voided_total": VOIDED,
    "leasehold_dead_letters_total": DEAD_LETTERED,
    "leasehold_unsendable_total": UNSENDABLE,
    "leasehold_reports_repeated_total": REPEATED,
}
"""Counters of one word each."""
LABELLED: Mapping[str, str] = {"leasehold_tasks_ended_total": ENDED, "leasehold_losses_total": LOST}
"""Counters whose label is what follows these words."""
SUMMED: Mapping[str, str] = {"leasehold_reports_ignored_total": IGNORED, "leasehold_claims_refused_total": REFUSED}
"""Counters of all that begins so: there is a text behind it."""


def samples(
    queues: Sequence[QueueView], pulse: Pulse, spending: Spending, place: Place, prices: Prices
) -> Iterator[Sample]:
    """What each figure is now."""
    happened = by_queue(pulse.happened)
    for view in queues:
        yield from standing(view)
        yield from counters(view.name, happened.get(view.name, {}))
    for queue, why, since in pulse.waiting:
        yield Sample("leasehold_oldest_waiting_seconds", (queue, why.value), seconds(pulse.now - since))
    yield Sample("leasehold_status_lag_seconds", (), histogram(happened.get(STATUS, {}), LAGGED))
    yield Sample("leasehold_leases_overrun", (), pulse.overrun)
    yield Sample("leasehold_overdue_tasks", (), pulse.owed)
    overdue = 0 if pulse.owed_since is None else pulse.now - pulse.owed_since
    yield Sample("leasehold_overdue_seconds", (), seconds(overdue))
    yield Sample("leasehold_counts_unfolded", (), pulse.unfolded)
    yield Sample("leasehold_quarantined_messages", (), pulse.quarantined)
    for queue, size in sorted(spending.windows.items()):
        yield Sample("leasehold_window", (queue,), size)
    yield from requests(spending.spent, place, prices)


def standing(view: QueueView) -> Iterator[Sample]:
    """Where the tasks of a queue stand."""
    counts = view.counts
    for state, tasks in sorted(counts.items()):
        status, _, why = state.partition("/")
        yield Sample("leasehold_tasks", (view.name, status, why), tasks)
    yield Sample("leasehold_in_flight", (view.name,), in_flight(view))
    yield Sample("leasehold_backlog_per_slot", (view.name,), backlog_per_slot(view))
    yield Sample("leasehold_queue_paused", (view.name,), int(view.paused))


def in_flight(view: QueueView) -> int:
    """Tasks that are dispatched and have not ended: what the queue's limit of messages in flight is about."""
    return sum(view.counts.get(state, 0) for state in OUT)


def waiting(view: QueueView) -> int:
    """Tasks that would run now if there were a slot for them."""
    return sum(view.counts.get(state, 0) for state in (DUE, QUEUED, LAPSED))


def backlog_per_slot(view: QueueView) -> float:
    """Tasks that wait for each one that runs. While any wait, every slot there is runs one: so that is their number."""
    return waiting(view) / max(1, view.counts.get(IN_PROGRESS, 0))


def counters(queue: str, happened: Mapping[str, int]) -> Iterator[Sample]:
    """What has happened in a queue so far; what has not yet is 0, so that the first time is seen as a rise."""
    for family, word in COUNTED.items():
        yield Sample(family, (queue,), happened.get(word, 0))
    for family, begin in SUMMED.items():
        yield Sample(family, (queue,), sum(times for what, times in happened.items() if what.startswith(begin)))
    for family, begin in LABELLED.items():
        for label in LABELS[begin]:
            yield Sample(family, (queue, label), happened.get(f"{begin}{label}", 0))
    for outcome in TIMED:
        yield Sample("leasehold_run_seconds", (queue, outcome), histogram(happened, f"{RAN}{outcome}"))
    yield Sample("leasehold_wait_seconds", (queue,), histogram(happened, WAITED))


LABELS: Mapping[str, Labels] = {
    ENDED: ("completed", "failed", "cancelled"),
    LOST: ("lapsed", "recalled", "overtaken"),
}


def requests(spent: Spent, place: Place, prices: Prices) -> Iterator[Sample]:
    """Requests to queues, and what they cost."""
    for (queue, action), tally in sorted(spent.items()):
        labels = (queue, action.value)
        yield Sample("leasehold_requests_total", labels, tally.requests)
        yield Sample("leasehold_requests_billed_total", labels, tally.billed)
        yield Sample("leasehold_requests_failed_total", labels, tally.failed)
        yield Sample("leasehold_cost_dollars_total", labels, tally.billed * prices.of(place, queue, action))
        if action is Action.RECEIVE:
            yield Sample("leasehold_requests_empty_total", labels, tally.empty)


def seconds(ms: int) -> float:
    """Never less than none: two clocks may differ."""
    return max(0, ms) / SECOND


class Spending:
    """Requests since it was first asked: a count that only grows, though the ledger forgets its hours.

    Counts that come to be known more than a day late are left out.
    """

    def __init__(self) -> None:
        self.spent: dict[tuple[str, Action], Tally] = {}
        """By queue and action."""
        self.windows: Mapping[str, float] = {}
        """How many messages might wait on each queue, on average of the looks that came to be known last; nothing where
        these are long past."""
        self._since: int | None = None
        self._settled: dict[tuple[str, Action], Tally] = {}
        """What is added to the hours from ``since`` on; less than nothing at first, for what was there before."""
        self._looked: Spent = {}
        self._looked_at = 0

    def read(self, views: Views, now: int) -> Spent:
        """By queue and action."""
        hour = now // HOUR * HOUR
        if self._since is None:
            self._since = hour - DAY
            self._add(views, self._since, hour + HOUR, -1)
        if self._since < hour - 2 * DAY:
            self._add(views, self._since, hour - DAY, 1)
            self._since = hour - DAY
        found = dict(self._settled)
        for each in views.requests(self._since, hour + HOUR):
            cell = (each.queue, each.action)
            found[cell] = each.tally.plus(found.get(cell, Tally()))
        for cell, tally in found.items():
            if cell[1] not in TASKS_COUNTED:
                self.spent[cell] = Tally(*map(max, tally, self.spent.get(cell, Tally())))
        self._look(found, now)
        return self.spent

    def _look(self, found: Spent, now: int) -> None:
        looks = (STATUS, Action.WAITED)
        more = found.get(looks, Tally()).requests - self._looked.get(looks, Tally()).requests
        if more > 0:
            sizes = {
                cell[0].removeprefix(TASKS): tally.messages - self._looked.get(cell, Tally()).messages
                for cell, tally in found.items()
                if cell[1] is Action.WINDOW
            }
            self.windows = {queue: size / more for queue, size in sizes.items() if size > 0}
            self._looked, self._looked_at = found, now
        elif now - self._looked_at > LOOKS_LAST:
            self.windows = {}

    def _add(self, views: Views, since: int, until: int, sign: int) -> None:
        for each in views.requests(since, until):
            cell = (each.queue, each.action)
            tally = Tally(*(sign * count for count in each.tally))
            self._settled[cell] = tally.plus(self._settled.get(cell, Tally()))
