"""What is wrong with a deployment as a whole, and what to do about it: what whoever is on call should see first.

A ledger knows no orchestrator and no idle worker, only what they do. So what is told here is what stands still that
should not; where it may go on in a moment, it is told once nothing has moved for a while.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from leasehold.core.transitions import DUE, IN_PROGRESS, QUEUED
from leasehold.core.units import CEILING, MINUTE
from leasehold.flow.figures import waiting
from leasehold.ports.pulse import Pulse
from leasehold.ports.views import QueueView

STILL = 20.0
"""Seconds for which nothing has moved before it is told: whoever is at work looks many times meanwhile."""
OVERDUE = MINUTE
"""ms after which what the clock owes should long be done: an orchestrator does it within seconds."""


class Notice(NamedTuple):
    """What is wrong, and a command that mends it or tells more."""

    words: str
    command: str


class Sign(NamedTuple):
    """A notice that may be over in a moment. ``at``: what changes as soon as anything moves."""

    notice: Notice
    at: tuple[str, int]


class Attention:
    """Remembers since when nothing has moved, as far as somebody looked. Thread-safe.

    ``clock``: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._since: Mapping[tuple[str, int], float] = {}

    def notices(self, queues: Sequence[QueueView], pulse: Pulse) -> list[Notice]:
        """What needs somebody's attention now; what is certain first."""
        signs = list(standing_still(queues, pulse))
        with self._lock:
            now = self._clock()
            self._since = {sign.at: self._since.get(sign.at, now) for sign in signs}
            still = [sign.notice for sign in signs if now - self._since[sign.at] >= STILL]
        return [*certain(queues, pulse), *still]


def certain(queues: Sequence[QueueView], pulse: Pulse) -> Iterator[Notice]:
    """What one look shows."""
    if pulse.owed_since is not None and pulse.now - pulse.owed_since > OVERDUE:
        words = f"{many(pulse.owed)} overdue for more than a minute: no orchestrator does what the clock asks for."
        yield Notice(words, "leasehold orchestrator")
    for view in queues:
        if view.paused and waiting(view):
            words = f"Queue {view.name} is paused, and {many(waiting(view))} waiting."
            yield Notice(words, f"leasehold queue resume {shlex.quote(view.name)}")


def standing_still(queues: Sequence[QueueView], pulse: Pulse) -> Iterator[Sign]:
    """What should move within seconds."""
    moved: Counter[str] = Counter()
    for each in pulse.happened:
        moved[each.queue] += each.times
    for view in queues:
        counts = view.counts
        due, queued = counts.get(DUE, 0), counts.get(QUEUED, 0)
        if view.paused or counts.get(IN_PROGRESS, 0):
            continue
        at = (view.name, moved[view.name])
        if queued:
            words = f"Queue {view.name}: {many(queued)} on the queue, and nothing is heard of them. Is a worker there?"
            yield Sign(Notice(words, f"leasehold worker --queues {shlex.quote(view.name)}"), at)
        elif due:
            words = f"Queue {view.name}: {many(due)} due, and none is sent. Is an orchestrator at work?"
            yield Sign(Notice(words, "leasehold orchestrator"), at)
    if pulse.overrun and pulse.owed_since is not None:
        words = f"{many(pulse.overrun)} in progress though the lease is over: nobody takes them back."
        yield Sign(Notice(words, "leasehold orchestrator"), ("", pulse.owed_since))


def many(tasks: int) -> str:
    """How many tasks there are, with the verb."""
    at_least = "at least " if tasks >= CEILING else ""
    return f"{at_least}{tasks:,} {'task is' if tasks == 1 else 'tasks are'}"
