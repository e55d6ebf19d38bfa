"""How many tasks of a plan share a message, and how many of those can begin under its lease (docs/operations.md)."""

from __future__ import annotations

from math import ceil

from leasehold.core.bundles import BYTES, OVERHEAD
from leasehold.core.measured import CPU, CPU_BUNDLED, MEASURED_BUNDLE, Cpu
from leasehold.core.traffic import GUARD, LARGEST_WINDOW, Sharing, Work
from leasehold.core.units import say_bytes, say_duration

BEGINS = 0.75
"""Share of what a lease leaves for work after which no member of a bundle begins (R2)."""
ADVISED = 3
"""Into how many parts a lease is cut, of which a bundle should fill one (docs/operations.md)."""
LONG = 1_000
"""ms of a task from which on bundles are not for it."""


def sharing_of(work: Work, mean: float) -> Sharing:
    """How the tasks share messages: as many as were asked for, as far as bytes and lease go."""
    if work.bundle == 1:
        return Sharing(1, 1, work.tasks, GUARD)
    size = min(work.bundle, max(1, BYTES // (OVERHEAD + work.inlined)))
    within = max(0.0, min(work.validity, BEGINS * (work.lease - work.margin)))
    begun = min(size, 1 + int(within / mean)) if mean else size
    most = GUARD if size == 1 else min(GUARD // size, ceil(2 * LARGEST_WINDOW / (size - 1)))
    return Sharing(size, begun, ceil(work.tasks / begun), most)


def cpu_of(work: Work, together: int) -> Cpu:
    """CPU seconds per 1,000 tasks where so many share a message: a part of each task, and a part of each message.

    From the two sizes that were measured; between them and beyond it is a guess by proportion.
    """
    share = (1 / together - 1 / MEASURED_BUNDLE) / (1 - 1 / MEASURED_BUNDLE)
    pairs = zip(CPU_BUNDLED[work.backend], CPU[work.backend], strict=True)
    orchestrator, worker, database = (
        None if many is None or one is None else many + (one - many) * share for many, one in pairs
    )
    return Cpu(orchestrator or 0.0, worker or 0.0, database)


def bundle_warnings(work: Work, mean: float, sharing: Sharing) -> dict[str, bool]:
    """What is wrong with the bundles, and whether it is so."""
    if work.bundle == 1:
        return {}
    slots = work.workers * work.slots
    size, begun, messages, most = sharing
    takes = round(size * mean)
    return {
        f"of bundles with arguments of {say_bytes(work.arguments)} each only {size} fit into a message, not "
        f"{work.bundle}": size < work.bundle,
        f"only {begun} of the {size} tasks of a bundle begin within its lease; the others go back, and out again. "
        f"A bundle takes {say_duration(takes)}: give smaller ones, or a longer lease": begun < size,
        f"a bundle takes {say_duration(takes)}, over a third of its lease: where some are slow, others go back and out "
        f"again. Give at most bundle={fitting(work, mean)}, or a longer lease": begun == size
        and takes * ADVISED > work.lease,
        f"there are {messages:,} messages for {slots:,} slots: the others stay idle. Give at most "
        f"bundle={max(1, work.tasks // max(1, slots))}": 0 < messages < min(slots, work.tasks),
        f"no more than about {most:,} bundles of {size} are out at once, for {slots:,} slots: the others stay idle. "
        "Give smaller bundles, or use several queues": most < min(slots, messages),
        "bundles save little here: tasks of a second or more say when they begin and end, each by itself. What waits "
        "behind a slow one waits, though other slots are free": mean >= LONG,
    }


def fitting(work: Work, mean: float) -> int:
    """How many tasks take a third of the lease."""
    return max(1, int(work.lease / ADVISED / max(1.0, mean)))
