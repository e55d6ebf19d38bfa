"""What is counted comes to be known in the ledger, and costs no request while a worker works."""

from __future__ import annotations

from typing import cast

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.core.happening import Happened, by_queue, histogram
from leasehold.core.metering import Action, Cause, Count, Metered, Tally, by_cause
from leasehold.core.reports import UpdateKind
from leasehold.core.units import HOUR, MINUTE
from leasehold.core.wire import PACK_CEILING, encode_update
from leasehold.flow.claims import LedgerOutbox
from leasehold.flow.hourly import hourly
from leasehold.flow.metering import EVERY, MOST, SPAN, Accounts, Meter
from leasehold.flow.outbox import StatusQueueOutbox
from leasehold.flow.recorder import Recorder
from leasehold.flow.window import SMALLEST
from leasehold.ports.ledger import Ledger
from leasehold.testing.clock import ManualClock
from tests.flow.orchestra import Orchestra

TASKS = "tasks:default"


class Fleet:
    """A worker's meter and outbox, and those of the orchestrator that hears of them."""

    def __init__(self, orchestra: Orchestra) -> None:
        self.orchestra = orchestra
        clock, ledger = orchestra.clock, orchestra.ledger
        self.theirs, self.ours = Meter(clock), Meter(clock)
        self.outbox = StatusQueueOutbox(orchestra.status, clock, ceiling=PACK_CEILING, meter=self.theirs)
        orchestra.outbox = self.outbox
        self.recorder = Recorder(
            orchestra.status, ledger, orchestra.bell, orchestra.random, key=orchestra.key, meter=self.ours
        )
        self.accounts = Accounts(self.ours, ledger)

    def work(self) -> None:
        """One task is dispatched, completed and recorded."""
        self.orchestra.submit()
        self.orchestra.dispatcher.step()
        self.orchestra.report(UpdateKind.COMPLETED, self.orchestra.messages()[-1], result="1")
        self.recorder.step()

    def known(self) -> dict[tuple[str, str], Tally]:
        found = self.orchestra.views.requests(0, self.orchestra.clock.now() + HOUR)
        return {(each.queue, each.action.value): each.tally for each in found}


@pytest.fixture
def fleet(orchestra: Orchestra) -> Fleet:
    return Fleet(orchestra)


def test_what_a_worker_counts_rides_in_its_reports_and_ends_in_the_ledger(fleet: Fleet) -> None:
    fleet.theirs.count(TASKS, Action.RECEIVE, messages=10, size=70_000)
    fleet.theirs.count(TASKS, Action.RECEIVE)
    fleet.orchestra.clock.advance(EVERY)
    fleet.work()
    assert len(fleet.orchestra.status.peek()) == 0
    fleet.orchestra.clock.advance(EVERY)
    fleet.accounts.keep()
    assert fleet.known() == {
        (TASKS, "receive"): Tally(2, 3, empty=1, messages=10),
        (TASKS, "ended"): Tally(messages=1),
        ("status", "waited"): Tally(1),
    }


def test_an_orchestrator_counts_how_many_tasks_wait_as_often_as_it_writes(fleet: Fleet) -> None:
    orchestra = fleet.orchestra
    for _ in range(3):
        orchestra.submit()
    for waiting in (3, 3, 4):
        if waiting == 4:
            orchestra.submit()
        fleet.ours.count("status", Action.RECEIVE)
        orchestra.clock.advance(EVERY)
        fleet.accounts.keep()
    assert (fleet.known()[TASKS, "waited"], fleet.known()["status", "waited"]) == (Tally(messages=10), Tally(3))
    assert "window" not in {action for _, action in fleet.known()}  # no dispatcher is at work here
    (newest,) = [hours[-1] for hours in hourly(orchestra.views, orchestra.ledger.now()).values()]
    assert newest.waited == 3
    assert not by_cause([(queue, Action(action), tally) for (queue, action), tally in fleet.known().items()]).keys() & {
        Cause.OTHER,
        Cause.REPORT,
    }


def test_an_orchestrator_tells_how_large_its_windows_are_also_where_it_made_no_request(fleet: Fleet) -> None:
    orchestra = fleet.orchestra
    accounts = Accounts(fleet.ours, orchestra.ledger, orchestra.dispatcher.windows)
    for _ in range(2 * SMALLEST):
        orchestra.submit()
    orchestra.dispatcher.step()
    for _ in range(2):
        orchestra.clock.advance(EVERY)
        accounts.keep()
    assert fleet.known()[TASKS, "window"] == Tally(messages=2 * SMALLEST)


def test_counts_are_told_once_a_minute_and_cause_no_message(fleet: Fleet) -> None:
    fleet.theirs.count(TASKS, Action.RECEIVE)
    assert fleet.outbox.post([]) == []
    fleet.work()  # too soon
    assert not fleet.ours.take()[1:]  # the task that ended, and nothing else
    fleet.orchestra.clock.advance(EVERY)
    assert fleet.outbox.post([]) == []
    assert fleet.orchestra.status.peek() == []


def test_counts_wait_where_they_would_cost_another_message(orchestra: Orchestra) -> None:
    orchestra.submit()
    orchestra.dispatcher.step()
    update = orchestra.said(UpdateKind.STARTED, orchestra.messages()[0])
    meter = Meter(orchestra.clock)
    full = len(encode_update(update, orchestra.clock.boot())) + 60
    outbox = StatusQueueOutbox(orchestra.status, orchestra.clock, ceiling=full, meter=meter)
    meter.count(TASKS, Action.RECEIVE)
    orchestra.clock.advance(EVERY)
    assert outbox.post([update]) == [True]
    assert len(orchestra.status.peek()) == 1
    assert [each.tally.requests for each in meter.take()] == [1]


def test_a_worker_that_ends_tells_the_rest_in_one_message(fleet: Fleet) -> None:
    fleet.orchestra.submit()
    fleet.theirs.count(TASKS, Action.RECEIVE)
    fleet.outbox.close()
    fleet.outbox.close()
    assert len(fleet.orchestra.status.peek()) == 1
    fleet.recorder.step()
    fleet.accounts.close()
    assert fleet.known() == {(TASKS, "receive"): Tally(1, 1, 1)}


def test_a_worker_that_ends_does_not_mind_a_queue_that_is_away(fleet: Fleet) -> None:
    fleet.theirs.count(TASKS, Action.RECEIVE)
    fleet.orchestra.status.deaf = {"send"}
    fleet.outbox.close()


def test_what_could_not_be_recorded_at_first_counts_once(fleet: Fleet) -> None:
    fleet.theirs.count(TASKS, Action.DELETE, messages=3)
    fleet.orchestra.clock.advance(EVERY)
    fleet.orchestra.submit()
    fleet.orchestra.dispatcher.step()
    fleet.orchestra.report(UpdateKind.COMPLETED, fleet.orchestra.messages()[0], result="1")

    class Away:
        def apply(self, *_: object) -> None:
            raise LedgerUnavailable("the ledger is away")

    ledger, fleet.recorder._ledger = fleet.recorder._ledger, cast("Ledger", Away())
    with pytest.raises(LedgerUnavailable):
        fleet.recorder.step()
    fleet.recorder._ledger = ledger
    fleet.recorder.step()
    fleet.accounts.close()
    assert fleet.known()[TASKS, "delete"] == Tally(1, 1, messages=3)


def test_an_hour_that_is_told_late_is_counted_as_the_hour_that_it_was(orchestra: Orchestra) -> None:
    """An idle worker has nothing to report for hours."""
    meter = Meter(orchestra.clock)
    accounts = Accounts(meter, orchestra.ledger)
    begun = orchestra.ledger.now()
    orchestra.submit()  # a queue that never held a task is counted with all such
    meter.count(TASKS, Action.RECEIVE)
    orchestra.clock.advance(5 * HOUR)
    meter.count(TASKS, Action.RECEIVE)
    accounts.close()
    (early,) = orchestra.views.requests(0, begun + HOUR)
    assert early == Metered(early.hour, TASKS, Action.RECEIVE, Tally(1, 1, 1))
    assert begun - HOUR - SPAN < early.hour <= begun
    (both,) = orchestra.views.requests(0, begun + 6 * HOUR)
    assert both.tally == Tally(2, 2, 2)


def test_what_cannot_be_written_is_written_later(orchestra: Orchestra) -> None:
    meter = Meter(orchestra.clock)

    class Away:
        def note_requests(self, *_: object) -> None:
            raise LedgerUnavailable("the ledger is away")

    meter.count(TASKS, Action.SEND, messages=2)
    orchestra.clock.advance(EVERY)
    Accounts(meter, cast("Ledger", Away())).write()
    assert not meter.due
    orchestra.clock.advance(EVERY)
    Accounts(meter, orchestra.ledger).write()
    (sent,) = orchestra.views.requests(0, 1 << 50)
    assert sent.tally == Tally(1, 1, messages=2)


def test_a_worker_that_invents_queues_fills_no_memory() -> None:
    meter = Meter(ManualClock())
    meter.hear(Count(0, f"tasks:{n}", Action.SEND, Tally(1, 1)) for n in range(2 * MOST))
    meter.hear([Count(0, "tasks:0", Action.SEND, Tally(1, 1))])
    counts = meter.take()
    assert len(counts) == MOST
    assert sum(each.tally.requests for each in counts) == MOST + 1


def test_in_single_queue_a_worker_writes_beside_its_reports(orchestra: Orchestra) -> None:
    meter = Meter(orchestra.clock)
    outbox = LedgerOutbox(orchestra.ledger, orchestra.bell, orchestra.clock, orchestra.random, meter)
    orchestra.submit()
    orchestra.dispatcher.step()
    said = orchestra.said(UpdateKind.COMPLETED, orchestra.messages()[0], result="1")
    meter.count(TASKS, Action.RECEIVE, messages=1)
    orchestra.clock.advance(MINUTE)
    assert outbox.post([said]) == [True]
    found = {each.action: each.tally for each in orchestra.views.requests(0, 1 << 50)}
    assert found == {Action.RECEIVE: Tally(1, 1, messages=1), Action.ENDED: Tally(messages=1)}
    meter.count(TASKS, Action.DELETE, messages=1)
    outbox.close()
    assert Action.DELETE in {each.action for each in orchestra.views.requests(0, 1 << 50)}


def test_how_long_runs_waits_and_reports_take_is_kept_for_good(fleet: Fleet) -> None:
    fleet.work()
    fleet.orchestra.clock.advance(EVERY)
    fleet.accounts.keep()
    fleet.accounts.close()  # and not told twice
    counted = by_queue(fleet.orchestra.views.pulse().happened)
    assert histogram(counted["default"], "ran completed").times == 1
    assert histogram(counted["default"], "waited").times == 1
    assert histogram(counted["status"], "lagged").times == 1


def test_times_that_cannot_be_written_are_kept_for_the_next_time(orchestra: Orchestra) -> None:
    meter = Meter(orchestra.clock)
    meter.lagged(700)
    times = meter.take_times()
    assert meter.take_times() == []
    meter.put_back([], times)
    assert (
        meter.take_times()
        == times
        == [Happened("status", "lagged ms", 700), Happened("status", "lagged up to 1000", 1)]
    )
