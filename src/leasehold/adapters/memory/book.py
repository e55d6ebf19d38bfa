"""What a ledger in memory holds. The order of its rows is that of their numbers; the newest is never removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, NamedTuple

from leasehold.core.happening import counted
from leasehold.core.metering import Action, Tally
from leasehold.core.model import Audit, RunFact, Status, Task, Why
from leasehold.core.reports import Malformed, Payload
from leasehold.core.transitions import BLOCKED, DUE, IN_PROGRESS, LAPSED, QUEUED, SCHEDULED, state_name
from leasehold.ports.ledger import Flight, Gone, Operation

RunKey = tuple[int, int, str]
"""n, r, run_id."""

UNFINISHED = (BLOCKED, SCHEDULED, DUE, QUEUED, LAPSED, IN_PROGRESS)


class Cell(NamedTuple):
    """Where a task is counted."""

    queue: str
    name: str
    batch: str | None
    error_group: str | None
    status: Status
    why: Why | None


class Group(NamedTuple):
    """A group of errors."""

    name: str
    type: str
    message: str
    frame: str
    first_at: int
    last_at: int


@dataclass(slots=True, eq=False)
class Row:
    """One task with all that is kept of it."""

    number: int
    task: Task
    arguments: str | None
    arguments_ref: str | None
    key: str | None
    tenant: str | None
    trace: str | None
    result: Payload | None = None
    ended_no: int | None = None
    """Its place among the outcomes of its batch."""
    audit: list[Audit] = field(default_factory=list[Audit])
    runs: dict[RunKey, RunFact] = field(default_factory=dict[RunKey, RunFact])
    outputs: dict[RunKey, Payload] = field(default_factory=dict[RunKey, Payload])
    heard: dict[str, int] = field(default_factory=dict[str, int])
    """When each status_id was applied."""

    def learn(self, fact: RunFact) -> None:
        """A later fact of a run replaces, ``None`` leaves what was known; when it began is what was known first."""
        key = (fact.n, fact.r, fact.run_id)
        old = self.runs.get(key)
        if old is not None:
            began = fact.started_at if old.started_at is None else old.started_at
            fact = old._replace(**known(fact._asdict()))._replace(started_at=began)
        self.runs[key] = fact

    def keep(self, key: RunKey, output: Payload) -> None:
        """What a run brought; a later output replaces, ``None`` leaves what was known."""
        old = self.outputs.get(key)
        if old is not None:
            output = old._replace(**known(output._asdict()))
        self.outputs[key] = output


@dataclass(slots=True, eq=False)
class Batch:
    """A batch: when it came to be, and how many outcomes it has seen."""

    created_at: int
    ended: int = 0


class Holder(NamedTuple):
    """Which task has a key."""

    fingerprint: str
    task_id: str


class Forgotten(NamedTuple):
    """A task that is gone, but for its trail."""

    ended_at: int
    trail: Sequence[Audit]


class Book:
    """All of one ledger. Whoever reads or writes holds ``lock``."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.rows: dict[str, Row] = {}
        self.keys: dict[tuple[str, str, str | None], Holder] = {}
        self.batches: dict[str, Batch] = {}
        self.paused: dict[str, bool] = {}
        """Every queue that ever held a task or was paused."""
        self.cells: Counter[Cell] = Counter()
        self.happened: Counter[tuple[str, str]] = Counter()
        """How often something happened in a queue."""
        self.unfolded = 0
        self.groups: dict[str, Group] = {}
        self.damaged: dict[Malformed, int] = {}
        self.operations: dict[str, Operation] = {}
        self.gone: dict[str, Gone] = {}
        self.declared: set[tuple[str, str]] = set()
        """Handlers and arguments that they declare."""
        self.secrets: dict[str, bytes] = {}
        self.forgotten: dict[str, Forgotten] = {}
        """Trails of tasks that are gone, by id."""
        self.gone_from: Counter[str | None] = Counter()
        """How many tasks of each batch are gone."""
        self.leftovers: dict[int, str] = {}
        """What they have left in the store, by number."""
        self.requests: dict[tuple[int, str, Action], Tally] = {}
        """By hour, queue and action."""
        self.noted = 0

    def moved(self, before: Task | None, after: Task) -> None:
        """A task left one cell for another, or came."""
        old, new = None if before is None else cell_of(before), cell_of(after)
        if old == new:
            return
        if old is not None:
            self.cells[old] -= 1
            if not self.cells[old]:
                del self.cells[old]
        self.cells[new] += 1
        self.unfolded += 1

    def wrote(self, row: Row, lines: Iterable[Audit]) -> None:
        """Lines of a task's trail."""
        for line in lines:
            row.audit.append(line)
            for word in counted(line):
                self.happened[row.task.queue, word] += 1
                self.unfolded += 1

    def flights(self) -> dict[str, Flight]:
        """How full each queue is that has tasks without an outcome."""
        counts: dict[str, dict[str, int]] = {}
        for cell, tasks in self.cells.items():
            of_queue = counts.setdefault(cell.queue, {})
            state = state_name(cell.status, cell.why)
            of_queue[state] = of_queue.get(state, 0) + tasks
        return {
            queue: Flight(
                due=states.get(DUE, 0),
                queued=states.get(QUEUED, 0),
                in_progress=states.get(IN_PROGRESS, 0),
                lapsed=states.get(LAPSED, 0),
                paused=self.paused.get(queue, False),
                started=self.happened[queue, "started"],
                expired=self.happened[queue, "expired"],
            )
            for queue, states in sorted(counts.items())
            if any(state in states for state in UNFINISHED)
        }


def known(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known."""
    return {name: value for name, value in fields.items() if value is not None}


def cell_of(task: Task) -> Cell:
    """Where a task is counted."""
    return Cell(task.queue, task.name, task.batch, task.error_group, task.status, task.why)
