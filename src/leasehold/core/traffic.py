"""How many requests work asks of queues, and how many transactions of the database: by how full each of them is."""

from __future__ import annotations

from math import ceil, inf
from typing import NamedTuple

from leasehold.core.measured import COMPLETED_BYTES, MESSAGE_BYTES, RECORDING, STARTED_BYTES, Backend
from leasehold.core.metering import DEAD, STATUS, STEP, TASKS, Action, Cause, cause_of
from leasehold.core.units import MINUTE, SECOND

TEN = 10
"""Entries of one request to SQS."""
LINGER = {True: 200, False: 10}
"""ms that a worker collects reports, on SQS and in a database (``backends.Tempo``)."""
AHEAD = {True: 20, False: 100}
"""Messages fetched beyond the free slots where runs are short, likewise."""
ENOUGH = 200
"""Reports for which a worker waits no longer (``flow/reporter.py``)."""
SHORT_WAIT = 0.1
"""Share of a lease that a fetched message may wait for its slot (``flow/lease.py``)."""
SOON = 5_000
"""ms within which it has to begin, likewise."""
SMALLEST_WINDOW, LARGEST_WINDOW = 10, 10_000
GUARD = 100_000
"""Messages of one queue that are out at once, as dispatchers hold it."""
SQS_IN_FLIGHT = 120_000
POLL = 20 * SECOND
CHUNK = 1_000
"""Rows of a submit, and changes of a recording transaction, at most."""
DISPATCHED = 500


class Work(NamedTuple):
    """What is to be done, and by whom. Durations are ms."""

    tasks: int
    p50: int
    p99: int
    """As ``p50``, where every run takes the same time."""
    workers: int
    slots: int
    backend: Backend
    lease: int = 30 * MINUTE
    margin: int = 16 * SECOND
    arguments: int = 100
    """Bytes of one task's; likewise ``result``."""
    result: int = 100
    interruptions: float = 0.0
    """Of one worker in an hour."""
    checkpoint: int | None = None
    """How often (ms) a run saves a checkpoint; ``None``: an interrupted run begins anew."""
    orchestrators: int = 1
    database_cores: int = 2
    inline: int = 48 * 1024
    """Bytes beyond which arguments and results go to the store."""


class Asked(NamedTuple):
    """Requests of one action on the queues of one role."""

    queue: str
    action: Action
    requests: float
    billed: float
    empty: bool = False

    @property
    def cause(self) -> Cause:
        """What they are for."""
        if self.empty:
            return Cause.EMPTY if self.queue == TASKS else Cause.IDLE
        return cause_of(self.queue, self.action)


class Flow:
    """How full requests are, by how much happens while each of them is collected."""

    def __init__(self, work: Work, mean: float, tries: float, rate: float, ms: float | None) -> None:
        self.work = work
        self.mean = mean
        self.runs = work.tasks * tries if tries < inf else 0.0
        self.seconds = (ms or 0.0) / SECOND
        self.rate = min(rate, self.runs / self.seconds) if self.seconds else 0.0
        self.each = self.rate / work.workers if work.workers else 0.0
        """Runs a second of one worker."""
        at_once = min(work.tasks, work.workers * work.slots)
        self.window = min(LARGEST_WINDOW, max(SMALLEST_WINDOW, self.rate * 60, at_once / 4))
        self.in_flight = min(work.tasks, GUARD, work.workers * (work.slots + self.ahead))

    @property
    def ahead(self) -> int:
        """Messages that a worker fetches beyond its free slots."""
        may_wait = min(SHORT_WAIT * self.work.lease, SOON) * self.work.slots
        return min(AHEAD[self.work.backend.on_sqs], int(may_wait / max(1, self.work.p99)))

    def asked(self) -> list[Asked]:
        """Every request to a queue."""
        work, runs = self.work, self.runs
        sent = runs / self.fill_of_dispatch()
        size = MESSAGE_BYTES.value or 0
        body = size + (work.arguments if work.arguments <= work.inline else 0)
        received = runs / self.fill_of_receive()
        deleted = work.tasks / self.together(self.each)
        found = [
            Asked(TASKS, Action.SEND, sent, max(sent, runs * body / STEP)),
            Asked(TASKS, Action.RECEIVE, received, max(received, runs * body / STEP)),
            Asked(TASKS, Action.DELETE, deleted, deleted),
            *self._given_back(),
            *(self._reports() if work.backend.reports else []),
            *self._idle(),
        ]
        return [each for each in found if each.requests > 0]

    def fill_of_dispatch(self) -> float:
        """Messages of one send: as many as ended while one step of a recorder took, up to ten."""
        step = self.rate * (RECORDING.value or 0) / SECOND
        began = min(self.window, self.runs)  # the first window goes out in full requests
        steady = min(float(TEN), 1 + step)
        rest = self.runs - began
        return self.runs / (began / TEN + rest / steady) if self.runs else 1.0

    def fill_of_receive(self) -> float:
        """Messages of one receive: where runs are short enough to fetch ahead, bites of half of what may wait."""
        free = min(self.work.slots, max(1.0, self.each * 2 * LINGER[True] / SECOND)) if self.work.slots else 1.0
        return min(float(TEN), max(1.0, self.ahead / 2, free if self.mean < SECOND else 1.0))

    def together(self, each_second: float) -> float:
        """How many of what happens so often on one worker share a request: the first, and those while it lingers."""
        return min(float(TEN), 1 + each_second * LINGER[self.work.backend.on_sqs] / SECOND)

    def _given_back(self) -> list[Asked]:
        again = max(0.0, self.runs - self.work.tasks)
        return [Asked(TASKS, Action.CHANGE, again, again)]

    @property
    def updates(self) -> float:
        """Reports of one run: a short one's Started is not sent, for its end says it all."""
        return 1.0 if self.mean < LINGER[self.work.backend.on_sqs] else 2.0

    def _reports(self) -> list[Asked]:
        work, linger = self.work, LINGER[self.work.backend.on_sqs]
        result = work.result if work.result <= work.inline else 0
        size = (COMPLETED_BYTES.value or 0) + result + (STARTED_BYTES.value or 0) * (self.updates - 1)
        posts = self.runs * self.updates / min(ENOUGH, 1 + self.each * self.updates * linger / SECOND)
        messages = max(posts, self.runs * size / STEP)
        taken = min(float(TEN), 1 + messages / max(self.seconds, 1e-9) * (RECORDING.value or 0) / SECOND)
        received = messages / taken
        billed = max(posts, self.runs * size / STEP)
        return [
            Asked(STATUS, Action.SEND, posts, billed),
            Asked(STATUS, Action.RECEIVE, received, max(received, self.runs * size / STEP)),
            Asked(STATUS, Action.DELETE, received, received),
        ]

    def _idle(self) -> list[Asked]:
        """Looks that bring nothing: at the dead letters, and of workers that have nothing to do."""
        if not self.work.backend.on_sqs:
            return []
        looks = self.seconds * SECOND / POLL
        slots = self.work.workers * self.work.slots
        used = min(1.0, self.work.tasks / slots) if slots else 1.0
        dead, idle = looks * self.work.orchestrators, looks * self.work.workers * (1 - used)
        return [
            Asked(DEAD, Action.RECEIVE, dead, dead, empty=True),
            Asked(TASKS, Action.RECEIVE, idle, idle, empty=True),
        ]

    def transactions(self) -> float:
        """Of the database: to submit, dispatch, record; with claims also for each start and for each report."""
        work = self.work
        step = max(1.0, self.rate * (RECORDING.value or 0) / SECOND)
        submits, dispatches = ceil(work.tasks / CHUNK), self.runs / min(DISPATCHED, step)
        if work.backend.reports:
            return submits + dispatches + self.runs * self.updates / min(CHUNK, step * self.updates)
        per_worker = 1 + self.each * LINGER[True] / SECOND
        return submits + dispatches + 2 * self.runs / per_worker
