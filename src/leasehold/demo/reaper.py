"""The death of a whole node: called for by a task at its checkpoint, carried out from outside, told to nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from leasehold.demo.history import Held
from leasehold.flow.checkpoints import Checkpoints
from leasehold.ports.store import Store

PATIENCE: Final = 3.0
"""Seconds that the node's other run is given to keep a checkpoint of its own; the lease of the first runs meanwhile."""


class Victim(Protocol):
    """A node, as far as its death is concerned."""

    name: str

    def kill(self) -> None:
        """SIGKILL."""
        ...


class Reaper:
    """Kills the node that has the task which calls, once all that the node has in its hands is worth resuming."""

    def __init__(self, caller: str, call: Path, store: Store, now: Callable[[], float] = monotonic) -> None:
        """`caller`: the source of the task that calls; `call`: the file by which it does."""
        self._caller = caller
        self._call = call
        self._checkpoints = Checkpoints(store, limit=0)  # it only reads
        self._now = now
        self._called: float | None = None
        self.killed: str | None = None
        call.unlink(missing_ok=True)  # nobody may die for a call of an earlier performance

    def look(self, held: Sequence[Held], nodes: Iterable[Victim]) -> Sequence[Held]:
        """Kill the node that has the calling task, if it is time; what it had in its hands then."""
        if self.killed is not None or not self._call.exists():
            return ()
        if self._called is None:
            self._called = self._now()
        mine = next((task for task in held if task.source == self._caller), None)
        victim = next((node for node in nodes if mine is not None and node.name == mine.worker), None)
        if mine is None or victim is None:
            return ()
        beside = [task for task in held if task.worker == victim.name and task is not mine]
        ready = beside and all(map(self.worth_resuming, beside))
        if not ready and self._now() - self._called < PATIENCE:
            return ()
        victim.kill()
        self.killed = victim.name
        return [mine, *beside]

    def worth_resuming(self, task: Held) -> bool:
        """Whether a run has kept a checkpoint that holds some of its work."""
        kept = self._checkpoints.load(task.task_id, task.token)
        return kept is not None and json.loads(kept)["second"] > 0
