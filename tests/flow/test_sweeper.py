"""What silence means, once it is sure; bulk operations, batch by batch; and the ledger's housekeeping."""

from __future__ import annotations

from typing import cast

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.core.reports import UpdateKind
from leasehold.flow.recorder import Recorder
from leasehold.flow.sweeper import KEEP_STATUS_IDS, LAGGING, LIMIT, PRUNE_EVERY, PRUNED, Sweeper
from leasehold.ports.ledger import Ledger, Terms
from tests.flow.orchestra import VALIDITY, Orchestra
from tests.flow.scripted import BOOM, MINUTE, Breaking

SILENCE = VALIDITY + MINUTE + 5_000
STARTED, FAILED = UpdateKind.STARTED, UpdateKind.FAILED


def swept(orchestra: Orchestra) -> None:
    while orchestra.sweeper.step():
        pass


def a_sweeper(orchestra: Orchestra, ledger: object) -> Sweeper:
    return Sweeper(cast("Ledger", ledger), orchestra.clock, orchestra.bell, lambda: 0)


# ------------------------------------------------------------ silence


def test_a_lease_that_ran_out_costs_one_loss_and_waits_for_redelivery(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.clock.advance(MINUTE - 1)
    assert orchestra.sweeper.step() == 0
    orchestra.clock.advance(1)
    assert orchestra.sweeper.step() == 1
    task = orchestra.task(id)
    assert (orchestra.state(id), task.losses, task.open) == ("pending/lapsed", 1, True)
    orchestra.dispatcher.step()
    assert len(orchestra.messages()) == 1  # its message is still there: the queue redelivers it


def test_sweeping_again_charges_nothing_more(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.clock.advance(MINUTE)
    swept(orchestra)
    swept(orchestra)
    assert orchestra.task(id).losses == 1


def test_a_message_of_which_nothing_was_heard_is_given_up_when_nobody_can_hold_it(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    orchestra.dispatcher.step()
    orchestra.queue().purge()
    orchestra.clock.advance(SILENCE - 1)
    assert orchestra.sweeper.step() == 0
    orchestra.clock.advance(1)
    assert orchestra.sweeper.step() == 1
    assert orchestra.state(id) == "pending/due"
    orchestra.dispatcher.step()
    assert orchestra.messages()[0].tasks[0].n == 2


def test_whoever_waits_for_an_outcome_hears_of_one_that_was_inferred(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    for r in (2, 3):
        orchestra.clock.advance(MINUTE)
        swept(orchestra)
        if r == 2:
            orchestra.report(STARTED, orchestra.messages()[0], r=r)
            orchestra.recorder.step()
    assert orchestra.state(id) == "failed"
    assert "ended" in orchestra.bell.rung


@pytest.mark.parametrize(("away", "grace"), [(5_000, 5_000), (10 * MINUTE, LAGGING)])
def test_after_the_ledger_was_away_its_writers_have_as_long_before_silence_counts(
    orchestra: Orchestra, away: int, grace: int
) -> None:
    """Workers that report to it kept their reports meanwhile: what has long ended must not run once more."""
    (id,) = orchestra.started()
    orchestra.clock.advance(MINUTE)
    ledger = Breaking(orchestra.ledger)
    sweeper = a_sweeper(orchestra, ledger)
    for _ in range(2):
        ledger.errors["alarms"] = LedgerUnavailable("it is starting up")
        with pytest.raises(LedgerUnavailable):
            sweeper.step()
        orchestra.clock.advance(away // 2)
    ledger.errors.clear()
    assert sweeper.step() == 0
    orchestra.clock.advance(grace - 1)
    assert sweeper.step() == 0
    assert orchestra.state(id) == "in_progress"
    orchestra.clock.advance(1)
    assert sweeper.step() == 1
    assert orchestra.state(id) == "pending/lapsed"


def test_while_the_recorders_lag_silence_proves_nothing(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.clock.advance(MINUTE)
    orchestra.lag = LAGGING + 1
    assert orchestra.sweeper.step() == 0
    assert orchestra.state(id) == "in_progress"
    orchestra.lag = LAGGING
    assert orchestra.sweeper.step() == 1


def test_but_people_need_not_wait(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit()
    orchestra.lag = LAGGING + 1
    orchestra.client.operate("cancel", "", by="ann")
    swept(orchestra)
    assert orchestra.state(id) == "cancelled"


def test_a_new_orchestrator_judges_no_silence_before_it_has_read_the_reports(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.report(UpdateKind.COMPLETED, orchestra.messages()[0])
    orchestra.clock.advance(MINUTE)
    recorder = Recorder(orchestra.status, orchestra.ledger, orchestra.bell, orchestra.random, key=orchestra.key)
    sweeper = Sweeper(orchestra.ledger, orchestra.clock, orchestra.bell, lambda: recorder.lag)
    assert sweeper.step() == 0
    recorder.step()
    sweeper.step()
    assert orchestra.trail(id) == ["submitted", "dispatched", "started", "completed"]


def test_much_silence_is_swept_in_bites_that_keep_nobody_waiting(orchestra: Orchestra) -> None:
    ids = orchestra.submit(LIMIT + 5)
    orchestra.ledger.dispatch("default", len(ids), Terms(VALIDITY), lambda _: [], None)
    orchestra.clock.advance(SILENCE)
    assert (orchestra.sweeper.step(), orchestra.sweeper.step(), orchestra.sweeper.step()) == (LIMIT, 5, 0)
    assert set(orchestra.states(ids)) == {"pending/due"}


# ------------------------------------------------------------ housekeeping


def test_counters_are_folded_once_a_second(orchestra: Orchestra) -> None:
    ledger = Breaking(orchestra.ledger)
    sweeper = a_sweeper(orchestra, ledger)
    for _ in range(5):
        sweeper.step()
    assert ledger.calls.count("fold_counters") == 1
    orchestra.clock.advance(1_000)
    sweeper.step()
    assert ledger.calls.count("fold_counters") == 2


def test_status_ids_are_kept_longer_than_any_queue_keeps_a_message(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    message = orchestra.messages()[0]
    update = orchestra.said(FAILED, message, failure=BOOM, deleted=True)
    orchestra.outbox.post([update])
    orchestra.recorder.step()
    orchestra.clock.advance(14 * 86_400_000)
    swept(orchestra)
    orchestra.outbox.post([update])
    orchestra.recorder.step()
    assert orchestra.task(id).attempts == 1
    assert KEEP_STATUS_IDS > 14 * 86_400_000


class Prunes:
    """A ledger that has so much to forget."""

    def __init__(self, orchestra: Orchestra, *counts: int) -> None:
        self.left = list(counts)
        self.before: list[int] = []
        self._ledger = orchestra.ledger

    def prune(self, before: int, limit: int) -> int:
        assert limit == PRUNED
        self.before.append(before)
        return self.left.pop(0)

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


def test_old_ones_are_forgotten_as_fast_as_they_come(orchestra: Orchestra) -> None:
    """Five hundred every ten minutes would not keep up with one task a second."""
    ledger = Prunes(orchestra, PRUNED, PRUNED, 3, 0)
    sweeper = a_sweeper(orchestra, ledger)
    for _ in range(10):
        sweeper.step()
    assert len(ledger.before) == 3
    assert ledger.before[0] == orchestra.clock.now() - KEEP_STATUS_IDS
    orchestra.clock.advance(PRUNE_EVERY)
    sweeper.step()
    assert len(ledger.before) == 4


# ------------------------------------------------------------ the scheduler


def test_a_delayed_task_becomes_due_when_its_time_has_come(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(delay=5_000)
    assert orchestra.scheduler.step() == 0
    orchestra.clock.advance(5_000)
    orchestra.bell.rung.clear()
    assert orchestra.scheduler.step() == 1
    assert orchestra.state(id) == "pending/due"
    assert orchestra.bell.rung == ["due"]
    assert orchestra.scheduler.step() == 0


def test_so_does_a_failed_one_after_its_backoff(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.report(FAILED, orchestra.messages()[0], failure=BOOM, deleted=True)
    orchestra.recorder.step()
    assert orchestra.state(id) == "pending/scheduled"
    orchestra.clock.advance(1_000)
    orchestra.scheduler.step()
    assert orchestra.state(id) == "pending/due"


def test_the_scheduler_leaves_silence_to_the_sweeper_and_the_other_way_round(orchestra: Orchestra) -> None:
    (lapsing,) = orchestra.started()
    (delayed,) = orchestra.submit(delay=MINUTE)
    orchestra.clock.advance(MINUTE)
    orchestra.scheduler.step()
    assert orchestra.states([lapsing, delayed]) == ["in_progress", "pending/due"]
    orchestra.sweeper.step()
    assert orchestra.states([lapsing, delayed]) == ["pending/lapsed", "pending/due"]
