"""A message of several tasks on its way through a worker: it is deleted once, when all of them have ended (B2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from threading import Lock

from leasehold.core.reports import Update
from leasehold.flow.held import Entry, Fate, Held, entry
from leasehold.flow.lease import soon
from leasehold.flow.reporter import Reporter

Unit = list[Held]
"""What one message brought: one run, or those of the members of a bundle, in their order."""


class Bundle:
    """The runs of one message. Thread-safe.

    A success is reported as it happens. Every other end is kept until all have ended and all successes are
    acknowledged: then the message is deleted, and what was kept is reported as R5 demands. Nothing of it is ever shown
    to others again by choice, for nobody would run it (B1).
    """

    __slots__ = ("_kept", "_lock", "_open", "_reporter", "_unacknowledged", "began", "ended", "name", "size")

    def __init__(self, name: str, size: int, reporter: Reporter) -> None:
        self.name = name
        """Unlike that of any other bundle, or run, of this worker."""
        self.size = size
        self.began: int | None = None
        """When the first of its runs began."""
        self.ended = 0
        """How many of its runs began and ended."""
        self._reporter = reporter
        self._open = size
        self._unacknowledged = 0
        self._kept: list[Entry] = []
        self._lock = Lock()

    def pace(self, now: int) -> int:
        """How long (ms) all of it is likely to take, as far as the runs that have ended tell, one more just now."""
        self.ended += 1
        return (now - (self.began or now)) * self.size // self.ended

    def succeeded(self, held: Held, said: Update, done: Callable[[], None] | None) -> None:
        """One has succeeded: say so now."""

        def acknowledged() -> None:
            with self._lock:
                self._unacknowledged -= 1
            if done is not None:
                done()
            self._finish(held, said)

        with self._lock:
            self._open -= 1
            self._unacknowledged += 1
        self._reporter.add(entry(held, said, Fate.STAY, acknowledged))

    def keep(self, held: Held, said: Update) -> None:
        """One has ended otherwise, or will not begin: say so after the delete."""
        with self._lock:
            self._open -= 1
            self._kept.append(entry(held, said, Fate.DELETE_BEFORE))
        self._finish(held, said)

    def drop(self, held: Held, said: Update) -> None:
        """One must not run here, and nobody needs to hear of it."""
        with self._lock:
            self._open -= 1
        self._finish(held, said)

    def _finish(self, held: Held, said: Update) -> None:
        with self._lock:
            if self._open or self._unacknowledged:
                return
            kept, self._kept = self._kept, []
        if kept:
            self._reporter.add(*kept)
        else:
            self._reporter.delete(entry(held, said, Fate.DELETE_AFTER))


def hand_in(reporter: Reporter, held: Held, said: Update, fate: Fate, done: Callable[[], None] | None = None) -> None:
    """Report something of a run; what becomes of the message of a bundle is the bundle's to say."""
    bundle = held.bundle
    if bundle is None or fate is Fate.STAY:
        reporter.add(entry(held, said, fate, done))
    elif fate is Fate.DELETE_AFTER:
        bundle.succeeded(held, said, done)
    else:
        bundle.keep(held, said)


def begin(held: Held, at_boot: int) -> None:
    """Its code runs from here on."""
    held.began = at_boot
    if held.bundle is not None and held.bundle.began is None:
        held.bundle.began = at_boot


def line_of(held: Held) -> str:
    """What stands in line for a slot: the run, or its whole bundle."""
    return held.run_id if held.bundle is None else held.bundle.name


def units_of(helds: Iterable[Held]) -> list[Unit]:
    """Runs put together by the messages that brought them; those of one message follow each other."""
    return [list(members) for _, members in groupby(helds, line_of)]


def lasts(held: Held, now: int) -> bool:
    """Whether a run has begun so long ago that nobody should wait for its slot (R2)."""
    return held.began is not None and now - held.began > soon(held.hold.span) // 2
