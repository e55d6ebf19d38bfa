"""Every state that one task can reach in a small world, breadth first: all orders of all events, at a few instants."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from leasehold.core import events
from leasehold.core.alarms import owed
from leasehold.core.machine import decide
from leasehold.core.model import Audit, Run, Status, Task, Why
from tests.core import laws
from tests.core.stories import CANCELLED, RETRIED, VALIDITY, claimed, completed, failed, refused, released, unbegun

Node = tuple[Task, int]
PARENTS = (
    events.ParentEnded("p", Status.COMPLETED, waiting=0),
    events.ParentEnded("p", Status.COMPLETED, waiting=1),
    events.ParentEnded("p", Status.COMPLETED, waiting=0, broken_by="q"),
    events.ParentEnded("p", Status.FAILED, waiting=1),
)


@dataclass(frozen=True)
class World:
    """What may happen: these runs may say anything at any time, and the rest may, too."""

    runs: Sequence[Run]
    instants: Sequence[int]
    dispatches: int = 1
    clock_set_back: bool = False
    members: int = 1
    """How many tasks share the message of a dispatch."""

    @cached_property
    def reports(self) -> Sequence[events.Event]:
        """What any of the runs, or a queue of it, may say in whatever state the task is."""
        return list(self._reports())

    def _reports(self) -> Iterator[events.Event]:
        for run in self.runs:
            yield from (events.Started(run), events.Draining(run), completed(run), failed(run, unrecoverable=True))
            yield claimed(run)
            for deleted in (False, True):
                yield from (failed(run, deleted=deleted), released(run, deleted=deleted))
                yield from (unbegun(run, deleted=deleted), refused(run, deleted=deleted))
        for n in sorted({run.n for run in self.runs}):
            yield from (events.Expired(n, 1), events.Expired(n, 3), events.DeadLettered(n, 3))

    def events(self, task: Task, now: int) -> Iterator[events.Event]:
        yield from self.reports
        yield from (CANCELLED, RETRIED, *PARENTS)
        if task.why is Why.DUE and task.n < self.dispatches:
            yield events.Dispatched(now + VALIDITY, self.members)
        if task.open:
            yield events.Unsendable(task.n, "too large")
        if task.run_id is not None:
            yield from (events.Recalled(task.run_id), events.Recalled(task.run_id, redispatch=True))
        debt = owed(task, now)
        if debt is not None:
            yield debt
        if isinstance(debt, events.Lapsed):
            yield events.Lapsed(redispatch=True)

    def moves_of_the_clock(self, at: int) -> Iterator[int]:
        if at + 1 < len(self.instants):
            yield at + 1
        if at and self.clock_set_back:
            yield at - 1


@dataclass
class Explorer:
    """Goes everywhere, and holds every state and every step to the laws."""

    world: World
    visited: dict[Node, tuple[Node, events.Event | int] | None] = field(
        default_factory=dict[Node, "tuple[Node, events.Event | int] | None"]
    )
    lines: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])

    def explore(self, starts: Iterable[Task], at_each: Callable[[Task, int], None]) -> None:
        """``at_each`` is called once for every state with its instant."""
        waiting = deque[Node]()
        for start in starts:
            self.meet((start, 0), None, waiting)
        while waiting:
            node = waiting.popleft()
            task, at = node
            now = self.world.instants[at]
            try:
                hold(laws.of_state(task))
                at_each(task, now)
                for event in self.world.events(task, now):
                    after = self.take(task, event, now)
                    if after is not task:
                        self.meet((after, at), (node, event), waiting)
            except Exception as broken:
                broken.add_note("on the way of " + " -> ".join(self.way_to(node)))
                raise
            for later in self.world.moves_of_the_clock(at):
                self.meet((task, later), (node, self.world.instants[later]), waiting)

    def take(self, task: Task, event: events.Event, now: int) -> Task:
        answer = decide(task, event, now)
        if answer.task is task and not answer.audit:
            return task
        hold(laws.of_step(task, event, answer), event)
        assert laws.same(answer.task, decide(answer.task, event, now).task), (
            f"{describe(event)}: told twice, done twice"
        )
        self.lines.update(map(line_of, answer.audit))
        return answer.task

    def meet(self, node: Node, came_by: tuple[Node, events.Event | int] | None, waiting: deque[Node]) -> None:
        key = key_of(node)
        if key not in self.visited:
            self.visited[key] = came_by
            waiting.append(node)

    def way_to(self, node: Node) -> list[str]:
        way: list[str] = []
        while (came_by := self.visited[key_of(node)]) is not None:
            node, event = came_by
            way.append(describe(event))
        return way[::-1]


def key_of(node: Node) -> Node:
    task, at = node
    return laws.without_history(task), at


def line_of(line: Audit) -> tuple[str, str, str]:
    return line.kind, line.before, line.after


def hold(found: Iterable[tuple[str, bool]], event: events.Event | None = None) -> None:
    broken = [law for law, holds in found if not holds]
    assert not broken, f"{broken} broken by {event}"


def describe(event: events.Event | int) -> str:
    return f"it is {event}" if isinstance(event, int) else f"{type(event).__name__}{tuple(event)}"
