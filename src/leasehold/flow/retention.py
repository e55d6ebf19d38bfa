"""Keeping the ledger small: what ended long ago is archived, if asked, and forgotten, a little at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from leasehold.core.model import Status, Task
from leasehold.core.references import digest
from leasehold.core.retention import Keep, may_go
from leasehold.core.units import SECOND
from leasehold.flow import shapes
from leasehold.ports.clock import Clock
from leasehold.ports.retention import Aged, Retention
from leasehold.ports.store import Store

LIMIT = 500
"""Tasks forgotten in one transaction: recorders must not feel it."""
LOOKED_AT = 2_000
"""Tasks looked at together."""
ROUND = 60_000
"""ms between two rounds over what has ended."""
SHORTEST = 20
LONGEST = 1_000
"""ms of rest between two batches: as long as the last one took, so that at most half of the time goes into it."""
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Terms(NamedTuple):
    """What is to go, and how."""

    keep: Keep
    archive: bool = False
    trails: int | None = None
    """How long (ms) the audit trail is kept after a task's end; ``None``: it goes with its task."""
    statuses: Sequence[Status] = ENDED


class Done(NamedTuple):
    """What one batch came to."""

    forgotten: int = 0
    archived: int = 0
    trails: int = 0
    leftovers: int = 0

    @property
    def all(self) -> int:
        """How much that was."""
        return sum(self)


class Pruner:
    """Forgets what is old, batch by batch and round by round. Any number of them may serve one ledger."""

    def __init__(self, retention: Retention, store: Store, clock: Clock, terms: Terms) -> None:
        self._retention = retention
        self._store = store
        self._clock = clock
        self._terms = terms
        self._round: Iterator[Done] | None = None
        self._due = 0
        self.pause = 0
        """ms to rest before the next step."""
        self.rest = SHORTEST
        """ms that the last batch took, in bounds: who goes on by himself rests as long."""

    def step(self) -> int:
        """One batch, if it is time for one; it takes ``pause`` ms of rest afterwards, so the answer is always 0."""
        began = self._clock.boot()
        if began < self._due:
            self.pause = min(LONGEST, self._due - began)
            return 0
        running, self._round = self._round or self.round(), None  # one that fails is begun anew
        done = next(running, None)
        self._round = None if done is None else running
        took = self._clock.boot() - began
        self.pause = min(LONGEST, max(SHORTEST, took))
        self._due = began + took + (ROUND if done is None else self.pause)
        return 0

    def round(self) -> Iterator[Done]:
        """Everything that may go now, batch by batch."""
        yield from self._clear()
        yield from self._trails()
        for status in self._terms.statuses:
            if self._terms.keep.of(status) is not None:
                for batch in self._old(status):
                    began = self._clock.boot()
                    done = self._forget(batch)
                    self.rest = min(LONGEST, max(SHORTEST, self._clock.boot() - began))
                    yield done
                    yield from self._clear()

    def count(self, status: Status, ceiling: int) -> int:
        """How many tasks of that status may go now, stopping at ``ceiling``."""
        counted = 0
        for batch in self._old(status):
            counted += len(batch)
            if counted >= ceiling:
                return ceiling
        return counted

    def _old(self, status: Status) -> Iterator[Sequence[Task]]:
        """Tasks that may go, up to ``LIMIT`` together, oldest first."""
        kept, place, found = self._terms.keep.of(status) or 0, 0, list[Task]()
        while page := self._retention.aged(status, place, LOOKED_AT):
            now, place = self._retention.now(), page[-1].place
            found += [each.task for each in page if self._may_go(each, now)]
            while len(found) >= LIMIT:
                yield found[:LIMIT]
                found = found[LIMIT:]
            if page[-1].task.created_at > now - kept:  # whatever comes now ended later still
                break
        if found:
            yield found

    def _may_go(self, each: Aged, now: int) -> bool:
        return may_go(each.task, keyed=each.keyed, keep=self._terms.keep, now=now)

    def _forget(self, tasks: Sequence[Task]) -> Done:
        archived = 0
        if self._terms.archive:
            archived = self._archive(tasks)
        gone = self._retention.forget(tasks, trails=self._terms.trails is None, archived=self._terms.archive)
        return Done(forgotten=len(gone), archived=archived)

    def _archive(self, tasks: Sequence[Task]) -> int:
        """Write their stories as one object, before any of them goes; how many lines.

        Its name follows from what is in it: whoever does this once more, after a crash or at the same time, writes the
        same object, or one that tells some of the same stories.
        """
        stories = self._retention.stories(tasks)
        lines = [json.dumps(shapes.whole_task(*story), ensure_ascii=False) for story in stories]
        if lines:
            value = "".join(f"{line}\n" for line in lines).encode()
            first = stories[0].view.task
            day = datetime.fromtimestamp(first.created_at / SECOND, UTC).date().isoformat()
            self._store.create(f"archive/{day}/{first.id}-{len(lines)}-{digest(value)}", value)
        return len(lines)

    def _trails(self) -> Iterator[Done]:
        if self._terms.trails is None:
            return
        while trails := self._retention.forget_trails(self._retention.now() - self._terms.trails, LIMIT):
            yield Done(trails=trails)

    def _clear(self) -> Iterator[Done]:
        """Remove from the store what forgotten tasks have left there."""
        while left := self._retention.leftovers(LIMIT):
            folders = [each.key for each in left if each.key.endswith("/")]
            keys = [each.key for each in left if not each.key.endswith("/")]
            self._store.delete([*keys, *(key for folder in folders for key in self._store.keys(folder[:-1]))])
            self._retention.cleared(left)
            yield Done(leftovers=len(left))
