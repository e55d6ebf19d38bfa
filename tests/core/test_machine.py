"""The table of transitions: every line of the audit trail is held to it."""

import pytest

from leasehold.core import events
from leasehold.core.machine import RULES
from leasehold.core.model import Status, Token, Why
from leasehold.core.step import IllegalTransitionError, Step
from leasehold.core.transitions import ALLOWED, TABLE, state_name
from tests.core.stories import NOW, a_queued_task


def test_every_event_has_a_rule() -> None:
    assert set(RULES) == set(events.Event.__args__)


def test_a_line_that_the_table_does_not_hold_is_a_defect() -> None:
    with pytest.raises(IllegalTransitionError, match="'due' may not take a task from pending/queued to completed"):
        Step(a_queued_task(), NOW).to("due", Status.COMPLETED, None)


def test_a_trail_goes_forward_even_where_the_clock_was_read_before_the_lock_was_had() -> None:
    step = Step(a_queued_task()._replace(updated_at=NOW + 189), NOW)
    step.to("cancelled", Status.CANCELLED, None)
    (line,) = step.decision().audit
    assert (line.at, step.task.updated_at, step.task.ended_at) == (NOW + 189,) * 3


def test_the_table_speaks_of_known_states_only() -> None:
    states = {state_name(Status.PENDING, why) for why in (None, *Why)}
    states |= {state_name(status, None) for status in Status}
    assert {name for row in TABLE for name in (*row.before, *row.after, *row.stays)} == states


def test_nothing_leaves_completed() -> None:
    assert {after for _, before, after in ALLOWED if before == "completed"} <= {"completed"}


def test_a_fencing_token_rises_with_dispatch_and_receive() -> None:
    tokens = [Token(1, 1), Token(1, 2), Token(1, (1 << 20) - 1), Token(2, 1), Token(2**31, 1)]
    fences = [token.fence for token in tokens]
    assert fences == sorted(set(fences))
    assert fences[0] == 1 << 20 | 1
    assert fences[-1] < 1 << 63
