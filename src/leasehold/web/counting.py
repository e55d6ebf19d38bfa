"""Counter cells, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from leasehold.core.transitions import state_name
from leasehold.ports.views import Count


def by_state(cells: Iterable[Count]) -> Mapping[str, int]:
    """How many tasks are in each state."""
    found: Counter[str] = Counter()
    for cell in cells:
        found[state_name(cell.status, cell.why)] += cell.tasks
    return found
