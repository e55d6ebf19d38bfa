"""Keeping the ledger small: what ended long ago is archived, if asked, and forgotten, a little at a time."""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from leasehold.core.model import Status, Task
from leasehold.core.references import digest
from leasehold.core.retention import Keep, may_go_at
from leasehold.core.units import SECOND
from leasehold.flow import shapes
from leasehold.ports.clock import Clock
from leasehold.ports.retention import Retention, Story
from leasehold.ports.store import Store

log = logging.getLogger("leasehold.retention")
LIMIT = 500
"""Tasks forgotten in one transaction: recorders must not feel it."""
LOOKED_AT = 2_000
"""Tasks looked at together."""
ROUND = 60_000
"""ms between two rounds over what has ended."""
SHORTEST = 20
LONGEST = 1_000
"""ms of rest between two batches: as long as the last one took, so that at most half of the time goes into it."""
TOLD = 1_000
"""Tasks that a process names in its log because they cannot be archived, at most."""
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


class Span(NamedTuple):
    """Places of which nothing may go before an instant: beyond ``after``, up to ``last``."""

    after: int
    last: int
    until: int


class Spans:
    """What one round has seen, in order."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def add(self, span: Span) -> None:
        """One more, beyond all others."""
        self._spans.append(span)

    def over(self, place: int, now: int) -> Span | None:
        """The span that holds what comes next, if nothing of it may go yet."""
        nth = bisect_right(self._spans, place, key=lambda span: span.after) - 1
        span = self._spans[nth] if nth >= 0 else None
        return span if span is not None and span.last > place and span.until > now else None


class Pruner:
    """Forgets what is old, batch by batch and round by round. Any number of them may serve one ledger."""

    def __init__(self, retention: Retention, store: Store, clock: Clock, terms: Terms) -> None:
        self._retention = retention
        self._store = store
        self._clock = clock
        self._terms = terms
        self._round: Iterator[Done] | None = None
        self._due = 0
        self._kept: dict[Status, Spans] = {}
        self._told: set[str] = set()
        """Tasks that cannot be archived, and were named."""
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
        found: list[Task] = []
        for page in self._pages(status):
            found += page
            while len(found) >= LIMIT:
                yield found[:LIMIT]
                found = found[LIMIT:]
        if found:
            yield found

    def _pages(self, status: Status) -> Iterator[list[Task]]:
        """The same, page by page of what is looked at. Where all is still kept is remembered, and passed over."""
        keep, place = self._terms.keep, 0
        kept, before = keep.of(status) or 0, self._kept.get(status, Spans())
        spans = self._kept[status] = Spans()
        while True:
            now = self._retention.now()
            if (span := before.over(place, now)) is not None:
                spans.add(span)
                place = span.last
                continue
            page = self._retention.aged(status, place, LOOKED_AT)
            times = [
                (at, each.task)
                for each in page
                if (at := may_go_at(each.task, keyed=each.keyed, keep=keep)) is not None
            ]
            yield [task for at, task in times if at <= now]
            if not page or page[-1].task.created_at > now - kept:  # whatever comes now ended later still
                return
            # who ends meanwhile is kept at least so long
            spans.add(Span(place, page[-1].place, min([now + kept, *(at for at, _ in times)])))
            place = page[-1].place

    def _forget(self, tasks: Sequence[Task]) -> Done:
        archived = 0
        if self._terms.archive:
            tasks = self._archive(tasks)
            archived = len(tasks)
        gone = self._retention.forget(tasks, trails=self._terms.trails is None, archived=self._terms.archive)
        return Done(forgotten=len(gone), archived=archived)

    def _archive(self, tasks: Sequence[Task]) -> list[Task]:
        """Write their stories as one object, before any of them goes; those that are in it, for no other may go.

        Its name follows from what is in it: whoever does this once more, after a crash or at the same time, writes the
        same object, or one that tells some of the same stories.
        """
        lines = {story.view.task: line for story in self._retention.stories(tasks) if (line := self._line(story))}
        if lines:
            first, value = next(iter(lines)), b"".join(lines.values())
            day = datetime.fromtimestamp(first.created_at / SECOND, UTC).date().isoformat()
            self._store.create(f"archive/{day}/{first.id}-{len(lines)}-{digest(value)}", value)
        archived = {task.id for task in lines}
        return [task for task in tasks if task.id in archived]

    def _line(self, story: Story) -> bytes | None:
        """The story as a line of JSON; ``None`` where it holds what nobody can read, which is told once."""
        try:
            return line_of(shapes.whole_task(*story))
        except (ValueError, TypeError, OverflowError, OSError) as error:
            self._tell(story.view.task.id, error)
            return None

    def _tell(self, task_id: str, error: Exception) -> None:
        if task_id not in self._told and len(self._told) < TOLD:
            self._told.add(task_id)
            log.error(
                "task %s is not forgotten: it cannot be archived (%s). See: leasehold audit",
                task_id,
                error,
                extra={"task": task_id},
            )

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


def line_of(shape: shapes.Shape) -> bytes:
    """One line of JSON; half a character, which JSON can hold and UTF-8 cannot, is escaped with all others in it."""
    try:
        return f"{json.dumps(shape, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(shape)}\n".encode()
