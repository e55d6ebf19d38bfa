"""What must hold of every decision that a ledger saves: the laws S2 to S7 and S9."""

from __future__ import annotations

from collections.abc import Iterator

from leasehold.adapters.memory.deciding import Decided
from leasehold.core import events
from leasehold.core.model import Ignored, Status, Task, Why
from leasehold.core.transitions import state_name
from leasehold.testing.simulator.life import Violation

STATE = ("status", "why", "n", "attempts", "losses", "inferred", "cancelled_by")
"""What is never changed without a line in the audit trail (S7)."""


def check(decided: Decided) -> None:
    """Raise ``Violation`` for the first law that this decision breaks."""
    before, event, answer = decided.before, decided.change.event, decided.answer
    if isinstance(answer, Ignored):
        if answer.task is not before:
            raise Violation("S7", f"an ignored {type(event).__name__} changed task {before.id}")
        return
    for law, holds in broken(before, event, answer.task, len(answer.audit)):
        if not holds:
            told = f"{type(event).__name__} took task {before.id} from {state(before)} to {state(answer.task)}"
            raise Violation(law, f"{told}: {before} -> {answer.task}")


def broken(before: Task, event: events.Event, after: Task, lines: int) -> Iterator[tuple[str, bool]]:
    """(law, whether it holds)."""
    dispatched = isinstance(event, events.Dispatched) and not before.open
    yield "S2", after.n == before.n or (dispatched and after.n == before.n + 1)
    yield "S3", after.token >= before.token
    silent = all(getattr(before, name) == getattr(after, name) for name in STATE)
    yield "S4", before.status is not Status.COMPLETED or (silent and not lines)
    success = isinstance(event, events.Completed)
    yield "S5", success or after.status is before.status or after.status is not Status.COMPLETED
    yield "S4", not success or after.status is Status.COMPLETED or before.status is Status.CANCELLED
    undone = before.status is Status.CANCELLED and after.status is not Status.CANCELLED
    yield "S6", not undone or isinstance(event, events.Retried | events.ParentEnded)
    yield "S7", after.version == before.version + lines and (bool(lines) or silent)
    yield "S9", 0 <= after.attempts <= after.policy.attempts and 0 <= after.losses <= after.policy.losses
    yield "S9", after.terminal or (after.attempts < after.policy.attempts and after.losses < after.policy.losses)
    out = after.status is Status.IN_PROGRESS or after.why in (Why.QUEUED, Why.LAPSED)
    yield "S2", after.open or not out
    yield "S2", after.terminal or out or not after.open


def state(task: Task) -> str:
    """How it stands, with its token."""
    return f"{state_name(task.status, task.why)} {task.n}.{task.r}"
