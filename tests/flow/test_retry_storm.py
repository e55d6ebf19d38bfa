"""Hundreds of tasks fail in one moment because a service is down: they come back spread, a window's worth at a time."""

from __future__ import annotations

from collections import Counter

from leasehold.core.model import Failure, FailureKind
from leasehold.core.reports import UpdateKind
from leasehold.flow.dispatcher import Dispatcher
from tests.flow.orchestra import POLICY, VALIDITY, Orchestra
from tests.flow.scripted import MINUTE

DOWN = Failure(FailureKind.EXCEPTION, "ConnectionError", "the service is down")
STORM = 300
PAUSE = MINUTE
WINDOW = 40
PATIENT = POLICY._replace(attempts=5, backoff_base=PAUSE, backoff_cap=PAUSE)


def run_all(orchestra: Orchestra, kind: UpdateKind, failure: Failure) -> int:
    """Receive what is on the queue, and end it as said; how many that was."""
    queue = orchestra.queue()
    messages = orchestra.messages()
    for message in messages:
        orchestra.report(kind, message, deleted=True, failure=failure)
    while received := queue.receive(10, wait=0, visibility=MINUTE).deliveries:
        queue.delete([delivery.receipt for delivery in received])
    while orchestra.recorder.step():
        pass
    return len(messages)


def storm(orchestra: Orchestra) -> list[str]:
    """Many tasks that have all failed at the same instant."""
    ids = orchestra.submit(STORM, policy=PATIENT)
    failed = 0
    while failed < STORM:
        assert orchestra.dispatcher.step()
        failed += run_all(orchestra, UpdateKind.FAILED, DOWN)
    assert set(orchestra.states(ids)) == {"pending/scheduled"}
    return ids


def small_window(orchestra: Orchestra) -> Dispatcher:
    return Dispatcher(
        orchestra.ledger,
        orchestra.queue,
        orchestra.clock,
        key=orchestra.key,
        validity=VALIDITY,
        largest_window=WINDOW,
        most_receives=10,
        claims_before_run=False,
    )


def test_those_that_failed_together_come_back_one_by_one(orchestra: Orchestra) -> None:
    ids = storm(orchestra)
    now = orchestra.clock.now()
    waits = [orchestra.task(id).due_at - now for id in ids]
    assert min(waits) >= 0
    assert max(waits) < PAUSE
    tenths = Counter(10 * wait // PAUSE for wait in waits)
    assert sorted(tenths) == list(range(10))
    assert max(tenths.values()) < STORM / 5, tenths


def test_however_many_come_back_no_more_are_sent_than_the_window_has_room_for(orchestra: Orchestra) -> None:
    ids = storm(orchestra)
    orchestra.clock.advance(PAUSE)
    while orchestra.scheduler.step():
        pass
    assert set(orchestra.states(ids)) == {"pending/due"}
    dispatcher = small_window(orchestra)
    while dispatcher.step():
        pass
    assert 0 < len(orchestra.messages()) <= WINDOW < STORM


def test_what_is_urgent_does_not_wait_behind_the_storm(orchestra: Orchestra) -> None:
    storm(orchestra)
    orchestra.clock.advance(PAUSE)
    while orchestra.scheduler.step():
        pass
    (urgent,) = orchestra.submit(priority=9)
    small_window(orchestra).step()
    sent = [message.tasks[0].id for message in orchestra.messages()]
    assert sent[0] == urgent


def test_a_storm_spends_no_more_than_its_budgets(orchestra: Orchestra) -> None:
    """The service never comes back: each task is tried as often as it may be, then it has failed."""
    ids = orchestra.submit(20, policy=PATIENT)
    runs = 0
    while set(orchestra.states(ids)) != {"failed"}:
        assert runs <= 20 * PATIENT.attempts
        while orchestra.dispatcher.step():
            runs += run_all(orchestra, UpdateKind.FAILED, DOWN)
        orchestra.clock.advance(PAUSE)
        orchestra.scheduler.step()
    assert runs == 20 * PATIENT.attempts
    assert {orchestra.task(id).attempts for id in ids} == {PATIENT.attempts}
