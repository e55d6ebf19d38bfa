"""One pure function holds every rule of state: ``decide``. No I/O, no clock, no logging, no random numbers.

The rules stand in ``asked`` (what we do to a task), ``claimed`` (whether a run may start), ``spoken`` (what workers
report) and ``silent`` (what nobody reports), the moves that they share in ``step``, and every change that may come of
them in ``transitions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from leasehold.core import asked, claimed, events, silent, spoken
from leasehold.core.model import Decision, Ignored, Task
from leasehold.core.step import Step

RULES: Mapping[type, Callable[[Step, Any], Decision | Ignored]] = MappingProxyType(
    {
        events.Submitted: asked.on_submitted,
        events.Due: asked.on_due,
        events.ParentEnded: asked.on_parent_ended,
        events.Dispatched: asked.on_dispatched,
        events.Claimed: claimed.on_claimed,
        events.Started: spoken.on_started,
        events.Progressed: spoken.on_progressed,
        events.Completed: spoken.on_completed,
        events.Failed: spoken.on_failed,
        events.Released: spoken.on_released,
        events.Draining: spoken.on_draining,
        events.Refused: spoken.on_refused,
        events.Expired: silent.on_taken_off,
        events.DeadLettered: silent.on_taken_off,
        events.Unsendable: silent.on_unsendable,
        events.Lapsed: silent.on_lapsed,
        events.Voided: silent.on_voided,
        events.Recalled: silent.on_recalled,
        events.Cancelled: asked.on_cancelled,
        events.Retried: asked.on_retried,
    }
)


def decide(task: Task, event: events.Event, now: int) -> Decision | Ignored:
    """What becomes of ``task`` when ``event`` is recorded at ``now`` (ms, the ledger's clock).

    The same event recorded again is ignored; an event that breaks no rule and changes nothing is ``Ignored`` too,
    with the reason. Never raises for anything that a worker, a queue or a clock can do.
    """
    return RULES[type(event)](Step(task, now), event)
