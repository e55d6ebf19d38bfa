"""What the model forgets of a row decides nothing: searched over the states of a small world of core's explorer."""

import pytest

from leasehold.core import events
from leasehold.core.events import Submitted
from leasehold.core.machine import decide
from leasehold.core.model import Task
from tests.core.explorer import Explorer, World
from tests.core.stories import LEASE, NOW, POLICY, a_new_task, a_run, after
from tests.model import rows

FIRST, SECOND = a_run(1, 1, by="a"), a_run(1, 2, by="b", began=NOW + LEASE // 2)


def seen_at(event: events.Event, by: int) -> events.Event:
    if isinstance(event, events.Dispatched):
        return event._replace(not_after=event.not_after + by)
    if isinstance(event, events.RunReport):
        return event._replace(run=event.run._replace(lease_until=event.run.lease_until + by))
    return event


@pytest.mark.prove
def test_what_is_forgotten_of_a_row_decides_nothing() -> None:
    world = World([FIRST, SECOND], [NOW, NOW + LEASE], dispatches=1)
    compared = 0

    def at_each(task: Task, now: int) -> None:
        nonlocal compared
        by = rows.NOW - now
        short = rows.forgetful(rows.moved(task, by))
        for event in world.events(task, now):
            whole, brief = decide(task, event, now), decide(short, seen_at(event, by), rows.NOW)
            assert rows.forgetful(rows.moved(whole.task, by)) == rows.forgetful(brief.task), event
            assert [line.kind for line in whole.audit] == [line.kind for line in brief.audit]
            assert whole.refusal == brief.refusal
            compared += 1

    start = after(a_new_task(policy=POLICY._replace(attempts=1, losses=1)), Submitted())
    Explorer(world).explore([start], at_each)
    assert compared > 10_000
