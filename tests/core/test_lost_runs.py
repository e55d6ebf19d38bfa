"""What is known of a run that fell silent."""

from __future__ import annotations

from leasehold.core.events import Dispatched, Lapsed, Started, Submitted
from leasehold.core.machine import decide
from leasehold.core.model import Policy, Run, RunFact, Task


def test_a_lapsed_run_is_known_to_be_lost_from_that_instant() -> None:
    task = Task("t", "h", "default", Policy(8_000), created_at=0, due_at=0)
    for event, now in (
        (Submitted(), 0),
        (Dispatched(not_after=1_000), 0),
        (Started(Run(1, 1, "first", "w", lease_until=9_000, started_at=1)), 1),
    ):
        task = decide(task, event, now).task
    assert RunFact(1, 1, "first", lost_at=9_000) in decide(task, Lapsed(), 9_000).facts
