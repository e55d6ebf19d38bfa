"""A read side in plain lists, for tests of what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from leasehold.core.events import Event, Submitted
from leasehold.core.filters import Filter, parse
from leasehold.core.happening import Happened
from leasehold.core.machine import decide
from leasehold.core.metering import Metered
from leasehold.core.model import Audit, Decision, Policy, Status, Task
from leasehold.core.reports import FORGED, Malformed
from leasehold.core.transitions import NEW, state_name
from leasehold.ports.inspection import Inspected, LineCount, Miscount, Oddity, Quarantined, Trail
from leasehold.ports.ledger import Operation
from leasehold.ports.pulse import Pulse
from leasehold.ports.views import (
    BatchView,
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

NOW = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC


@dataclass
class FakeViews:
    """Answers from what it was given; its tasks come to be by real events (``add``)."""

    rows: dict[str, TaskView] = field(default_factory=dict[str, TaskView])
    trails: dict[str, list[Audit]] = field(default_factory=dict[str, list[Audit]])
    run_rows: list[RunView] = field(default_factory=list[RunView])
    paused: set[str] = field(default_factory=set[str])
    groups: list[FailureGroup] = field(default_factory=list[FailureGroup])
    started: list[Operation] = field(default_factory=list[Operation])
    damaged: list[tuple[int, Malformed]] = field(default_factory=list[tuple[int, Malformed]])
    mute: str = ""
    """Why no queue says how full it is."""
    now: int = NOW
    """The ledger's clock."""
    happened: dict[str, int] = field(default_factory=dict[str, int])
    reported: int | None = None
    """When a report was last recorded."""
    oddities: list[Oddity] = field(default_factory=list[Oddity])
    """What an audit cannot read, or cannot place."""
    metered: list[Metered] = field(default_factory=list[Metered])
    times: dict[tuple[str, str], list[RunTime]] = field(default_factory=dict[tuple[str, str], list[RunTime]])
    """Runs by handler and queue."""
    miscount: int = 0
    """Added to the first counter, for as long as it is not zero."""

    def add(self, task: Task, *events: tuple[int, Event]) -> Task:
        """Submit a task and let these (instant, event) happen to it, by the real rules."""
        trail: list[Audit] = []
        for at, event in ((task.created_at, Submitted()), *events):
            decision = decide(task, event, at)
            assert isinstance(decision, Decision), decision
            task = decision.task
            trail.extend(decision.audit)
        self.rows[task.id] = TaskView(task, None, '{"source": "a.wav"}', None, None, None, None, None)
        self.trails[task.id] = trail
        return task

    def change(self, task_id: str, **fields: object) -> None:
        """Damage a row behind the rules' back."""
        view = self.rows[task_id]
        self.rows[task_id] = view._replace(task=view.task._replace(**fields))

    def task(self, task_id: str) -> TaskView | None:
        return self.rows.get(task_id)

    def find_id(self, prefix: str) -> list[str]:
        return [id for id in sorted(self.rows) if id.startswith(prefix) or id.endswith(prefix)][:10]

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        wanted = parse(filter_)
        ids = [id for id in sorted(self.rows, reverse=True) if cursor is None or id < cursor]
        matching = [id for id in ids if self._fits(self.rows[id], wanted)]
        page = matching[:limit]
        return Page([self.rows[id] for id in page], page[-1] if len(matching) > limit else None)

    def _fits(self, view: TaskView, wanted: Filter) -> bool:
        """Status, why, batch and key are all that these tests ask for."""
        in_batch = not wanted.batch.wanted or view.task.batch in wanted.batch.wanted
        has_key = not wanted.key.wanted or view.key in wanted.key.wanted
        return in_batch and has_key and state_name(view.task.status, view.task.why) in wanted.states

    def count(self, filter_: str, ceiling: int = 10_000) -> int:
        return min(ceiling, len(self.tasks(filter_, limit=ceiling).rows))

    def bound(self, filter_: str) -> None:
        """Nothing is ever left out."""

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        ended = [self.rows[id] for id in task_ids if id in self.rows and self.rows[id].task.terminal]
        return [
            Outcome(v.task.id, v.task.status, v.task.ended_at or 0, v.result, None, v.task.reason, None) for v in ended
        ]

    def ended(self, batch: str, cursor: str | None = None, limit: int = 1_000) -> Page[Outcome]:
        found = self.outcomes([id for id, view in self.rows.items() if view.task.batch == batch])
        return Page(found[int(cursor or 0) :][:limit], str(len(found)))

    def runs(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[RunView]:
        assert cursor is None
        return [run for run in self.run_rows if run.task_id == task_id][:limit]

    def audit(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
        assert cursor is None
        return self.trails.get(task_id, [])[:limit]

    def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
        cells = [cell for cell in self.true_counts() if queue in (None, cell.queue) and batch in (None, cell.batch)]
        return [cells[0]._replace(tasks=cells[0].tasks + self.miscount), *cells[1:]] if cells else []

    def failures(self, limit: int = 50, cursor: str | None = None) -> list[FailureGroup]:
        assert cursor is None
        return self.groups[:limit]

    def batches(self, limit: int = 50, cursor: str | None = None) -> list[BatchView]:
        assert cursor is None
        names = dict.fromkeys(view.task.batch for view in self.rows.values() if view.task.batch)
        return [BatchView(name, NOW - 100_000, self._by(batch=name)) for name in names][:limit]

    def batch(self, name: str) -> BatchView | None:
        return next((view for view in self.batches(len(self.rows)) if view.name == name), None)

    def _by(self, batch: str) -> dict[str, int]:
        return dict(Counter(view.task.status.value for view in self.rows.values() if view.task.batch == batch))

    def queues(self) -> list[QueueView]:
        counts: dict[str, Counter[str]] = {}
        for view in self.rows.values():
            counts.setdefault(view.task.queue, Counter())[state_name(view.task.status, view.task.why)] += 1
        return [QueueView(name, name in self.paused, dict(of)) for name, of in sorted(counts.items())]

    def pulse(self) -> Pulse:
        happened = [Happened("default", what, times) for what, times in self.happened.items()]
        return Pulse(self.now, happened, [], 0, 0, None, 0, len(self.damaged))

    def workers(self, limit: int = 50, cursor: str | None = None) -> list[WorkerView]:
        assert cursor is None
        return [][:limit]

    def requests(self, since: int, until: int) -> list[Metered]:
        return [each for each in self.metered if since <= each.hour < until]

    def run_times(self, name: str, queue: str, below: int, limit: int) -> list[RunTime]:
        theirs = self.times.get((name, queue), [])
        numbers = sorted({each.number for each in theirs if each.number < below}, reverse=True)[:limit]
        return sorted((each for each in theirs if each.number in numbers), key=lambda each: -each.number)

    def operations(self, limit: int = 50, cursor: str | None = None) -> list[Operation]:
        assert cursor is None
        return self.started[:limit]

    def operation(self, operation_id: str) -> Operation | None:
        return next((one for one in self.started if one.id == operation_id), None)

    def quarantine(self, limit: int = 50, cursor: str | None = None) -> list[tuple[int, Malformed]]:
        assert cursor is None
        return self.damaged[:limit]

    def scan(self, chunk: int = 1_000) -> Iterator[Sequence[Task]]:
        tasks = [self.rows[id].task for id in sorted(self.rows)]
        for start in range(0, len(tasks), chunk):
            yield tasks[start : start + chunk]

    @contextmanager
    def inspect(self) -> Iterator[FakeInspection]:
        yield FakeInspection(self)

    def true_counts(self) -> list[Count]:
        cells = Counter(
            (t.queue, t.name, t.batch, t.error_group, t.status, t.why) for t in (v.task for v in self.rows.values())
        )
        return [Count(*cell, tasks) for cell, tasks in cells.items()]


class FakeInspection:
    """All of a ``FakeViews``, as an audit reads it."""

    def __init__(self, views: FakeViews) -> None:
        self.now = views.now
        self._views = views

    def chunks(self, size: int) -> Iterator[Sequence[Inspected]]:
        for chunk in self._views.scan(size):
            yield [self._inspected(task) for task in chunk]

    def _inspected(self, task: Task) -> Inspected:
        trail, runs = self._views.audit(task.id), self._views.runs(task.id)
        known = [NOTHING, *trail]
        jumps = sum(line.before != before.after or line.at < before.at for before, line in pairwise(known))
        kinds = Counter(line.kind for line in trail)
        told = (known[-1].seq, known[-1].after, jumps, kinds["dispatched"], kinds["completed"])
        successes = kinds["completed"]
        return Inspected(task, Trail(len(trail), *told), successes, runs if len(runs) > 1 else ())

    def oddities(self) -> Sequence[Oddity]:
        return self._views.oddities

    def lines(self) -> Iterator[LineCount]:
        for id, trail in self._views.trails.items():
            for line in trail:
                yield LineCount(line.kind, line.before, line.after, 1, id)

    def miscounts(self, limit: int) -> Sequence[Miscount]:
        return [Miscount(("default", "completed"), self._views.miscount)][:limit] if self._views.miscount else []

    def happened(self) -> Mapping[str, int]:
        return self._views.happened

    def quarantined(self) -> Quarantined:
        forged = sum(message.reason.startswith(FORGED) for _, message in self._views.damaged)
        return Quarantined(len(self._views.damaged) - forged, forged)

    def last_report(self) -> int | None:
        return self._views.reported


NOTHING = Audit(0, 0, "", "", NEW, 0, 0)


def a_task(number: int = 1, **fields: object) -> Task:
    """A task as it is handed to ``submit``."""
    id = f"01900000-0000-7000-8000-{number:012d}"
    task = Task(id, "transcribe", "default", Policy(60_000), NOW - 100_000, NOW - 100_000, Status.PENDING)
    return task._replace(**fields)
