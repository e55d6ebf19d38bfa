"""The course of the demo: submit, serve, watch, let things go wrong, sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic, sleep
from typing import Final

from leasehold.core.errors import UsageError
from leasehold.core.units import SECOND
from leasehold.demo.ending import Ending
from leasehold.demo.handlers import transcribe, transcribe_own
from leasehold.demo.history import History, Look
from leasehold.demo.interrupt import Interrupt
from leasehold.demo.plan import Plan
from leasehold.demo.reaper import Reaper
from leasehold.demo.report import Happening, happenings, tally
from leasehold.demo.screen import Frame, Mood, NodeRow, Screen
from leasehold.demo.stage import NODES, SLOTS, Stage
from leasehold.embedded import Node
from leasehold.flow.audit import Verdict, audit, look_at

TICK: Final = 200
"""ms between two looks at the ledger, unless a task ends before."""
LONGEST: Final = 240.0
"""Seconds in which nothing of the shipped batch moves, after which the demo sums up instead of hanging. However slow a
machine is, something moves there: a bound on the whole would end it in the middle."""


class OtherDemo(UsageError):
    """The ledger holds a demo with other arguments."""


class Stillness:
    """How long nothing has moved."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._newest: Look | None = None
        self._moved = now()

    def after(self, look: Look) -> float:
        """Seconds, up to this look, in which every look found the same."""
        if look != self._newest:
            self._newest, self._moved = look, self._now()
        return self._now() - self._moved


class Show:
    """One performance."""

    def __init__(self, stage: Stage, plan: Plan, screen: Screen, interrupt: Interrupt) -> None:
        self._stage = stage
        self._plan = plan
        self._screen = screen
        self._interrupt = interrupt
        self._began = monotonic()
        self._epoch = stage.parts.ledger.now()
        self._history = History(stage.client, plan, self._epoch)
        self._seen: set[str] = set()
        """Nodes that have had a task."""
        self._told: set[tuple[str, int]] = set()
        self._ended_before = 0
        self._stillness = Stillness()
        caller = next((item for item in plan.items if item.trouble.call is not None), None)
        self._reaper = (
            Reaper(str(caller.source), caller.trouble.call, stage.parts.store)
            if caller is not None and caller.trouble.call is not None
            else None
        )

    @property
    def _seconds(self) -> float:
        return monotonic() - self._began

    def play(self) -> Ending:
        """Run the batch to its end, or to Ctrl-C."""
        self._submit()
        look = self._history.look()
        self._ended_before = look.ended
        self._screen.title(self._headline())
        if not look.over:
            self._stage.serve()
            self._watch()
        if self._interrupt.asked:
            self._tell("Ctrl-C", "what is under way keeps its checkpoint and is given back; Ctrl-C again stops at once")
            self._screen.show(self._frame(self._history.look()))
        self._stage.stop()
        rows = self._history.rows()
        return Ending(
            plan=self._plan,
            rows=rows,
            tally=tally(rows),
            verdict=self._audit(),
            seconds=self._seconds,
            ledger=self._stage.ledger,
            interrupted=self._interrupt.asked,
        )

    def _submit(self) -> None:
        """Write the batch to the ledger; what is there already, from a demo that was cut off, is left as it is."""
        handler = transcribe if self._plan.folder is None else transcribe_own
        for priority, rows in self._plan.arguments().items():
            task = handler.options(priority=priority)
            batch = task.submit_many(rows, key="source", batch=self._plan.batch)
            if batch.rejected:
                raise OtherDemo(
                    f"{self._stage.ledger} holds a demo of another version of Leasehold ({batch.rejected[0].reason}); "
                    "name another with --ledger"
                )

    def _headline(self) -> str:
        recordings = f"{len(self._plan.items)} recordings"
        where = f" in {self._plan.folder}" if self._plan.folder else ""
        return f"{recordings}{where} to transcribe, on {NODES} worker nodes of {SLOTS} slots each"

    def _watch(self) -> None:
        """Look until every task has ended, or somebody wants it to stop."""
        while not self._interrupt.asked:
            look = self._history.look()
            self._reap(look)
            self._announce(happening for row in look.troubled for happening in happenings(row))
            self._screen.show(self._frame(look))
            if look.over or (self._plan.folder is None and self._stillness.after(look) > LONGEST):
                return
            self._stage.system.check()
            self._stage.parts.bell.wait("ended", TICK)

    def _reap(self, look: Look) -> None:
        if self._reaper is None:
            return
        lost = self._reaper.look(look.held, self._stage.system.workers())
        if lost:
            files = " and ".join(task.file for task in lost)
            self._tell(lost[0].worker, f"the whole node is killed (SIGKILL) while it has {files} in its hands")

    def _tell(self, subject: str, told: str) -> None:
        self._screen.tell(Happening(self._seconds, subject, told))

    def _announce(self, found: Iterable[Happening]) -> None:
        """Tell each once, in order; what happened in an earlier performance is left to the table."""
        for happening in sorted(found, key=lambda each: (each.at, each.subject, each.number)):
            name = (happening.subject, happening.number)
            if name not in self._told and happening.at >= 0:
                self._told.add(name)
                self._screen.tell(happening)

    def _frame(self, look: Look) -> Frame:
        self._seen.update(task.worker for task in look.held)
        nodes = [self._node(node, look) for node in self._stage.system.workers()]
        return Frame(self._seconds, look.ended - self._ended_before, look, nodes)

    def _node(self, node: Node, look: Look) -> NodeRow:
        """A node with what the ledger says it has in its hands."""
        held = [task for task in look.held if task.worker == node.name]
        lease_left = max((task.lease_until for task in held), default=0) - self._stage.parts.clock.now()
        return NodeRow(node.name, self._mood(node), held, lease_left / SECOND)

    def _mood(self, node: Node) -> Mood:
        if node.killed:
            return Mood.KILLED
        if self._interrupt.asked:
            return Mood.STOPPING
        return Mood.WELL if node.name in self._seen else Mood.STARTING

    def _audit(self) -> Verdict:
        parts = self._stage.parts
        return audit(parts.views, lambda: look_at(parts.views, parts.queues, parts.settings.topology), pause=sleep)
