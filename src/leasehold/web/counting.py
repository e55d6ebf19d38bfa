"""Counters, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from leasehold.ports.views import QueueView


def by_state(queues: Iterable[QueueView]) -> Mapping[str, int]:
    """How many tasks are in each state. Queues are few where batches may be many: their sums are soon read."""
    found: Counter[str] = Counter()
    for queue in queues:
        found.update(queue.counts)
    return found
