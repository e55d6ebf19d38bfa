"""Tasks whose runs have the slots to themselves: beside others, their process died and nobody knows why."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from leasehold.flow.bundle import Unit
from leasehold.flow.held import Held


class Loners:
    """They belong to the worker's thread."""

    def __init__(self) -> None:
        self._tasks: set[str] = set()

    def add(self, task_id: str) -> None:
        """Its next run goes alone."""
        self._tasks.add(task_id)

    def discard(self, task_id: str) -> None:
        """It has run alone, or ended."""
        self._tasks.discard(task_id)

    def keep_out(self, coming: Unit, batch: Sequence[Unit], running: Collection[Held]) -> bool:
        """Whether a run that has to be alone (or already is) forbids starting this one beside those."""
        if not self._tasks:
            return False
        under_way = [*(held for unit in batch for held in unit), *running]
        return self._any(under_way) or (bool(under_way) and self._any(coming))

    def _any(self, helds: Collection[Held]) -> bool:
        return any(held.task.id in self._tasks for held in helds)
