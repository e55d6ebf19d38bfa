"""Claims and reports straight to the ledger: asked again they get the same answer, posted again they count once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.core.wire import quarantined
from leasehold.flow.claims import LedgerClaims, LedgerOutbox
from leasehold.ports.ledger import Applied, Change, Ledger
from leasehold.ports.reports import Busy, Grant, StaleRun, Start
from tests.flow.orchestra import Orchestra
from tests.flow.scripted import BOOM, MINUTE, Breaking, task_id

GRANTED = Grant(recorded=True)


class Counting:
    """Counts transactions; ``forgetful``: each is committed, and nobody hears of it."""

    def __init__(self, behind: Ledger) -> None:
        self.behind = behind
        self.transactions = 0
        self.forgetful = False

    def now(self) -> int:
        return self.behind.now()

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        self.transactions += 1
        answers = self.behind.apply(changes, malformed)
        if self.forgetful:
            raise LedgerUnavailable("the connection is gone")
        return answers


def outbox_of(orchestra: Orchestra, ledger: object = None) -> LedgerOutbox:
    behind = cast("Ledger", ledger or orchestra.ledger)
    return LedgerOutbox(behind, orchestra.bell, orchestra.clock, orchestra.random)


def claims_of(orchestra: Orchestra, ledger: object = None) -> LedgerClaims:
    return LedgerClaims(cast("Ledger", ledger or orchestra.ledger), orchestra.bell)


def dispatched(orchestra: Orchestra, tasks: int = 1) -> list[str]:
    ids = orchestra.submit(tasks)
    orchestra.dispatcher.step()
    return ids


def a_start(id: str, r: int = 1, by: str = "w1", n: int = 1, remaining: int = MINUTE) -> Start:
    return Start(id, n, r, f"00000000-0000-7000-8000-{n:06d}{r:06d}", by, remaining, f"receipt {r}")


def quarantine(orchestra: Orchestra) -> list[str]:
    return [damaged.reason for _, damaged in orchestra.views.quarantine()]


# ------------------------------------------------------------ claims


def test_all_that_a_worker_wants_to_begin_is_claimed_in_one_transaction(orchestra: Orchestra) -> None:
    ids = dispatched(orchestra, 3)
    ledger = Counting(orchestra.ledger)
    claims = claims_of(orchestra, ledger)
    assert claims.claim([a_start(id) for id in ids]) == [GRANTED] * 3
    assert ledger.transactions == 1
    assert set(orchestra.states(ids)) == {"in_progress"}


def test_a_granted_run_holds_its_lease_by_the_ledgers_clock(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims_of(orchestra).claim([a_start(id, remaining=40_000)])
    task = orchestra.task(id)
    assert (task.lease_until, task.worker, task.receipt) == (orchestra.clock.now() + 40_000, "w1", "receipt 1")
    assert orchestra.trail(id) == ["submitted", "dispatched", "started"]


def test_another_receive_waits_for_the_lease_under_way(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims = claims_of(orchestra)
    assert claims.claim([a_start(id), a_start(id, 2, "w2")]) == [GRANTED, Busy(MINUTE)]
    orchestra.clock.advance(20_000)
    assert claims.claim([a_start(id, 2, "w2")]) == [Busy(40_000)]


def test_a_second_message_of_one_receive_count_is_stale(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims = claims_of(orchestra)
    twin = a_start(id, by="w2")._replace(run_id=task_id(99))
    (_, answer) = claims.claim([a_start(id), twin])
    assert answer == StaleRun("run 1 of this dispatch was granted to another worker")
    assert orchestra.trail(id).count("overlap") == 0


def test_a_task_that_is_not_here_is_stale(orchestra: Orchestra) -> None:
    assert claims_of(orchestra).claim([a_start(task_id(7))]) == [StaleRun("there is no such task in this ledger")]


def test_after_the_outcome_nothing_is_granted(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    orchestra.client.cancel([id], by="ann")
    assert claims_of(orchestra).claim([a_start(id)]) == [StaleRun("the task is cancelled")]


def test_a_claim_whose_commit_is_unknown_is_granted_when_it_is_asked_again(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    ledger = Counting(orchestra.ledger)
    claims = claims_of(orchestra, ledger)
    ledger.forgetful = True
    with pytest.raises(LedgerUnavailable):
        claims.claim([a_start(id)])
    ledger.forgetful = False
    orchestra.clock.advance(1_000)
    assert claims.claim([a_start(id, remaining=59_000)]) == [GRANTED]
    assert orchestra.trail(id).count("started") == 1


def test_a_grant_wakes_the_dispatcher_for_there_is_room_again(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    orchestra.bell.rung.clear()
    claims_of(orchestra).claim([a_start(id)])
    assert orchestra.bell.rung == ["due"]


# ------------------------------------------------------------ reports


def said(orchestra: Orchestra, kind: UpdateKind, **fields: object) -> Update:
    return orchestra.said(kind, orchestra.messages()[0])._replace(**fields)


def test_what_is_posted_is_the_state_of_its_task(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims_of(orchestra).claim([a_start(id)])
    outbox = outbox_of(orchestra)
    assert outbox.post([said(orchestra, UpdateKind.STARTED), said(orchestra, UpdateKind.COMPLETED)]) == [True, True]
    view = orchestra.views.task(id)
    assert view is not None
    assert (view.task.status, view.result) == ("completed", "42")
    assert orchestra.trail(id) == ["submitted", "dispatched", "started", "completed"]
    assert "ended" in orchestra.bell.rung


def test_instants_are_reckoned_from_ages_by_the_ledgers_clock(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims_of(orchestra).claim([a_start(id)])
    orchestra.clock.advance(9_000)
    began = orchestra.clock.boot() - 8_000
    outbox_of(orchestra).post([said(orchestra, UpdateKind.STARTED, began_boot=began)])
    (run,) = orchestra.views.runs(id)
    assert run.started_at == orchestra.clock.now() - 8_000


def test_what_could_not_be_recorded_is_posted_again_and_counts_once(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims_of(orchestra).claim([a_start(id)])
    ledger = Counting(orchestra.ledger)
    outbox, report = outbox_of(orchestra, ledger), said(orchestra, UpdateKind.FAILED, failure=BOOM, deleted=True)
    ledger.forgetful = True
    with pytest.raises(LedgerUnavailable):
        outbox.post([report])
    ledger.forgetful = False
    assert outbox.post([report]) == [True]
    assert orchestra.task(id).attempts == 1


def test_while_the_ledger_cannot_be_reached_nothing_is_accepted(orchestra: Orchestra) -> None:
    dispatched(orchestra)
    down = Breaking(orchestra.ledger)
    down.errors["now"] = LedgerUnavailable("down")
    with pytest.raises(LedgerUnavailable):
        outbox_of(orchestra, down).post([said(orchestra, UpdateKind.STARTED)])


def test_a_damaged_report_goes_to_quarantine_and_takes_no_neighbour_along(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims_of(orchestra).claim([a_start(id)])
    damaged = said(orchestra, UpdateKind.STARTED, run_id="x")
    strange = quarantined("tasks:default", "[", "no JSON")
    answers = outbox_of(orchestra).post([damaged, said(orchestra, UpdateKind.COMPLETED)], [strange])
    assert answers == [True, True, True]
    assert orchestra.state(id) == "completed"
    assert {reason.split(":")[0] for reason in quarantine(orchestra)} == {"run_id", "no JSON"}


def test_a_worker_that_may_write_to_the_ledger_needs_no_capability(orchestra: Orchestra) -> None:
    (id,) = dispatched(orchestra)
    claims_of(orchestra).claim([a_start(id)])
    outbox_of(orchestra).post([said(orchestra, UpdateKind.COMPLETED, capability="0" * 32)])
    assert orchestra.state(id) == "completed"


# ------------------------------------------------------------ a lapse, where runs are claimed


def test_where_runs_are_claimed_a_task_goes_out_again_when_its_lease_is_over(orchestra: Orchestra) -> None:
    orchestra.claims_before_run = True
    (id,) = dispatched(orchestra)
    claims = claims_of(orchestra)
    claims.claim([a_start(id)])
    orchestra.clock.advance(MINUTE)
    orchestra.another_sweeper().step()
    assert orchestra.state(id) == "pending/due"
    orchestra.dispatcher.step()
    old = claims.claim([a_start(id, 2, "w2")])
    assert old == [StaleRun("it was received for dispatch 1, the task is at 2")]
    assert claims.claim([a_start(id, 1, "w2", n=2)]) == [GRANTED]
    assert orchestra.task(id).losses == 1
