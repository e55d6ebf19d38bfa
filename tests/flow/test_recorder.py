"""R8: commit first, then delete; recording twice is recording once; what is forged or damaged is never applied."""

from __future__ import annotations

from random import Random
from typing import cast

import pytest

from leasehold.core.errors import LedgerUnavailable, QueueUnavailable
from leasehold.core.happening import LAGGED
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import capability, encode_update, pack
from leasehold.flow.metering import Meter
from leasehold.flow.recorder import RECORDING, UNREAD, Recorder
from leasehold.ports.ledger import Ledger
from leasehold.ports.queue import Message
from tests.flow.orchestra import Orchestra
from tests.flow.scripted import BOOM, Breaking

STARTED, COMPLETED, FAILED = UpdateKind.STARTED, UpdateKind.COMPLETED, UpdateKind.FAILED


def given_a_dispatched_task(orchestra: Orchestra) -> str:
    (id,) = orchestra.submit()
    orchestra.dispatcher.step()
    return id


def reports_that(orchestra: Orchestra, kind: UpdateKind, **fields: object) -> None:
    orchestra.outbox.post([orchestra.said(kind, orchestra.messages()[-1])._replace(**fields)])


def quarantined(orchestra: Orchestra) -> list[str]:
    return [damaged.reason for _, damaged in orchestra.views.quarantine()]


def test_what_workers_report_becomes_the_state_of_their_tasks(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, STARTED)
    assert orchestra.recorder.step() == 1
    assert orchestra.state(id) == "in_progress"
    reports_that(orchestra, COMPLETED)
    orchestra.recorder.step()
    view = orchestra.views.task(id)
    assert view is not None
    assert (view.task.status, view.result) == ("completed", "42")
    assert orchestra.status.depth() == (0, 0)


def test_a_lease_counts_from_the_queues_clock_less_the_time_it_was_held(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, STARTED, received_boot=orchestra.clock.boot() - 5_000)
    sent = orchestra.clock.now()
    orchestra.clock.advance(20_000)
    orchestra.recorder.step()
    assert orchestra.task(id).lease_until == sent - 5_000 + 60_000


def test_without_reports_nothing_is_recorded(orchestra: Orchestra) -> None:
    assert orchestra.recorder.step() == 0
    assert orchestra.bell.rung == []


# ------------------------------------------------------------ commit, then delete


def test_a_report_stays_on_the_queue_until_it_is_committed(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, COMPLETED)
    full = Breaking(orchestra.ledger)
    full.errors["apply"] = LedgerUnavailable("the disk is full")
    recorder = Recorder(orchestra.status, cast("Ledger", full), orchestra.bell, orchestra.random, key=orchestra.key)
    with pytest.raises(LedgerUnavailable):
        recorder.step()
    assert orchestra.status.journal == []
    full.errors.clear()
    orchestra.clock.advance(RECORDING)
    recorder.step()
    assert orchestra.state(id) == "completed"
    assert orchestra.status.journal == ["delete"]


def test_what_the_ledger_did_not_take_is_recorded_as_soon_as_it_can_be_and_no_silence_is_judged_before(
    orchestra: Orchestra,
) -> None:
    """It is hidden from everybody else: the queue looks empty, and the run that it speaks of silent."""
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, COMPLETED)
    down = Breaking(orchestra.ledger)
    down.errors["apply"] = LedgerUnavailable("it is failing over")
    meter = Meter(orchestra.clock)
    parts = (orchestra.status, cast("Ledger", down), orchestra.bell, orchestra.random)
    recorder = Recorder(*parts, key=orchestra.key, meter=meter)
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            recorder.step()
        assert recorder.lag == UNREAD
    down.errors.clear()
    assert recorder.step() == 1
    assert not [each for each in meter.take_times() if each.what.startswith(LAGGED)], "nobody knows how late it is"
    assert orchestra.state(id) == "completed"
    assert orchestra.status.depth() == (0, 0)
    assert recorder.step() == 0
    assert recorder.lag == 0


def test_who_waits_hears_of_what_is_recorded_also_when_its_message_cannot_be_deleted(orchestra: Orchestra) -> None:
    """Recorded once more it would be no news."""
    given_a_dispatched_task(orchestra)
    reports_that(orchestra, COMPLETED)
    orchestra.bell.rung.clear()
    orchestra.status.down = {"delete"}
    with pytest.raises(QueueUnavailable):
        orchestra.recorder.step()
    assert orchestra.bell.rung == ["ended", "due"]


def test_a_crash_between_commit_and_delete_records_twice_what_counts_once(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, FAILED, failure=BOOM, deleted=True)
    orchestra.status.down = {"delete"}
    with pytest.raises(QueueUnavailable):
        orchestra.recorder.step()
    trail, attempts = orchestra.trail(id), orchestra.task(id).attempts
    assert attempts == 1
    orchestra.status.down = set()
    orchestra.clock.advance(RECORDING)
    assert orchestra.recorder.step() == 1
    assert (orchestra.trail(id), orchestra.task(id).attempts) == (trail, attempts)
    assert orchestra.status.depth() == (0, 0)


def test_two_recorders_of_one_report_apply_it_once(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    update = orchestra.said(FAILED, orchestra.messages()[0], failure=BOOM, deleted=True)
    orchestra.outbox.post([update])
    orchestra.outbox.post([update])
    orchestra.recorder.step()
    assert orchestra.task(id).attempts == 1


def test_an_outcome_wakes_who_waits_for_it_and_the_dispatcher(orchestra: Orchestra) -> None:
    given_a_dispatched_task(orchestra)
    orchestra.bell.rung.clear()
    reports_that(orchestra, STARTED)
    orchestra.recorder.step()
    assert orchestra.bell.rung == ["due"]
    reports_that(orchestra, COMPLETED)
    orchestra.recorder.step()
    assert orchestra.bell.rung == ["due", "ended", "due"]


# ------------------------------------------------------------ what is not to be trusted


def test_a_forged_capability_goes_to_quarantine_and_changes_nothing(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, COMPLETED, capability="0" * 32)
    orchestra.recorder.step()
    assert orchestra.state(id) == "pending/queued"
    assert quarantined(orchestra) == [f"its capability does not fit task {id}, dispatch 1"]
    assert orchestra.status.depth() == (0, 0)


def test_a_message_of_thousands_of_forged_reports_is_kept_once(orchestra: Orchestra) -> None:
    """Else one message, which any worker may send, would keep a recorder busy for seconds."""
    given_a_dispatched_task(orchestra)
    forged = orchestra.said(COMPLETED, orchestra.messages()[0])._replace(capability="0" * 32)
    (packed,) = pack([encode_update(forged, 0)] * 2_000, 1_048_576)
    orchestra.status.send([Message(packed.body), Message(packed.body + " ")])
    changes, malformed = orchestra.recorder.read(orchestra.status.receive(2, wait=0, visibility=1_000).deliveries)
    assert (len(changes), len(malformed)) == (0, 2)


def test_the_capability_of_one_dispatch_says_nothing_of_another(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    reports_that(orchestra, COMPLETED, n=2)
    orchestra.recorder.step()
    assert orchestra.state(id) == "pending/queued"
    assert len(quarantined(orchestra)) == 1


def test_a_damaged_message_goes_to_quarantine_and_keeps_no_other_waiting(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    orchestra.status.send([Message("no JSON")])
    reports_that(orchestra, COMPLETED)
    assert orchestra.recorder.step() == 2
    assert orchestra.state(id) == "completed"
    assert len(quarantined(orchestra)) == 1


def test_a_damaged_report_does_not_take_its_neighbours_along(orchestra: Orchestra) -> None:
    id = given_a_dispatched_task(orchestra)
    good = encode_update(orchestra.said(COMPLETED, orchestra.messages()[0]), 0)
    (packed,) = pack(['{"kind":"completed"}', good])
    orchestra.status.send([Message(packed.body)])
    orchestra.recorder.step()
    assert orchestra.state(id) == "completed"
    assert len(quarantined(orchestra)) == 1


def test_a_report_on_a_task_that_is_not_here_is_dropped(orchestra: Orchestra) -> None:
    given_a_dispatched_task(orchestra)
    stranger = "01900000-0000-7000-8000-00000000dead"
    reports_that(orchestra, COMPLETED, task_id=stranger, capability=capability(orchestra.key, stranger, 1))
    assert orchestra.recorder.step() == 1
    assert orchestra.status.depth() == (0, 0)


# ------------------------------------------------------------ how far behind it is


def test_before_it_has_looked_nothing_is_known_of_its_lag(orchestra: Orchestra) -> None:
    assert orchestra.recorder.lag == UNREAD
    orchestra.recorder.step()
    assert orchestra.recorder.lag == 0


def test_its_lag_is_the_age_of_the_oldest_report(orchestra: Orchestra) -> None:
    given_a_dispatched_task(orchestra)
    reports_that(orchestra, STARTED)
    orchestra.clock.advance(40_000)
    reports_that(orchestra, COMPLETED)
    orchestra.clock.advance(2_000)
    orchestra.recorder.step()
    assert orchestra.recorder.lag == 42_000
    orchestra.recorder.step()
    assert orchestra.recorder.lag == 0


def test_while_the_queue_cannot_be_read_nothing_is_known_of_it(orchestra: Orchestra) -> None:
    orchestra.recorder.step()
    orchestra.status.down = {"receive"}
    with pytest.raises(QueueUnavailable):
        orchestra.recorder.step()
    assert orchestra.recorder.lag == UNREAD


def test_a_retry_waits_by_chance_so_that_failures_do_not_come_back_together(orchestra: Orchestra) -> None:
    waits: set[int] = set()
    for seed in range(5):
        (id,) = orchestra.submit()
        orchestra.dispatcher.step()
        reports_that(orchestra, FAILED, failure=BOOM, deleted=True)
        Recorder(orchestra.status, orchestra.ledger, orchestra.bell, Random(seed), key=orchestra.key).step()
        waits.add(orchestra.task(id).due_at - orchestra.clock.now())
    assert len(waits) == 5
