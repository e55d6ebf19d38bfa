"""Bulk operations, batch by batch, whatever else happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.core.events import Event
from leasehold.core.reports import UpdateKind
from leasehold.flow import sweeper
from leasehold.flow.checkpoints import cancel_mark
from leasehold.flow.sweeper import LIMIT
from leasehold.ports.ledger import Applied, Operation, Stretch
from tests.flow.orchestra import Orchestra
from tests.flow.scripted import BOOM, MINUTE, Breaking
from tests.flow.test_sweeper import a_sweeper, swept

FAILED = UpdateKind.FAILED


class Deaf:
    """A ledger whose answer to a batch is lost, and which is there again afterwards."""

    def __init__(self, orchestra: Orchestra) -> None:
        self._ledger = orchestra.ledger

    def advance_operation(self, operation: Operation, stretch: Stretch, event: Event) -> None:
        self._ledger.advance_operation(operation, stretch, event)
        raise LedgerUnavailable("failing over")

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


class Overtaken:
    """A ledger in which something happens between the reading of a batch and its being carried out."""

    def __init__(self, orchestra: Orchestra, meanwhile: Callable[[], None]) -> None:
        self._ledger = orchestra.ledger
        self._meanwhile = meanwhile

    def advance_operation(self, operation: Operation, stretch: Stretch, event: Event) -> list[Applied]:
        self._meanwhile()
        return self._ledger.advance_operation(operation, stretch, event)

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


def failed(orchestra: Orchestra, tasks: int) -> list[str]:
    ids = orchestra.submit(tasks)
    orchestra.dispatcher.step()
    for message in orchestra.messages():
        orchestra.report(FAILED, message, failure=BOOM, unrecoverable=True, deleted=True)
    orchestra.recorder.step()
    orchestra.queue().purge()
    assert set(orchestra.states(ids)) == {"failed"}
    return ids


def test_an_operation_reaches_every_task_it_covers_and_no_other(orchestra: Orchestra) -> None:
    ids = orchestra.submit(3, batch="a")
    other = orchestra.submit(2, batch="b")
    operation = orchestra.client.operate("cancel", "batch:a", by="ann", reason="wrong files")
    later = orchestra.submit(2, batch="a")
    swept(orchestra)
    assert set(orchestra.states(ids)) == {"cancelled"}
    assert set(orchestra.states([*other, *later])) == {"pending/due"}
    assert orchestra.task(ids[0]).reason == "cancelled by ann: wrong files"
    (done,) = orchestra.views.operations()
    assert (done.id, done.finished, done.matched, done.changed) == (operation.id, "done", 3, 3)


def test_completed_tasks_stay_completed(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.report(UpdateKind.COMPLETED, orchestra.messages()[0])
    orchestra.recorder.step()
    orchestra.client.operate("cancel", "", by="ann")
    orchestra.client.operate("retry", "", by="ann")
    swept(orchestra)
    assert orchestra.state(id) == "completed"


def test_failed_tasks_are_retried_with_fresh_budgets(orchestra: Orchestra) -> None:
    ids = failed(orchestra, 3)
    orchestra.client.operate("retry", "status:failed", by="ann")
    swept(orchestra)
    assert set(orchestra.states(ids)) == {"pending/due"}
    assert orchestra.task(ids[0]).attempts == 0


def test_a_large_one_goes_on_batch_by_batch(orchestra: Orchestra) -> None:
    ids = orchestra.submit(LIMIT + 1)
    orchestra.client.operate("cancel", "", by="ann")
    assert orchestra.sweeper.step() == LIMIT
    assert orchestra.state(ids[-1]) == "pending/due"
    (under_way,) = orchestra.views.operations()
    assert (under_way.matched, under_way.finished) == (LIMIT, "")
    assert orchestra.sweeper.step() == 1
    assert orchestra.state(ids[-1]) == "cancelled"


def test_what_was_looked_through_for_nothing_is_left_behind(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part per step, without a pause between them, and leases lapse meanwhile; whoever starts anew goes on there."""
    monkeypatch.setattr(sweeper, "STRETCH", 4)
    (running,) = orchestra.started()
    ids = [*orchestra.submit(9, batch="a"), *orchestra.submit(1, batch="b"), *orchestra.submit(3, batch="a")]
    orchestra.client.operate("cancel", "batch:b", by="ann")
    orchestra.submit(9, batch="b")
    cursors: list[str] = []
    for _ in range(3):
        assert orchestra.sweeper.step() == 1
        cursors.append(orchestra.views.operations()[0].cursor)
    assert cursors == [ids[2], ids[6], ids[10]]
    assert orchestra.states([running, ids[9]]) == ["in_progress", "cancelled"]
    orchestra.clock.advance(MINUTE)
    another = a_sweeper(orchestra, orchestra.ledger)
    assert another.step() == 2
    assert orchestra.state(running) == "pending/lapsed"
    (under_way,) = orchestra.views.operations()
    assert (under_way.cursor, under_way.finished, under_way.matched) == (ids[12], "done", 1)
    assert another.step() == 0


def test_a_lease_lapses_between_two_looks_that_find_nothing(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "STRETCH", 1)
    (running,) = orchestra.started()
    orchestra.submit(5, batch="a")
    orchestra.client.operate("cancel", "batch:b", by="ann")
    assert orchestra.sweeper.step() == 1
    orchestra.clock.advance(MINUTE)
    assert orchestra.sweeper.step() == 2
    assert orchestra.state(running) == "pending/lapsed"
    assert orchestra.views.operations()[0].finished == ""


def test_two_sweepers_that_find_nothing_go_the_way_once(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow one takes the cursor nowhere, and goes on where the other has come to."""
    monkeypatch.setattr(sweeper, "STRETCH", 2)
    ids = orchestra.submit(8, batch="a")
    orchestra.client.operate("cancel", "batch:b", by="ann")

    def meanwhile() -> None:
        orchestra.sweeper.step()
        orchestra.sweeper.step()

    slow = a_sweeper(orchestra, Overtaken(orchestra, meanwhile))
    for cursor in (ids[3], ids[7]):
        assert slow.step() == 1
        assert orchestra.views.operations()[0].cursor == cursor
    assert orchestra.views.operations()[0].finished == "done"


def test_one_whose_place_is_lost_fails_and_says_so(orchestra: Orchestra) -> None:
    """Begun anew, it would retry what has failed again since. The next one has its turn."""
    ids = failed(orchestra, 2)
    lost = Operation("op", "retry", "", ids[-1], "ann", "", orchestra.clock.now(), cursor="gone")
    orchestra.ledger.start_operation(lost)
    orchestra.client.operate("retry", f"id:{ids[0]}", by="ann")
    swept(orchestra)
    assert orchestra.states(ids) == ["pending/due", "failed"]
    done, refused = orchestra.views.operations()
    assert (done.finished, refused.finished) == ("done", "failed")
    assert "task gone, at which it stood" in str(refused.stopped_by)


@pytest.mark.parametrize("at", ["next_operation", "covered", "advance_operation"])
def test_after_a_crash_in_the_middle_another_carries_it_on(orchestra: Orchestra, at: str) -> None:
    ids = orchestra.submit(3)
    orchestra.client.operate("cancel", "", by="ann")
    crashing = Breaking(orchestra.ledger)
    crashing.errors[at] = LedgerUnavailable("failing over")
    with pytest.raises(LedgerUnavailable):
        a_sweeper(orchestra, crashing).step()
    assert set(orchestra.states(ids)) == {"pending/due"}
    swept(orchestra)
    assert [orchestra.trail(id) for id in ids] == [["submitted", "cancelled"]] * 3
    (done,) = orchestra.views.operations()
    assert (done.finished, done.matched, done.changed) == ("done", 3, 3)


def test_a_batch_whose_commit_nobody_heard_of_is_not_done_again(orchestra: Orchestra) -> None:
    """Those that have failed again since, or that somebody has cancelled since, stay so."""
    ids = failed(orchestra, 2)
    orchestra.client.operate("retry", "status:failed", by="ann")
    deaf = Deaf(orchestra)
    with pytest.raises(LedgerUnavailable):
        a_sweeper(orchestra, deaf).step()
    orchestra.client.cancel(ids, by="bob")
    swept(orchestra)
    assert set(orchestra.states(ids)) == {"cancelled"}
    (done,) = orchestra.views.operations()
    assert (done.finished, done.matched, done.changed) == ("done", 2, 2)


def test_two_sweepers_that_hold_the_same_batch_do_it_once(orchestra: Orchestra) -> None:
    """The second comes to it when the first is done, and somebody has cancelled what was retried."""
    ids = failed(orchestra, 2)
    orchestra.client.operate("retry", "", by="ann")

    def meanwhile() -> None:
        swept(orchestra)
        orchestra.client.cancel(ids, by="bob")

    slow = Overtaken(orchestra, meanwhile)
    assert a_sweeper(orchestra, slow).step() == 2
    assert [orchestra.trail(id)[-2:] for id in ids] == [["retried", "cancelled"]] * 2
    (done,) = orchestra.views.operations()
    assert (done.finished, done.matched, done.changed) == ("done", 2, 2)


def test_tasks_that_come_later_end_no_operation_that_names_ids(orchestra: Orchestra) -> None:
    """Together they would be more than a filter may name by one beginning."""
    ids = orchestra.submit(900)
    orchestra.client.operate("cancel", f"id:{ids[0][:8]} status:pending", by="ann")
    later = orchestra.submit(200)
    assert {id[:8] for id in later} == {ids[0][:8]}
    swept(orchestra)
    assert set(orchestra.states(ids)) == {"cancelled"}
    assert set(orchestra.states(later)) == {"pending/due"}
    assert orchestra.views.operations()[0].finished == "done"


@pytest.mark.parametrize("beyond", ["a filter", "what it may mean"])
def test_one_that_can_never_be_carried_out_fails_and_keeps_nothing_else(orchestra: Orchestra, beyond: str) -> None:
    """However it came about: or each orchestrator that starts would end at this row, and no lease would lapse."""
    (running,) = orchestra.started()
    ids = orchestra.submit(1_001)
    filter_ = "colour:red" if beyond == "a filter" else f"id:{ids[0][:4]}"
    orchestra.ledger.start_operation(Operation("op", "cancel", filter_, "", "ann", "", orchestra.clock.now()))
    orchestra.client.operate("cancel", f"id:{ids[0]}", by="ann")
    orchestra.clock.advance(MINUTE)
    swept(orchestra)
    assert orchestra.states([running, *ids[:2]]) == ["pending/lapsed", "cancelled", "pending/due"]
    done, refused = orchestra.views.operations()
    assert (done.finished, refused.finished, refused.finished_at) == ("done", "failed", orchestra.clock.now())
    assert ("colour" if beyond == "a filter" else "Write more of the id") in str(refused.stopped_by)


@pytest.mark.parametrize("error", [LedgerUnavailable("this statement takes too long"), RuntimeError("a defect")])
def test_whatever_becomes_of_an_operation_leases_lapse(orchestra: Orchestra, error: Exception) -> None:
    (running,) = orchestra.started()
    orchestra.client.operate("cancel", "status:pending", by="ann")
    breaking = Breaking(orchestra.ledger)
    breaking.errors["covered"] = error
    sweeping = a_sweeper(orchestra, breaking)
    for state in ("in_progress", "pending/lapsed"):
        with pytest.raises(type(error), match=str(error)):
            sweeping.step()
        assert orchestra.state(running) == state
        orchestra.clock.advance(MINUTE)


def test_one_that_is_cancelled_stops_where_it_is(orchestra: Orchestra) -> None:
    ids = orchestra.submit(LIMIT + 1)
    operation = orchestra.client.operate("cancel", "", by="ann")
    orchestra.sweeper.step()
    assert orchestra.client.cancel_operation(operation.id, by="ada")
    swept(orchestra)
    assert orchestra.state(ids[-1]) == "pending/due"
    assert orchestra.views.operations()[0].finished == "cancelled"
    assert not orchestra.client.cancel_operation(operation.id, by="ada")


def test_operations_are_carried_out_one_after_the_other(orchestra: Orchestra) -> None:
    ids = failed(orchestra, 2)
    orchestra.client.operate("retry", "status:failed", by="ann")
    orchestra.clock.advance(1)
    orchestra.client.operate("cancel", "", by="bob")
    swept(orchestra)
    assert set(orchestra.states(ids)) == {"cancelled"}
    assert [one.finished for one in orchestra.views.operations()] == ["done", "done"]


def test_runs_of_tasks_cancelled_in_bulk_are_told_and_those_retried_are_wanted_again(orchestra: Orchestra) -> None:
    (id,) = orchestra.started()
    orchestra.client.operate("cancel", "", by="ann")
    swept(orchestra)
    assert orchestra.store.exists(cancel_mark(id, 1))
    orchestra.clock.advance(1)
    orchestra.client.operate("retry", "status:cancelled", by="ann")
    swept(orchestra)
    assert orchestra.state(id) == "in_progress"
    assert not orchestra.store.exists(cancel_mark(id, 1))
