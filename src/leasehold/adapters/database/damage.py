"""What becomes of a row that nobody can read: it is left as it is, and holds up none of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from leasehold.adapters.database.connection import Row
from leasehold.adapters.database.oddities import odd_task
from leasehold.adapters.database.rows import TASK_COLUMNS

log = logging.getLogger("leasehold.ledger")
TOLD = 1_000
"""Rows that one process names in its log at most, each once: an audit names the damage better."""


def unreadable(task_id: object, told: str) -> str:
    """What to say of such a row."""
    return f"the row of task {task_id} holds what nobody can read ({told}); `leasehold audit` tells what is damaged"


class Damage:
    """The rows that were found so by one ledger."""

    def __init__(self) -> None:
        self._told: set[object] = set()

    def sound(self, rows: Sequence[Row], first: int, found: dict[str, str] | None = None) -> list[Row]:
        """Those that can be read, with ``TASK_COLUMNS`` from column ``first`` on; ``found`` learns why not others."""
        last = first + len(TASK_COLUMNS)
        sound: list[Row] = []
        for row in rows:
            if (told := odd_task(row[first:last])) is None:
                sound.append(row)
                continue
            self.name(row[first], told)
            if found is not None:
                found[row[first]] = told
        return sound

    def up_to(self, limit: int, first: int, fetch: Callable[[int], Sequence[Row]]) -> list[Row]:
        """As many sound rows, if there are, of a line that ``fetch`` reads up to a length: others in it are passed."""
        length = limit
        while True:
            rows = fetch(length)
            sound = self.sound(rows, first)
            if len(sound) >= limit or len(rows) < length:
                return sound[:limit]
            length *= 2

    def name(self, task_id: object, told: str) -> None:
        """Log it, once."""
        if task_id not in self._told and len(self._told) < TOLD:
            self._told.add(task_id)
            text = unreadable(task_id, told)
            log.error("%s. Until it is mended it is left alone", text, extra={"task": task_id})
