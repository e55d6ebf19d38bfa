"""What bulk operations owe, as tests: see ``ledger_suite`` for how to run it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from leasehold.core.errors import BadFilter, NoSuchTask
from leasehold.core.events import Cancelled, Event, Retried, Started
from leasehold.core.grouping import error_group
from leasehold.core.units import HOUR
from leasehold.ports.ledger import Applied, Operation, Stretch
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.ledger_bench import BROKEN, Moves, decided

OTHER = BROKEN._replace(type="OSError")
CAUSE, OTHER_CAUSE = (error_group("transcribe", failure) for failure in (BROKEN, OTHER))
EVENTS: dict[str, Event] = {"cancel": Cancelled("ada", "because"), "retry": Retried("ada", "because")}


class Batch(NamedTuple):
    """What a sweeper holds that has read what comes next."""

    operation: Operation
    stretch: Stretch

    @property
    def ids(self) -> list[str]:
        """The tasks that are to be changed."""
        return list(self.stretch.task_ids)

    def carry_out(self, moves: Moves) -> list[Applied]:
        """Do it; what became of each."""
        return moves.ledger.advance_operation(self.operation, self.stretch, EVENTS[self.operation.kind])


class OperationsSuite(BenchSuite):
    """Bulk cancels and retries, batch by batch."""

    # -- what it covers ----------------------------------------------------------------------------------------------

    def test_an_operation_covers_what_matches_in_order_up_to_its_ceiling(self, moves: Moves) -> None:
        """Tasks that are submitted later are not meant."""
        ids = moves.given(5, batch="november")
        moves.given(2, batch="december")
        start(moves, "cancel", "batch:november")
        moves.given(2, batch="november")
        assert walk(moves, limit=2) == [ids[:2], ids[2:4], ids[4:], []]
        assert moves.ledger.next_operation() is None

    def test_a_cancellation_passes_over_what_has_ended(self, moves: Moves) -> None:
        """A retry over everything else."""
        done, failed, waiting = moves.out(3)
        moves.complete(done)
        moves.apply(failed, moves.failed())
        start(moves, "cancel", "")
        assert walk(moves) == [[waiting], []]
        start(moves, "retry", "")
        assert walk(moves) == [[failed, waiting], []]
        start(moves, "retry", "status:pending")
        assert walk(moves) == [[]]

    def test_an_operations_ceiling_may_be_a_task(self, moves: Moves) -> None:
        """It is covered, and nothing newer."""
        ids = moves.given(4)
        start(moves, "cancel", "", ceiling=ids[1])
        assert walk(moves) == [ids[:2], []]

    def test_an_operation_on_an_empty_ledger_is_at_its_end(self, moves: Moves) -> None:
        """It finds nothing, also not what comes later."""
        start(moves, "cancel", "")
        moves.given()
        assert walk(moves) == [[]]

    @pytest.mark.parametrize(("age", "of"), [("age:>1h", slice(0, 2)), ("age:<1h", slice(2, 4)), ("", slice(0, 4))])
    def test_an_age_is_that_of_the_moment_at_which_it_was_asked_for(self, moves: Moves, age: str, of: slice) -> None:
        """However long it takes, or waits for its turn: nobody becomes old enough, or too old, meanwhile."""
        old = moves.given(2)
        moves.bench.let_pass(2 * HOUR)
        ids = [*old, *moves.given(2)]
        start(moves, "cancel", age)
        moves.bench.let_pass(24 * HOUR)
        first = batch(moves, limit=1)
        assert first.ids == ids[of][:1]
        first.carry_out(moves)
        moves.bench.let_pass(24 * HOUR)
        assert batch(moves).ids == ids[of][1:]

    def test_ids_that_are_given_later_make_none_ambiguous(self, moves: Moves) -> None:
        """However many begin alike by now: those of its own time were few."""
        ids = moves.given(2)
        start(moves, "cancel", f"id:{ids[0][:8]}")
        start(moves, "cancel", f"-id:{ids[0][:8]}")
        moves.given(1_000)
        assert walk(moves, limit=1) == [ids[:1], ids[1:], [], []]

    def test_one_that_can_never_be_carried_out_fails_and_says_why(self, moves: Moves) -> None:
        """The next one has its turn; what has ended does not fail."""
        ids = moves.given(1_001)
        asked, after = start(moves, "cancel", f"id:{ids[0][:8]}"), start(moves, "cancel", f"id:{ids[0]}")
        with pytest.raises(BadFilter, match="Write more of the id") as refused:
            batch(moves)
        moves.ledger.fail_operation(asked.id, str(refused.value))
        assert walk(moves) == [ids[:1], []]
        moves.ledger.fail_operation(after.id, "too late")
        moves.ledger.fail_operation("no-such-operation", "it is none")
        done, failed = moves.views.operations()
        assert (failed.finished, failed.stopped_by) == ("failed", str(refused.value))
        assert failed.finished_at == moves.ledger.now()
        assert (done.finished, done.stopped_by) == ("done", None)

    # -- how far it looks ----------------------------------------------------------------------------------------------

    def test_a_look_is_bounded_and_what_it_went_through_is_left_behind(self, moves: Moves) -> None:
        """Also where nothing was found: or ten million that have ended would be looked through again and again."""
        ids = [*moves.given(7, batch="october"), *moves.given(1, batch="november"), *moves.given(2, batch="october")]
        start(moves, "cancel", "batch:november")
        moves.given(9, batch="november")
        looks: list[tuple[list[str], str, bool]] = []
        for ledger in (moves.ledger, moves.bench.another(), moves.ledger, moves.bench.another()):
            found = ledger.next_operation()
            assert found is not None
            stretch = ledger.covered(found, 10, 3)
            ledger.advance_operation(found, stretch, EVENTS["cancel"])
            looks.append((list(stretch.task_ids), stretch.cursor, stretch.last))
        assert looks == [([], ids[2], False), ([], ids[5], False), ([ids[7]], ids[8], False), ([], ids[9], True)]
        assert progress(moves) == (ids[9], 1, 1, "done")
        moves.assert_accounted_for()

    def test_a_look_that_found_as_much_as_it_may_goes_on_behind_the_last(self, moves: Moves) -> None:
        """Not at its end: there may be more before that."""
        ids = moves.given(5)
        start(moves, "cancel", "")
        assert walk(moves, limit=2, numbers=4) == [ids[:2], ids[2:4], ids[4:], []]

    def test_an_operation_ends_at_its_ceiling_though_nothing_is_there_to_be_done(self, moves: Moves) -> None:
        """What came later is not looked at."""
        ids = moves.given(5, batch="october")
        start(moves, "cancel", "batch:november", ceiling=ids[3])
        assert walk(moves, numbers=3) == [[], []]
        assert progress(moves) == (ids[3], 0, 0, "done")

    def test_a_look_that_somebody_else_has_overtaken_moves_nothing_back(self, moves: Moves) -> None:
        """Whether it found something or not."""
        ids = moves.given(6, batch="october")
        start(moves, "cancel", "batch:november")
        stale = batch(moves, numbers=2)
        for _ in range(2):
            batch(moves, numbers=2).carry_out(moves)
        assert stale.carry_out(moves) == []
        assert progress(moves) == (ids[3], 0, 0, "")
        late = batch(moves, numbers=2)
        assert late.stretch.last
        late.carry_out(moves)
        assert stale.carry_out(moves) == []
        assert progress(moves) == (ids[5], 0, 0, "done")

    def test_one_that_stood_at_a_task_that_is_gone_is_not_begun_anew(self, moves: Moves) -> None:
        """It would change again what has failed again since."""
        moves.given(2)
        start(moves, "cancel", "", cursor="a-task-that-is-gone")
        with pytest.raises(NoSuchTask, match="task a-task-that-is-gone, at which it stood or was to end, is gone"):
            batch(moves)

    # -- how a batch is carried out ------------------------------------------------------------------------------------

    def test_a_batch_is_done_and_counted(self, moves: Moves) -> None:
        """Its end, too."""
        ids = moves.given(3)
        start(moves, "cancel", "")
        assert decided(batch(moves, limit=2).carry_out(moves)) == [True, True]
        assert progress(moves) == (ids[1], 2, 2, "")
        assert moves.views.operations()[0].finished_at is None
        batch(moves).carry_out(moves)
        assert batch(moves).carry_out(moves) == []
        assert progress(moves) == (ids[2], 3, 3, "done")
        assert moves.views.operations()[0].finished_at == moves.ledger.now()
        assert {moves.task(task_id).reason for task_id in ids} == {"cancelled by ada: because"}
        moves.assert_accounted_for()

    def test_a_task_that_has_moved_on_since_it_was_found_is_left(self, moves: Moves) -> None:
        """Whoever cancels what is pending does not mean what runs."""
        ids = moves.out(3)
        start(moves, "cancel", "status:pending")
        found = batch(moves)
        moves.apply(ids[1], Started(moves.run()))
        assert decided(found.carry_out(moves)) == [True, False, True]
        assert [moves.state(task_id) for task_id in ids] == ["cancelled", "in_progress", "cancelled"]
        assert progress(moves) == (ids[2], 3, 2, "")

    @pytest.mark.parametrize("group", [f"group:{CAUSE[:4]}", f"-group:none,{OTHER_CAUSE[:4]}"])
    def test_one_that_has_failed_of_something_else_since_is_left(self, moves: Moves, group: str) -> None:
        """Whoever has mended one cause does not mean the others."""
        same, other = moves.out(2)
        for task_id in (same, other):
            moves.apply(task_id, moves.failed())
        start(moves, "retry", f"status:failed {group}")
        found = batch(moves)
        for task_id in (same, other):
            moves.apply(task_id, Retried("bob"))
        moves.dispatch()
        moves.apply(same, moves.failed(n=2))
        moves.apply(other, moves.failed(n=2, failure=OTHER))
        assert decided(found.carry_out(moves)) == [True, False]
        assert progress(moves) == (other, 2, 1, "")

    @pytest.mark.parametrize("since", ["failed again", "cancelled"])
    def test_a_batch_that_somebody_else_has_done_is_dropped(self, moves: Moves, since: str) -> None:
        """No task is changed twice by one operation, and nobody is overruled who has changed it since."""
        ids = moves.out(2)
        for task_id in ids:
            moves.apply(task_id, moves.failed())
        start(moves, "retry", "")
        stale = batch(moves)
        assert decided(batch(moves).carry_out(moves)) == [True, True]
        moves.dispatch()
        for task_id in ids:
            moves.apply(task_id, moves.failed(n=2) if since == "failed again" else Cancelled("bob"))
        trails = [moves.trail(task_id) for task_id in ids]
        assert stale.carry_out(moves) == []
        batch(moves).carry_out(moves)
        assert stale.carry_out(moves) == []
        assert [moves.trail(task_id) for task_id in ids] == trails
        assert progress(moves) == (ids[1], 2, 2, "done")

    def test_an_end_that_somebody_else_has_overtaken_is_none(self, moves: Moves) -> None:
        """Whoever found nothing any more, but at a place that has been left."""
        ids = moves.given(2)
        start(moves, "cancel", "")
        found = batch(moves, limit=1)
        found.carry_out(moves)
        assert found._replace(stretch=Stretch([], "", last=True)).carry_out(moves) == []
        assert progress(moves) == (ids[0], 1, 1, "")

    def test_a_cancelled_operation_stops(self, moves: Moves) -> None:
        """Also where a sweeper is just about to carry out a batch of it."""
        (task_id,) = moves.given()
        asked = start(moves, "cancel", "")
        found = batch(moves)
        assert moves.ledger.cancel_operation(asked.id, by="bob")
        assert found.carry_out(moves) == []
        assert moves.state(task_id) == "pending/due"
        assert moves.ledger.next_operation() is None
        (stopped,) = moves.views.operations()
        assert (stopped.finished, stopped.stopped_by, stopped.changed) == ("cancelled", "bob", 0)
        assert not moves.ledger.cancel_operation(asked.id, by="bob")
        assert not moves.ledger.cancel_operation("no-such-operation", by="bob")

    def test_operations_are_carried_out_one_after_the_other(self, moves: Moves) -> None:
        """In the order in which they were asked for; the newest is shown first."""
        ids = moves.given(2)
        first, second = start(moves, "cancel", f"id:{ids[0]}"), start(moves, "cancel", f"id:{ids[1]}")
        assert walk(moves) == [ids[:1], [], ids[1:], []]
        assert [one.id for one in moves.views.operations()] == [second.id, first.id]


def start(moves: Moves, kind: str, filter_: str, *, ceiling: str = "", cursor: str = "") -> Operation:
    """Write a bulk operation as a client does: its ceiling is an id of now."""
    op_id = moves.new().task.id
    asked = Operation(op_id, kind, filter_, ceiling or op_id, "ada", "because", moves.ledger.now(), cursor)
    moves.ledger.start_operation(asked)
    return asked


def batch(moves: Moves, limit: int = 10, numbers: int = 100_000) -> Batch:
    """What a sweeper reads."""
    found = moves.ledger.next_operation()
    assert found is not None
    return Batch(found, moves.ledger.covered(found, limit, numbers))


def walk(moves: Moves, limit: int = 10, numbers: int = 100_000) -> list[list[str]]:
    """Carry out all operations; what each batch was."""
    steps: list[list[str]] = []
    while moves.ledger.next_operation() is not None:
        found = batch(moves, limit, numbers)
        steps.append(found.ids)
        found.carry_out(moves)
    return steps


def progress(moves: Moves) -> tuple[str, int, int, str]:
    """How far the newest one has come."""
    one = moves.views.operations()[0]
    return one.cursor, one.matched, one.changed, one.finished
