"""Queues: what they say they hold, against what the ledger says is out.

The counts of SQS are approximate, and a message leaves the queue before the report of its run is recorded. So a
difference counts only where no report is on its way, and where every look shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from leasehold.core.errors import QueueUnavailable
from leasehold.core.model import TERMINAL
from leasehold.core.transitions import IN_PROGRESS, LAPSED, QUEUED
from leasehold.core.units import CEILING
from leasehold.flow.auditing.census import Census
from leasehold.flow.auditing.verdict import DeadLevel, Problem, QueueLevel, StatusLevel, messages, tasks
from leasehold.ports.queue import Depth, Queue
from leasehold.ports.views import QueueView, Views

BETWEEN = 2
"""Seconds between two looks at what looks wrong: a recorder takes what waits within a fraction of one."""
LOOKS_AGAIN = 15
"""How often reports that nobody takes are looked at again."""
DIFFERENCES = 2
"""How often a difference is looked at again."""


class Queues(Protocol):
    """The queues of one deployment, by their role."""

    def tasks(self, name: str) -> Queue:
        """The task queue called ``name``."""
        ...

    def status(self) -> Queue:
        """The status queue."""
        ...

    def dead(self) -> Queue | None:
        """Where messages end that were received too often; ``None`` where nothing is moved there."""
        ...


class Look(NamedTuple):
    """How many messages there were on each queue, at one time; ``mute``: why those that did not answer did not."""

    tasks: Mapping[str, Depth] = {}
    status: Depth | None = None
    dead: Depth | None = None
    mute: Mapping[str, str] = {}
    asked: bool = True


def nothing_asked() -> Look:
    """Where queues are not looked at."""
    return Look(asked=False)


def look_at(views: Views, queues: Queues, topology: str) -> Look:
    """How full each queue is; and why those that cannot be asked cannot: the ledger is audited all the same.

    Of one whose tasks have all ended that is no news: it may well have been removed.
    """
    found: dict[str, Depth] = {}
    mute: dict[str, str] = {}
    for view in views.queues():
        wanted = any(count and state.partition("/")[0] not in TERMINAL for state, count in view.counts.items())
        depth = depth_of(lambda name=view.name: queues.tasks(name), view.name, mute if wanted else {})
        if depth is not None:
            found[view.name] = depth
    status = depth_of(queues.status, "status", mute) if topology == "two-queue" else None
    return Look(found, status, depth_of(queues.dead, "dead letters", mute), mute)


def depth_of(queue: Callable[[], Queue | None], name: str, mute: dict[str, str]) -> Depth | None:
    """How full a queue is; where it does not say so, why."""
    try:
        asked = queue()
        return None if asked is None else asked.depth()
    except QueueUnavailable as error:
        mute[name] = str(error)
        return None


class Levels:
    """Several looks at the queues, and what the ledger says of them."""

    def __init__(self, last_report: int | None, first: Look, window: int | None) -> None:
        self._looks = [first]
        self._reports = {last_report}
        self._window = window
        self._census: Census | None = None
        self._out: list[Mapping[str, int]] = []
        """Tasks that are out, by queue, each time that the ledger was asked."""
        self._looked_again = 0

    def add(self, look: Look) -> None:
        """One more look, close to the ledger's snapshot."""
        self._looks.append(look)

    def reckon(self, census: Census) -> None:
        """What the snapshot says is out."""
        self._census = census
        self._out.append(dict(census.out))

    def again(self, look: Look, last_report: int | None, views: Sequence[QueueView]) -> None:
        """Look once more, some time later."""
        self._looked_again += 1
        self._looks.append(look)
        self._reports.add(last_report)
        self._out.append({view.name: out_of(view) for view in views})

    @property
    def all_asked(self) -> bool:
        """Whether every queue answered every time."""
        return all(look.asked and not look.mute for look in self._looks)

    @property
    def doubtful(self) -> bool:
        """Whether another look may tell something that was on its way from something that is wrong."""
        if self._waiting:
            return self._looked_again < LOOKS_AGAIN
        different = any(level.missing or level.surplus for level in self.queues())
        return different and not self._moving and self._looked_again < DIFFERENCES

    @property
    def behind(self) -> bool:
        """Whether recorders are at work on reports that still wait."""
        status = self._looks[-1].status
        return status is not None and status.visible > 0 and not self._waiting

    @property
    def _moving(self) -> bool:
        """Whether reports are on their way, or were recorded meanwhile."""
        return len(self._reports) > 1 or any(look.status is not None and look.status.messages for look in self._looks)

    @property
    def _waiting(self) -> bool:
        """Whether reports wait that nobody takes: at each look some, and none recorded since the first."""
        waits = [look.status for look in self._looks if look.status is not None]
        return bool(waits and self._outside) and all(depth.visible for depth in waits) and len(self._reports) == 1

    @property
    def _outside(self) -> int:
        """Tasks that are out, at the last look."""
        return sum(self._out[-1].values()) if self._out else 0

    # ------------------------------------------------------------ what they come to

    def queues(self) -> list[QueueLevel]:
        """Each task queue that answered, at the last look."""
        census = self._census
        return [self._level(name, census) for name in sorted(self._looks[-1].tasks)] if census is not None else []

    def _level(self, name: str, census: Census) -> QueueLevel:
        depth = self._looks[-1].tasks[name]
        seen = [look.tasks[name] for look in self._looks if name in look.tasks]
        out = [each.get(name, 0) for each in self._out]
        capped = any(CEILING in each for each in seen)
        missing = 0 if capped or self._moving else max(0, min(out) - max(each.messages for each in seen))
        ended = census.ended_open[name]
        extra = min(each.messages for each in seen) - max(out)
        surplus = max(0, extra - ended) if self._moving else max(0, extra)
        where = {state: census.at[name, state] for state in (QUEUED, IN_PROGRESS, LAPSED)}
        counts = (where[QUEUED], where[IN_PROGRESS], where[LAPSED])
        return QueueLevel(name, *depth, *counts, census.unstarted[name], ended, missing, surplus)

    def status(self) -> StatusLevel | None:
        """The status queue at the last look."""
        depth, reports = self._looks[-1].status, [at for at in self._reports if at is not None]
        return None if depth is None else StatusLevel(*depth, max(reports, default=None), self._waiting)

    def dead_letters(self) -> DeadLevel | None:
        """The dead-letter queue at the last look."""
        depth = self._looks[-1].dead
        return None if depth is None else DeadLevel(*depth)

    # ------------------------------------------------------------ in words

    def problems(self) -> Iterator[Problem]:
        """Reports that nobody takes, while tasks wait for what they say."""
        status = self._looks[-1].status
        if self._waiting and status is not None:
            told = (
                f"{messages(status.visible)} with reports on the status queue, and none was recorded in "
                f"{self._looked_again * BETWEEN} s, while {tasks(self._outside)} may hang on them: "
                "is an orchestrator running?"
            )
            yield Problem("status", self._outside, "", told)

    def notes(self) -> Iterator[str]:
        """What else there is to say of the queues."""
        for queue, why in sorted(self._looks[-1].mute.items()):
            yield f"what is on queue {queue!r} is not known: {why.rstrip('.')}"
        for level in self.queues():
            yield from self._said_of(level)
        dead = self._looks[-1].dead
        if dead is not None and dead.messages:
            yield f"{messages(dead.messages)} in the dead-letter queue: an orchestrator takes them up"

    def _said_of(self, level: QueueLevel) -> Iterator[str]:
        """A message too few is a lost one, and sent again by the clock; one too many belongs to a closed dispatch."""
        out, held = level.queued + level.in_progress + level.lapsed, level.visible + level.in_flight
        if level.missing:
            yield (
                f"queue {level.queue!r} holds {messages(held)} for {tasks(out)}, and no report is on its way: "
                f"{messages(level.missing)} lost or purged; their tasks are sent again when they are void"
            )
        if level.surplus:
            yield (
                f"queue {level.queue!r} holds {messages(level.surplus)} that no task waits for any more (it has ended, "
                "another message was sent for it, or it is not ours): the next worker drops them"
            )
        if self._window is not None and level.unstarted > self._window:
            yield (
                f"queue {level.queue!r} holds {tasks(level.unstarted)} that nobody has started, above the window of "
                f"{self._window:,}: it was made smaller lately, or several orchestrators filled it at once"
            )


def out_of(view: QueueView) -> int:
    """How many tasks of a queue have a message out."""
    return sum(view.counts.get(state, 0) for state in (QUEUED, IN_PROGRESS, LAPSED))
