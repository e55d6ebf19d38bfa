"""Whose turn it is in slots that are only played: the members of a bundle begin one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from leasehold.ports.slots import Job


def next_turn(line: deque[Job], running: Iterable[Job]) -> Job | None:
    """Take the first of the line that may begin beside those: not one whose bundle has a run under way."""
    busy = {job.bundle for job in running if job.bundle is not None}
    for job in line:
        if job.bundle is None or job.bundle not in busy:
            line.remove(job)
            return job
    return None


def places_taken(line: Iterable[Job], running: Iterable[Job]) -> int:
    """How many places they have, and will want: a bundle one, whatever is left of it."""
    return len({job.bundle or job.run_id for job in (*line, *running)})
