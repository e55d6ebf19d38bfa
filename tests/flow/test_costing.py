"""What is found of costs and leases on a real ledger: of all of it, and of a part."""

from __future__ import annotations

import pytest

from leasehold.core.costing import Place, Prices
from leasehold.core.errors import UsageError
from leasehold.core.metering import Action, Count, Tally
from leasehold.core.model import Failure, FailureKind, Policy
from leasehold.core.reports import UpdateKind
from leasehold.core.units import HOUR, MINUTE
from leasehold.flow.advising import advice
from leasehold.flow.costing import Costs, Wanted, costs, newest_runs
from tests.flow.orchestra import Orchestra

LONG = Policy(10 * MINUTE, attempts=3, losses=2, backoff_base=1_000, backoff_cap=1_000)


def found(orchestra: Orchestra, **wanted: str) -> Costs:
    now = orchestra.ledger.now()
    return costs(orchestra.views, Place.SQS, Prices(), Wanted(now - 2 * HOUR, **wanted), now)


def metered(orchestra: Orchestra, queue: str, ended: int, sent: int) -> None:
    counts = [
        Count(0, f"tasks:{queue}", Action.SEND, Tally(sent, sent, messages=sent)),
        Count(0, f"tasks:{queue}", Action.ENDED, Tally(messages=ended)),
    ]
    orchestra.ledger.note_requests(counts)


def test_a_queue_has_its_own_requests_and_a_share_of_what_all_share(orchestra: Orchestra) -> None:
    orchestra.submit(2)
    orchestra.submit(1, queue="other")
    metered(orchestra, "default", 75, 100)
    metered(orchestra, "other", 25, 40)
    orchestra.ledger.note_requests([Count(0, "status", Action.RECEIVE, Tally(80, 80, messages=80))])
    assert found(orchestra).bill.total.requests == 220
    part = found(orchestra, queue="other")
    assert (part.bill.tasks, part.bill.total.requests) == (25, 40 + 20)


def test_a_batch_is_a_share_of_its_queues_by_the_tasks_that_ended(orchestra: Orchestra) -> None:
    ids = orchestra.submit(2, batch="november")
    orchestra.submit(1)
    orchestra.dispatcher.step()
    for message in orchestra.messages():
        orchestra.report(UpdateKind.COMPLETED, message, result="1")
    orchestra.recorder.step()
    metered(orchestra, "default", 3, 30)
    part = found(orchestra, batch="november")
    assert len(ids) == part.bill.tasks == 2
    assert part.bill.total.requests == 20
    assert any("not counted by batch" in note for note in part.notes)


def test_where_no_task_ended_no_share_is_made_up(orchestra: Orchestra) -> None:
    orchestra.submit(1, batch="november")
    metered(orchestra, "default", 0, 30)
    assert found(orchestra, batch="november").bill.total.requests == 0
    assert any("no task ended" in note for note in found(orchestra).notes)


@pytest.mark.parametrize("wanted", [{"queue": "nobody"}, {"batch": "nobody"}])
def test_what_does_not_exist_has_no_cost(orchestra: Orchestra, wanted: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="nobody"):
        found(orchestra, **wanted)


def test_a_lost_run_and_a_second_success_were_for_nothing(orchestra: Orchestra) -> None:
    orchestra.submit(2, policy=LONG)
    orchestra.dispatcher.step()
    first, second = orchestra.messages()
    orchestra.report(UpdateKind.STARTED, first)
    orchestra.recorder.step()
    orchestra.clock.advance(11 * MINUTE)
    orchestra.sweeper.step()
    for r in (1, 2):
        orchestra.report(UpdateKind.COMPLETED, second, r=r, result="1")
    orchestra.recorder.step()
    _, lost, duplicates = found(orchestra).wasted
    assert (lost.runs, duplicates.runs) == (1, 1)
    assert lost.ms >= 10 * MINUTE
    assert lost.requests_dollars is None  # no message was metered, so nobody knows what one costs


def test_leases_are_judged_by_runs_that_succeeded_and_those_that_were_stopped(orchestra: Orchestra) -> None:
    orchestra.submit(21, policy=LONG)
    over = Failure(FailureKind.LEASE, "LeaseOver", "its lease was over")
    for done in (0, 10, 20):  # as many as the window takes
        orchestra.dispatcher.step()
        for nth, message in enumerate(orchestra.messages()[done:], done):
            if nth:
                orchestra.report(UpdateKind.COMPLETED, message, result="1")
            else:
                orchestra.report(UpdateKind.FAILED, message, failure=over)
        orchestra.recorder.step()
    orchestra.submit(5, name="never ran")
    (one,) = advice(orchestra.views, 2_000)
    assert (one.handler, one.looked_at, one.tasks) == ("work", 21, 21)
    assert (len(one.measured.durations), one.measured.stopped) == (20, 1)
    assert one.advice.lease == 20 * MINUTE


def test_runs_are_looked_at_newest_first_and_only_so_many(orchestra: Orchestra) -> None:
    orchestra.submit(5)
    orchestra.dispatcher.step()
    for message in orchestra.messages():
        orchestra.report(UpdateKind.COMPLETED, message, result="1")
    orchestra.recorder.step()
    numbers = [each.number for each in newest_runs(orchestra.views, "work", "default", 5)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 5
