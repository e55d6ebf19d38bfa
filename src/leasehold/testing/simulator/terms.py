"""What one simulated world is like. Each seed has other faults switched on: few kinds at once reach deeper than all."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import NamedTuple

from leasehold.adapters.memory.faults import FAULTS
from leasehold.core.model import Policy
from leasehold.flow.lease import Ahead

MARGIN = 5_000
GRACE = 2_000
"""ms after its deadline within which a run is seen dead."""

CALLS = (
    "unavailable",
    "reply lost",
    "crash before",
    "crash after",
    "pause before",
    "pause after",
    "freeze before",
    "freeze after",
)
"""What can go wrong with any call of any port."""

DOUBLING = ("duplicate", "undeleted", "stale_delete")
"""What a standard queue may do that gives one task to two."""

TASK_FAULTS = tuple(f"tasks {fault}" for fault in FAULTS)
STATUS_FAULTS = tuple(f"status {fault}" for fault in FAULTS if fault != "lose_reply_change")
"""Nobody changes the visibility of a report."""

EVENTS = (
    "kill worker",
    "vanish",
    "drain",
    "storm",
    "kill orchestrator",
    "freeze",
    "set clock",
    "cancel",
    "retry",
    "cancel all",
    "retry all",
    "pause queue",
    "resume queue",
    "submit",
    "purge tasks",
    "purge status",
    "garbage task",
    "garbage status",
    "forged status",
    "ledger away",
    "queue away",
    "store away",
)
"""What may happen beside the roles' own steps."""


class Topology(StrEnum):
    """Who grants runs, and what the queues are."""

    TWO_QUEUE = "two-queue"
    FIFO = "two-queue-fifo"
    SINGLE = "single-queue"
    EMBEDDED = "embedded"
    """``two-queue`` with queues in the ledger's own database."""


class Terms(NamedTuple):
    """One world."""

    topology: Topology
    orchestrators: int
    workers: int
    slots: int
    queues: int
    tasks: int
    moves: int
    lease: int
    validity: int
    most_receives: int
    max_receives: int | None
    in_flight: int
    """Messages that a queue can hide. If it were one, tasks that kill their worker before its word is out could keep
    each other from being received again for ever, and only what is received again is charged (docs/guarantees.md)."""
    fetch_ahead: Ahead
    attempts: int
    losses: int
    names: tuple[str, ...]
    """Handlers of the tasks; see ``slots``."""
    drift: int
    """Clocks of machines run this many ppm too fast or too slow, at most."""
    off: int
    """Wall clocks of machines are off by so many ms from the start, at most."""
    slow_store: bool
    rates: dict[str, float]
    events: dict[str, float]
    """Weight of each event, where the roles' steps weigh 100."""
    pauses: tuple[int, ...]
    bundle: int = 1
    """How many tasks of a handler may share a message."""

    @property
    def plenty(self) -> bool:
        """Whether no budget is ever spent: then whatever can succeed does."""
        return self.attempts > 3 and self.losses > 3

    @property
    def claims(self) -> bool:
        """Whether runs are claimed in the ledger and reported to it."""
        return self.topology is Topology.SINGLE

    @property
    def policy(self) -> Policy:
        """Of every task."""
        return Policy(self.lease, self.attempts, self.losses, 1_000, 10_000, self.bundle)


def drawn(seed: int, topology: Topology | None = None) -> Terms:
    """The terms of the world of this seed."""
    random = Random(seed)  # noqa: S311 - it makes up worlds, not secrets
    pick = random.choice
    chosen = pick(tuple(Topology))
    if topology is not None:
        chosen = topology
    most = pick((2, 3, 10))
    names = ["work", "work", *(name for name in ("flaky", "poison", "hang", "large", "new") if random.random() < 0.35)]
    if random.random() < 0.1:
        names.append("killer")
    plenty = random.random() < 0.6
    terms = Terms(
        topology=chosen,
        orchestrators=pick((1, 1, 2, 2, 3)),
        workers=pick((1, 2, 2, 3)),
        slots=pick((1, 1, 2)),
        queues=pick((1, 1, 2)),
        tasks=pick((1, 2, 3, 4)),
        moves=pick((60, 100, 160, 220)),
        lease=pick((20_000, 30_000, 60_000, 90_000)),
        validity=pick((15_000, 60_000, 120_000, 600_000)),
        most_receives=most,
        max_receives=pick((None, most + 1, most + 2)),
        in_flight=pick((120_000 if "killer" in names else 1, 120_000, 120_000)),
        fetch_ahead=Ahead(pick((0, 5, 20))),
        attempts=1_000 if plenty else pick((1, 2, 3)),
        losses=1_000 if plenty and "killer" not in names else pick((1, 2, 3)),
        names=tuple(names),
        drift=pick((0, 100, 500)),
        off=pick((0, 0, 3_600_000)),
        slow_store=pick((True, False)),
        rates=rates(random, chosen),
        events={event: pick((0.3, 1.0, 3.0)) for event in EVENTS if random.random() < 0.4},
        pauses=pick(((0, 1_000, 6_000), (0, 2_000, 30_000, 90_000), (0, 20_000, 120_000, 800_000))),
    )
    if random.random() < 0.6:
        return terms
    few = tuple(dict.fromkeys(pick((("work",), names[:1] + names[-1:]))))  # else hardly two of one handler were due
    return terms._replace(bundle=pick((2, 3)), tasks=pick((3, 4, 6, 9)), names=few, queues=1)


def rates(random: Random, topology: Topology) -> dict[str, float]:
    """How often each fault strikes where it can; those that are switched off, or cannot be, are left out."""
    if random.random() < 0.04:
        return {}
    found = {fault: random.choice((0.005, 0.02, 0.05)) for fault in CALLS if random.random() < 0.5}
    for fault in (*TASK_FAULTS, *STATUS_FAULTS):
        if random.random() < 0.4:
            found[fault] = 0.7 if fault.endswith("stale_delete") else random.choice((0.02, 0.06, 0.2))
    return {fault: rate for fault, rate in found.items() if possible(fault, topology)}


def possible(fault: str, topology: Topology) -> bool:
    """Whether queues of this kind can do that."""
    queue, _, kind = fault.partition(" ")
    if queue not in ("tasks", "status"):
        return True
    if topology is Topology.EMBEDDED:
        return kind in ("short", "lose_reply_receive", "lose_reply_delete", "lose_reply_change", "unavailable")
    if topology is Topology.FIFO and queue == "tasks":
        return kind not in DOUBLING
    return True
