"""How many requests work asks of queues, and how many transactions of the database: by how full each of them is."""

from __future__ import annotations

from math import ceil, inf
from typing import NamedTuple

from leasehold.core.measured import COMPLETED_BYTES, MEMBER_BYTES, MESSAGE_BYTES, RECORDING, STARTED_BYTES, Backend
from leasehold.core.metering import DEAD, STATUS, STEP, TASKS, Action, Cause, cause_of
from leasehold.core.units import MINUTE, SECOND

TEN = 10
"""Entries of one request to SQS."""
LINGER = 200
"""ms that a worker collects reports, on SQS and while more tasks wait in line, as they do in a plan (``backends``)."""
AHEAD = {True: 20, False: 100}
"""Messages fetched beyond the free slots where runs are short, likewise."""
HOLD = 1_000
"""ms that deletes of messages on SQS wait for others (``flow/reporter.py``)."""
ENOUGH = 1_000
"""Reports for which a worker waits no longer (``flow/reporter.py``)."""
SHORT_WAIT = 0.1
"""Share of a lease that a fetched message may wait for its slot (``flow/lease.py``)."""
SOON = {True: 5_000, False: 500}
"""ms within which it has to begin, on SQS or not (``backends``)."""
SMALLEST_WINDOW, LARGEST_WINDOW = 10, 10_000
GUARD = 100_000
"""Messages of one queue that are out at once, as dispatchers hold it."""
SQS_IN_FLIGHT = 120_000
POLL = 20 * SECOND
CHUNK = 1_000
"""Rows of a submit, tasks of a dispatch and changes of a recording transaction, at most."""


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
    bundle: int = 1
    """Up to how many tasks share a message."""
    validity: int = 10 * MINUTE
    """How long after its dispatch a task may begin."""

    @property
    def inlined(self) -> int:
        """Bytes of one task's arguments in its message."""
        return self.arguments if self.arguments <= self.inline else 0


class Sharing(NamedTuple):
    """How tasks share messages. Where they go one by one, a message is a task."""

    size: int
    """Tasks of one message."""
    begun: int
    """Those of them that can begin under its lease; the others go back, and out again."""
    messages: int
    """That carry all tasks, if no run is interrupted."""
    most: int
    """Messages that may be out at once."""


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

    def __init__(self, work: Work, sharing: Sharing, mean: float, tries: float, rate: float, ms: float | None) -> None:
        self.work = work
        self.sharing = sharing
        self.mean = mean
        self.runs = work.tasks * tries if tries < inf else 0.0
        self.seconds = (ms or 0.0) / SECOND
        self.rate = min(rate, self.runs / self.seconds) if self.seconds else 0.0
        self.each = self.rate / work.workers if work.workers else 0.0
        """Runs a second of one worker."""
        self.messages = sharing.messages + max(0.0, self.runs - work.tasks)
        """Each run that is interrupted needs one more."""
        self.bundles = self.messages / self.runs if self.runs else 0.0
        """Messages of one run."""
        at_once = min(work.tasks, work.workers * work.slots)
        behind = at_once * (sharing.size - 1)
        smallest = SMALLEST_WINDOW if sharing.size == 1 else max(SMALLEST_WINDOW, 2 * sharing.size)
        self.window = min(LARGEST_WINDOW, max(smallest, self.rate * 60, at_once / 4) + behind)
        self.in_flight = min(sharing.messages, sharing.most, work.workers * (work.slots + self.ahead))

    @property
    def ahead(self) -> int:
        """Messages that a worker fetches beyond its free slots."""
        may_wait = min(SHORT_WAIT * self.work.lease, SOON[self.work.backend.on_sqs]) * self.work.slots
        return min(AHEAD[self.work.backend.on_sqs], int(may_wait / max(1, self.takes)))

    @property
    def takes(self) -> float:
        """How long (ms) a message keeps a slot, at most or nearly so."""
        return max(self.work.p99, self.sharing.begun * self.mean)

    def asked(self) -> list[Asked]:
        """Every request to a queue."""
        messages = self.messages
        sent = messages / self.fill_of_dispatch()
        member = self.work.inlined + (MEMBER_BYTES.value or 0)
        body = (MESSAGE_BYTES.value or 0) + self.work.inlined + member * (self.sharing.size - 1)
        received = messages / self.fill_of_receive()
        deleted = self.sharing.messages / self.deleted_together()
        found = [
            Asked(TASKS, Action.SEND, sent, max(sent, messages * body / STEP)),
            Asked(TASKS, Action.RECEIVE, received, max(received, messages * body / STEP)),
            Asked(TASKS, Action.DELETE, deleted, deleted),
            *self._given_back(),
            *(self._reports() if self.work.backend.reports else []),
            *self._idle(),
        ]
        return [each for each in found if each.requests > 0]

    def fill_of_dispatch(self) -> float:
        """Messages of one send: as many as ended while one step of a recorder took, up to ten."""
        step = self.rate * self.bundles * (RECORDING.value or 0) / SECOND
        full = min(float(TEN), CHUNK / self.sharing.size)  # the first window goes out in full requests
        began = min(self.window * self.bundles, self.messages)
        rest = self.messages - began
        return self.messages / (began / full + rest / min(full, 1 + step)) if self.messages else 1.0

    def fill_of_receive(self) -> float:
        """Messages of one receive: where runs are short enough to fetch ahead, bites of half of what may wait."""
        came = self.each * self.bundles * 2 * LINGER / SECOND
        free = min(self.work.slots, max(1.0, came)) if self.work.slots else 1.0
        return min(float(TEN), max(1.0, self.ahead / 2, free if self.takes < SECOND else 1.0))

    def deleted_together(self) -> float:
        """Messages of one delete: where requests are billed, it waits for others."""
        wait = HOLD if self.work.backend.on_sqs else LINGER
        return min(float(TEN), 1 + self.each * self.bundles * wait / SECOND)

    def _given_back(self) -> list[Asked]:
        """What is interrupted is shown again; a bundle never is: it is deleted (B1)."""
        again = max(0.0, self.runs - self.work.tasks)
        return [Asked(TASKS, Action.CHANGE if self.sharing.size == 1 else Action.DELETE, again, again)]

    @property
    def updates(self) -> float:
        """Reports of one run: a short one's Started is not sent, for its end says it all."""
        return 1.0 if self.mean < LINGER else 2.0

    def _reports(self) -> list[Asked]:
        work, linger = self.work, LINGER
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
        dispatched = self.runs * self.sharing.size / self.sharing.begun
        submits, dispatches = ceil(work.tasks / CHUNK), dispatched / min(CHUNK, max(step, self.sharing.size))
        if work.backend.reports:
            return submits + dispatches + self.runs * self.updates / min(CHUNK, step * self.updates)
        linger = LINGER / SECOND
        claims = self.messages / (1 + self.each * self.bundles * linger)  # one for all members of a bundle
        return submits + dispatches + claims + self.runs / (1 + self.each * linger)
