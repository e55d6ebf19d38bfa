"""What is counted of requests to queues: how many, how a bill counts them, and what they were for."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

STEP = 65_536
"""Bytes of payload that SQS bills as one request (Amazon SQS pricing, "How are requests billed")."""

TASKS, STATUS, DEAD, EVENTS = "tasks:", "status", "dead", "events"
"""What queues are called here, wherever they are; behind the first stands the name of a task queue."""


class Action(StrEnum):
    """What a request asked for. The last three ask for nothing: they count tasks."""

    SEND = "send"
    RECEIVE = "receive"
    DELETE = "delete"
    CHANGE = "change"
    OTHER = "other"
    ENDED = "ended"
    """Tasks of a queue for which an outcome was recorded (``messages``)."""
    WAITED = "waited"
    """Tasks of a queue that waited whenever an orchestrator looked, added up (``messages``). How often it looked
    is counted once for all queues, as ``requests`` of the status queue: of what stands empty nothing is noted."""
    WINDOW = "window"
    """How many tasks the window of a queue with work allowed at the same looks, added up (``messages``)."""


TASKS_COUNTED = frozenset({Action.ENDED, Action.WAITED, Action.WINDOW})
"""What is no request."""


class Tally(NamedTuple):
    """What was counted of one action on one queue."""

    requests: int = 0
    billed: int = 0
    """Requests as SQS bills them: one for each 64 KB of payload begun."""
    empty: int = 0
    """Receives that brought nothing."""
    failed: int = 0
    """Requests that were answered with an error, or not at all."""
    messages: int = 0
    """Messages that were sent, received, deleted or hidden."""

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*map(sum, zip(self, other, strict=True)))


class Count(NamedTuple):
    """A tally as it is carried to the ledger: ``age`` is how many ms ago its hour of counting began."""

    age: int
    queue: str
    action: Action
    tally: Tally


class Metered(NamedTuple):
    """A tally of one hour as the ledger has it; ``hour`` is the instant (ms) at which it began."""

    hour: int
    queue: str
    action: Action
    tally: Tally


class Cause(StrEnum):
    """What requests are made for, in the words of the road that a task takes."""

    DISPATCH = "dispatch"
    RECEIVE = "receive"
    EMPTY = "empty receive"
    DELETE = "delete"
    GIVE_BACK = "give back, hide"
    REPORT = "report"
    RECORD = "record"
    ACKNOWLEDGE = "delete report"
    IDLE = "idle look"
    """Receives of other queues than tasks' that brought nothing."""
    BURY = "dead letters"
    LISTEN = "platform events"
    OTHER = "other"


_OF_TASKS = {
    Action.SEND: Cause.DISPATCH,
    Action.RECEIVE: Cause.RECEIVE,
    Action.DELETE: Cause.DELETE,
    Action.CHANGE: Cause.GIVE_BACK,
}
_OF_STATUS = {Action.SEND: Cause.REPORT, Action.RECEIVE: Cause.RECORD, Action.DELETE: Cause.ACKNOWLEDGE}


def steps(size: int) -> int:
    """As how many requests one with ``size`` bytes of payload is billed."""
    return max(1, -(-size // STEP))


def cause_of(queue: str, action: Action) -> Cause:
    """What a request to that queue is for, if it brings or takes something."""
    if queue.startswith(TASKS):
        return _OF_TASKS.get(action, Cause.OTHER)
    if queue == STATUS:
        return _OF_STATUS.get(action, Cause.OTHER)
    if action is Action.OTHER:
        return Cause.OTHER
    return {DEAD: Cause.BURY, EVENTS: Cause.LISTEN}.get(queue, Cause.OTHER)


def by_cause(counted: Iterable[tuple[str, Action, Tally]]) -> dict[Cause, Tally]:
    """Added up by what they were for; receives that brought nothing stand by themselves, each billed as one."""
    causes: dict[Cause, Tally] = {}

    def add(cause: Cause, tally: Tally) -> None:
        if tally.requests:
            causes[cause] = causes.get(cause, Tally()).plus(tally)

    for queue, action, tally in counted:
        empty = tally.empty
        add(Cause.EMPTY if queue.startswith(TASKS) else Cause.IDLE, Tally(empty, empty, empty))
        rest = tally._replace(requests=tally.requests - empty, billed=tally.billed - empty, empty=0)
        if action not in TASKS_COUNTED:
            add(cause_of(queue, action), rest)
    return {cause: causes[cause] for cause in Cause if cause in causes}
