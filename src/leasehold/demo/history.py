"""What the ledger says of the demo's batch: read again and again while it runs, and once more at its end.

Every figure that the demo shows comes from here: from tasks, runs and audit trails, not from what was planned.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

from leasehold.core.filters import term
from leasehold.core.model import FailureKind, Status, Task, Token
from leasehold.core.units import SECOND
from leasehold.demo.job import Transcript
from leasehold.demo.plan import Item, Plan
from leasehold.demo.report import End, RunRow, TaskRow
from leasehold.flow.client import Client
from leasehold.ports.views import RunView, TaskView

SILENT_ENDS: Final = frozenset({"lapsed", "lost", "recalled"})
"""Lines of the audit trail that say: the lease of that run ran out, and nothing was heard of it."""
DIED: Final = frozenset({FailureKind.SIGNAL, FailureKind.MEMORY})
PAGE: Final = 500
SHOWN: Final = 50
"""Tasks under way, or in trouble, that are looked at in one go."""


class Held(NamedTuple):
    """A task that a node has in its hands."""

    task_id: str
    token: Token
    source: str
    worker: str
    lease_until: int
    fraction: float
    """How far it said it was when it was last heard of."""

    @property
    def file(self) -> str:
        """The name of its recording."""
        return Path(self.source).name


class Look(NamedTuple):
    """What a look at the ledger found."""

    counts: Mapping[str, int]
    held: Sequence[Held]
    troubled: Sequence[TaskRow]
    """Tasks that have not gone smoothly up to now."""

    @property
    def total(self) -> int:
        """All tasks."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """Those with an outcome."""
        return sum(self.counts.get(status, 0) for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED))

    @property
    def over(self) -> bool:
        """Whether every task has an outcome."""
        return self.ended == self.total


class History:
    """The batch of a plan in a ledger. ``began``: the instant from which seconds are counted."""

    def __init__(self, client: Client, plan: Plan, began: int) -> None:
        self._client = client
        self._views = client.views
        self._batch = plan.batch
        self._items = {str(item.source): item for item in plan.items}
        self._began = began
        self._troubled: dict[str, tuple[int, TaskRow]] = {}
        """By task id: the version of the task that was read, and what was read."""

    def look(self) -> Look:
        """Read what moves; costs the same however large the batch is."""
        under_way = self._tasks("status:in_progress")
        stuck = [*self._tasks("why:scheduled,lapsed,queued"), *self._tasks("status:failed")]
        open_before = [task_id for task_id, (_, row) in self._troubled.items() if not row.ended]
        seen = {view.task.id for view in (*under_way, *stuck)}
        for view in (*under_way, *stuck, *self._again(task_id for task_id in open_before if task_id not in seen)):
            self._note(view)
        return Look(self._counts(), [held(view) for view in under_way], [row for _, row in self._troubled.values()])

    def rows(self) -> list[TaskRow]:
        """Read all of it, in the order of submission."""
        return [self._row(view) for view in reversed(list(self._all()))]

    def _tasks(self, more: str) -> Sequence[TaskView]:
        return self._views.tasks(f"{term('batch', self._batch)} {more}", limit=SHOWN).rows

    def _again(self, task_ids: Iterator[str]) -> Iterator[TaskView]:
        for task_id in task_ids:
            if (view := self._views.task(task_id)) is not None:
                yield view

    def _all(self) -> Iterator[TaskView]:
        cursor: str | None = None
        while True:
            page = self._views.tasks(term("batch", self._batch), cursor=cursor, limit=PAGE)
            yield from page.rows
            if (cursor := page.cursor) is None:
                return

    def _counts(self) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        for cell in self._views.counts(batch=self._batch):
            counts[cell.status] += cell.tasks
        return counts

    def _note(self, view: TaskView) -> None:
        """Read the story of a task that is not going smoothly, if there is more of it than at the last look."""
        task = view.task
        before, _ = self._troubled.get(task.id, (-1, None))
        if task.version != before and troubled(task):
            self._troubled[task.id] = (task.version, self._row(view))

    def _row(self, view: TaskView) -> TaskRow:
        task, name = view.task, view.key or view.task.id
        item = self._items.get(name, Item(Path(name)))
        completed = task.status is Status.COMPLETED
        row = TaskRow(
            Path(name).name,
            completed=completed,
            ended=task.terminal,
            runs=tuple(self._runs(task.id)),
            spoken=item.spoken,
            as_planned=task.terminal and completed is item.ends_well,
        )
        return self._with_transcript(row, view) if completed else row

    def _with_transcript(self, row: TaskRow, view: TaskView) -> TaskRow:
        outcome = self._client.outcomes([view.task.id])[0]
        transcript = cast("Transcript", json.loads(self._client.result_text(outcome)))
        return row._replace(heard=transcript["text"], seconds=transcript["seconds"], starts=tuple(transcript["starts"]))

    def _runs(self, task_id: str) -> Iterator[RunRow]:
        silent = {(line.n, line.r): line.at for line in self._views.audit(task_id) if line.kind in SILENT_ENDS}
        for run in self._views.runs(task_id):
            if run.started_at is not None:
                yield self._run(run, silent.get((run.n, run.r)))

    def _run(self, run: RunView, silent_at: int | None) -> RunRow:
        ended = silent_at if run.ended_at is None else run.ended_at
        return RunRow(
            worker=run.worker or "an unknown worker",
            end=end_of(run, lapsed=silent_at is not None),
            began=self._seconds(run.started_at or 0),
            ended=None if ended is None else self._seconds(ended),
            reason=run.failure.message if run.failure else "",
            note=run.note or "",
            under_way=run.fraction is not None or run.ended_at is not None,
            lapsed=silent_at is not None,
        )

    def _seconds(self, instant: int) -> float:
        return (instant - self._began) / SECOND


def held(view: TaskView) -> Held:
    """A task under way, as the node that has it is shown."""
    task = view.task
    return Held(task.id, task.token, view.key or task.id, task.worker or "", task.lease_until, view.fraction or 0.0)


def troubled(task: Task) -> bool:
    """Whether a task has not gone smoothly: it failed, or a run of it was not its last."""
    return task.status is Status.FAILED or bool(task.attempts or task.losses) or task.n > 1 or task.r > 1


def end_of(run: RunView, *, lapsed: bool) -> End:
    """How a run ended."""
    if run.outcome == "completed":
        return End.COMPLETED
    if run.outcome == "failed":
        return End.KILLED if run.failure and run.failure.kind in DIED else End.FAILED
    return End.LOST if lapsed and run.outcome is None else End.OTHER
