"""The read side, asked over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

from leasehold.core.errors import NoSuchBatch, NoSuchOperation, NoSuchTask, UsageError
from leasehold.core.metering import Metered
from leasehold.core.model import Audit, Task
from leasehold.core.reports import Malformed
from leasehold.core.units import CEILING
from leasehold.flow import reading
from leasehold.flow.shapes import Shape
from leasehold.ports.inspection import Inspection
from leasehold.ports.ledger import Operation
from leasehold.ports.pulse import Pulse
from leasehold.ports.views import (
    BatchView,
    Bound,
    Count,
    FailureGroup,
    Outcome,
    Page,
    QueueView,
    RunTime,
    RunView,
    TaskView,
    WorkerView,
)
from leasehold.remote.http import Api

T = TypeVar("T")
MOST = 1_000
"""Rows of a list, and ids, that one request may ask for."""


class RemoteViews:
    """What an API tells of its ledger. What only a database can tell raises ``UsageError``."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def task(self, task_id: str) -> TaskView | None:
        """One task."""
        try:
            shape = self._api.get(f"/tasks/{part(task_id)}")
        except NoSuchTask:
            return None
        return self._read(reading.task, shape)

    def find_id(self, prefix: str) -> list[str]:
        """Up to 10 task ids that begin or end with these characters."""
        return self._read(lambda shape: [str(each) for each in shape["items"]], self._api.get("/ids", part=prefix))

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        """Newest first. Of each task what a list tells: neither arguments nor result."""
        shape = self._api.get("/tasks", filter=filter_, cursor=cursor, limit=min(limit, MOST))
        rows = self._items(shape, reading.task)
        return self._read(lambda shape: Page(rows, shape["cursor"], shape["unreadable"], reading.bound(shape)), shape)

    def count(self, filter_: str, ceiling: int = CEILING) -> int:
        """How many match, stopping at ``ceiling``; beyond 10,000 the API only says that there are more."""
        shape = self._api.get("/tasks/count", filter=filter_)
        return self._read(lambda shape: min(ceiling, shape["count"] + shape["more"]), shape)

    def bound(self, filter_: str) -> Bound | None:
        """What of a filter of arguments is not looked for everywhere."""
        return self._read(reading.bound, self._api.get("/tasks/count", filter=filter_))

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the given tasks that have ended."""
        found: list[Outcome] = []
        for start in range(0, len(task_ids), MOST):
            asked = {"ids": task_ids[start : start + MOST]}
            found += self._items(self._api.ask("/outcomes", asked), reading.outcome)
        return found

    def ended(self, batch: str, cursor: str | None = None, limit: int = 1_000) -> Page[Outcome]:
        """Outcomes of a batch in the order in which they were recorded, beyond ``cursor``."""
        shape = self._api.get("/outcomes", batch=batch, cursor=cursor, limit=min(limit, MOST))
        rows = self._items(shape, reading.outcome)
        return self._read(lambda shape: Page(rows, str(shape["cursor"])), shape)

    def runs(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[RunView]:
        """Runs of a task, by token; all of them without a limit."""
        return self._of_task(task_id, "runs", partial(reading.run, task_id), limit, cursor)

    def audit(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
        """The audit trail, oldest first; whole without a limit."""
        return self._of_task(task_id, "events", reading.line, limit, cursor)

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        """Counter cells that are not zero: of a batch, of a queue, or of the one in the other."""
        if queue is None and batch is None:
            self._beyond()
        return self._items(self._api.get("/counts", queue=queue, batch=batch), reading.cell)

    def failures(self, limit: int = 50, cursor: str | None = None) -> list[FailureGroup]:
        """Groups of failed tasks, largest first."""
        return self._listed("/failures", reading.failure_group, limit, cursor)

    def batches(self, limit: int = 50, cursor: str | None = None) -> list[BatchView]:
        """Newest first."""
        return self._listed("/batches", reading.batch, limit, cursor)

    def batch(self, name: str) -> BatchView | None:
        """The batch of that name."""
        try:
            return self._read(reading.batch, self._api.get(f"/batches/{part(name)}"))
        except NoSuchBatch:
            return None

    def queues(self) -> list[QueueView]:
        """All queues that ever held a task."""
        return self._items(self._api.get("/queues"), reading.queue)

    def workers(self, limit: int = 50, cursor: str | None = None) -> list[WorkerView]:
        """Workers that run something, by name."""
        return self._listed("/workers", reading.worker, limit, cursor)

    def operations(self, limit: int = 50, cursor: str | None = None) -> list[Operation]:
        """Newest first."""
        return self._listed("/operations", reading.operation, limit, cursor)

    def operation(self, operation_id: str) -> Operation | None:
        """The operation of this whole id."""
        try:
            found = self._read(reading.operation, self._api.get(f"/operations/{part(operation_id)}"))
        except NoSuchOperation:
            return None
        return found if found.id == operation_id else None

    # ------------------------------------------------------------ what only a database tells

    def pulse(self) -> Pulse:
        """Not told over HTTP."""
        self._beyond()

    def requests(self, since: int, until: int) -> list[Metered]:
        """Not told over HTTP."""
        del since, until
        self._beyond()

    def run_times(self, name: str, queue: str, below: int, limit: int) -> list[RunTime]:
        """Not told over HTTP."""
        del name, queue, below, limit
        self._beyond()

    def quarantine(self, limit: int = 50, cursor: str | None = None) -> list[tuple[int, Malformed]]:
        """Not told over HTTP."""
        del limit, cursor
        self._beyond()

    def scan(self, chunk: int = 1_000) -> Iterator[Sequence[Task]]:
        """Not told over HTTP."""
        del chunk
        self._beyond()

    def inspect(self) -> AbstractContextManager[Inspection]:
        """Not told over HTTP."""
        self._beyond()

    def true_counts(self) -> list[Count]:
        """Not told over HTTP."""
        self._beyond()

    def _beyond(self) -> NoReturn:
        raise UsageError(
            f"ledger {self._api.url} is asked over its API, which does not tell this: it takes the database itself "
            "(LEASEHOLD_LEDGER=sqlite:///FILE or postgresql://...)"
        )

    # ------------------------------------------------------------ reading

    def _read(self, how: Callable[[Shape], T], shape: Shape) -> T:
        return self._api.read(lambda: how(shape))

    def _items(self, shape: Shape, how: Callable[[Shape], T]) -> list[T]:
        return self._api.read(lambda: [how(each) for each in shape["items"]])

    def _of_task(
        self, task_id: str, what: str, how: Callable[[Shape], T], limit: int | None, cursor: str | None
    ) -> list[T]:
        """What a task has of something, page by page; nothing where there is no such task."""
        found: list[T] = []
        left = sys.maxsize if limit is None else limit
        try:
            while left > 0:
                shape = self._api.get(f"/tasks/{part(task_id)}/{what}", limit=min(left, MOST), cursor=cursor)
                rows = self._items(shape, how)
                found, left = found + rows, left - len(rows)
                cursor = self._read(lambda shape: shape["cursor"], shape)
                if cursor is None:
                    break
        except NoSuchTask:
            return []
        return found

    def _listed(self, path: str, how: Callable[[Shape], T], limit: int, cursor: str | None) -> list[T]:
        """Up to so many rows, however many requests that takes."""
        found: list[T] = []
        while limit > 0:
            shape: dict[str, Any] = self._api.get(path, limit=min(limit, MOST), cursor=cursor)
            rows = self._items(shape, how)
            found += rows
            limit -= len(rows)
            cursor = shape.get("cursor")
            if cursor is None or not rows:
                break
        return found


def part(text: str) -> str:
    """Text as a part of a path."""
    return quote(text, safe="")
