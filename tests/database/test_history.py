"""Whatever happens, in whatever order: rows, trails and counters agree, no success is undone, no outcome is missed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from leasehold.core.events import (
    Cancelled,
    Completed,
    DeadLettered,
    Draining,
    Event,
    Expired,
    Failed,
    Progressed,
    Recalled,
    Refused,
    Released,
    Retried,
    Started,
)
from leasehold.core.model import Run, Status, Task
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change, Need
from leasehold.testing.ledger_bench import BROKEN, LEASE, Moves
from tests.database.sqlite_bench import SqliteBench

KINDS = ["started", "progressed", "completed", "failed", "released", "draining", "refused"]
BATCHES = st.sampled_from([None, "november", "december"])
NAMES = st.sampled_from(["transcribe", "convert"])
QUEUES = st.sampled_from(["default", "other"])


class History(RuleBasedStateMachine):
    """One ledger, everything that can happen to it."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bench = SqliteBench(Path(self.folder.name))
        self.moves = Moves(self.bench)
        self.seen: dict[str, Task] = {}

    def teardown(self) -> None:
        self.moves.assert_accounted_for()
        self.moves.ledger.fold_counters()
        self.moves.assert_accounted_for()
        self.bench.close()
        self.folder.cleanup()

    @rule(target=ids, tasks=st.integers(1, 3), name=NAMES, queue=QUEUES, batch=BATCHES, delay=st.sampled_from([0, 500]))
    def submit(self, tasks: int, name: str, queue: str, batch: str | None, delay: int) -> object:
        new = [self.moves.new(name=name, queue=queue, batch=batch, delay=delay) for _ in range(tasks)]
        self.moves.submit(*new)
        return multiple(*(each.task.id for each in new))

    @rule(queue=QUEUES, limit=st.integers(1, 4))
    def dispatch(self, queue: str, limit: int) -> None:
        self.moves.dispatch(queue, limit)

    @rule(
        task_ids=st.lists(ids, min_size=1, max_size=4),
        kind=st.sampled_from(KINDS),
        back=st.integers(0, 1),
        r=st.integers(1, 3),
        deleted=st.booleans(),
        status_id=st.sampled_from([None, "s1", "s2"]),
    )
    def report(
        self, task_ids: list[str], kind: str, back: int, r: int, status_id: str | None, *, deleted: bool
    ) -> None:
        changes = [
            Change(task_id, self.said(task_id, kind, back, r, deleted=deleted), status_id, Payload(result="1", log="x"))
            for task_id in task_ids
        ]
        self.moves.ledger.apply(changes)

    @rule(task_id=ids, r=st.integers(1, 3), event=st.sampled_from([Expired, DeadLettered]))
    def take_off(self, task_id: str, r: int, event: type[Expired | DeadLettered]) -> None:
        self.moves.apply(task_id, event(self.moves.task(task_id).n, r))

    @rule(task_id=ids, event=st.sampled_from([Cancelled("ada"), Retried("ada")]))
    def ask(self, task_id: str, event: Event) -> None:
        self.moves.apply(task_id, event)

    @rule(task_id=ids)
    def recall(self, task_id: str) -> None:
        self.moves.apply(task_id, Recalled(self.moves.task(task_id).run_id or ""))

    @rule(need=st.sampled_from(Need))
    def ring(self, need: Need) -> None:
        owed = self.moves.ledger.alarms(need, 5)
        self.moves.ledger.apply([Change(task_id, event) for task_id, event in owed])

    @rule(ms=st.sampled_from([1, 500, LEASE, 20 * LEASE]))
    def wait(self, ms: int) -> None:
        self.moves.bench.let_pass(ms)

    @rule()
    def fold(self) -> None:
        self.moves.ledger.fold_counters()

    @invariant()
    def all_is_well(self) -> None:
        assert set(self.moves.views.counts()) == set(self.moves.views.true_counts())
        for chunk in self.moves.views.scan():
            for task in chunk:
                assert_may_follow(self.seen.get(task.id, task), task)
                self.seen[task.id] = task
        for batch in ("november", "december"):
            stream = [outcome.task_id for outcome in self.moves.views.ended(batch).rows]
            ended = {id_ for id_, task in self.seen.items() if task.batch == batch and task.terminal}
            assert (set(stream), len(stream)) == (ended, len(ended))

    def said(self, task_id: str, kind: str, back: int, r: int, *, deleted: bool) -> Event:
        now = self.moves.ledger.now()
        n = max(1, self.moves.task(task_id).n - back)
        run = Run(n, r, f"run-{n}.{r}", "i-1/boot", now + LEASE, now, "receipt")
        made: dict[str, Event] = {
            "started": Started(run),
            "progressed": Progressed(run, 0.5, "half"),
            "completed": Completed(run, now),
            "failed": Failed(run, now, BROKEN, deleted=deleted),
            "released": Released(run, now, "notice", deleted=deleted),
            "draining": Draining(run),
            "refused": Refused(run, now, "no worker knows it", deleted=deleted),
        }
        return made[kind]


def assert_may_follow(before: Task, task: Task) -> None:
    """Nothing undoes a success; dispatches are numbered one by one."""
    assert before.status is not Status.COMPLETED or task.status is Status.COMPLETED
    assert task.n in (before.n, before.n + 1)


TestHistory = History.TestCase
# A history is a whole ledger with dozens of commits: as many as the other properties have would take an hour.
TestHistory.settings = settings(stateful_step_count=25, max_examples=min(settings().max_examples, 500))
