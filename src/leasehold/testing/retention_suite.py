"""What the part of a ledger that forgets must do, as tests; an adapter is tested by a subclass that makes a bench."""

from __future__ import annotations

from typing import Protocol

import pytest

from leasehold.core.events import Cancelled, Retried, Started
from leasehold.core.model import Status, Task
from leasehold.core.reports import Payload
from leasehold.core.retention import Keep
from leasehold.core.units import DAY
from leasehold.flow.audit import audit
from leasehold.ports.ledger import Change, Existing, KeyConflict, Operation, Repeated, Unknown
from leasehold.ports.retention import Retention
from leasehold.testing.ledger_bench import LedgerBench, Moves
from leasehold.testing.operations_suite import start, walk

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
KEEP = Keep(completed=DAY, failed=DAY)


class RetentionBench(LedgerBench, Protocol):
    """A ledger with the part that forgets."""

    @property
    def retention(self) -> Retention:
        """The part that forgets."""
        ...


def aged(bench: RetentionBench) -> list[Task]:
    """All tasks that have ended."""
    return [each.task for status in ENDED for each in bench.retention.aged(status, 0, 1_000)]


def forget(bench: RetentionBench, *ids: str, trails: bool = True, archived: bool = False) -> list[str]:
    """Forget these, as they now stand."""
    tasks = [task for task in aged(bench) if task.id in ids]
    return bench.retention.forget(tasks, trails=trails, archived=archived)


class RetentionSuite:
    """Everything that forgets."""

    @pytest.fixture
    def bench(self) -> RetentionBench:
        """The adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def moves(self, bench: RetentionBench) -> Moves:
        """The moves of the stories."""
        return Moves(bench)

    def test_what_has_ended_is_found_in_the_order_of_submits(self, bench: RetentionBench, moves: Moves) -> None:
        """By status, page by page; what goes on is not among it."""
        ids = moves.out(5)
        for task_id in reversed(ids[:3]):
            moves.complete(task_id)
        moves.apply(ids[3], moves.failed())
        first = bench.retention.aged(Status.COMPLETED, 0, 2)
        rest = bench.retention.aged(Status.COMPLETED, first[-1].place, 2)
        assert [each.task.id for each in (*first, *rest)] == ids[:3]
        assert [each.task.id for each in bench.retention.aged(Status.FAILED, 0, 9)] == [ids[3]]
        assert bench.retention.aged(Status.CANCELLED, 0, 9) == []
        assert first[0].task == moves.task(ids[0])

    def test_whether_a_task_has_a_key_is_told(self, bench: RetentionBench, moves: Moves) -> None:
        """Its key is a promise."""
        moves.submit(moves.new(key="a.wav"), moves.new())
        for sent in moves.dispatch():
            moves.complete(sent.task.id)
        assert [each.keyed for each in bench.retention.aged(Status.COMPLETED, 0, 9)] == [True, False]

    def test_what_is_forgotten_is_gone_and_everything_still_agrees(self, bench: RetentionBench, moves: Moves) -> None:
        """Rows, counters, batches and the audit; what stays is as it was."""
        ids = moves.out(6, batch="november")
        for task_id in ids[:3]:
            moves.complete(task_id)
        moves.apply(ids[3], moves.failed())
        moves.apply(ids[4], Cancelled("ada"))
        stays = moves.view(ids[2])
        assert forget(bench, ids[0], ids[1], ids[3], ids[4]) == [ids[0], ids[1], ids[3], ids[4]]
        for task_id in (ids[0], ids[3]):
            assert moves.views.task(task_id) is None
            assert (moves.views.runs(task_id), moves.views.audit(task_id)) == ([], [])
        assert moves.views.outcomes(ids) == moves.views.outcomes([ids[2]])
        assert moves.view(ids[2]) == stays
        moves.assert_accounted_for()
        (batch,) = moves.views.batches()
        assert (dict(batch.counts), batch.forgotten) == ({"completed": 1, "pending": 1}, 4)
        moves.ledger.fold_counters()
        moves.assert_accounted_for()
        assert moves.views.batches() == [batch]
        assert [row.task.id for row in moves.views.tasks("").rows] == [ids[5], ids[2]]
        assert moves.views.failures() == []
        verdict = audit(moves.views)
        assert (verdict.ok, verdict.tasks) == (True, 2), verdict.problems
        assert list(verdict.notes) == ["4 tasks that ended long ago are not kept any more"]

    def test_what_was_forgotten_once_is_not_forgotten_twice(self, bench: RetentionBench, moves: Moves) -> None:
        """By two who have chosen the same tasks."""
        ids = moves.out(3)
        moves.complete(ids[0])
        chosen = aged(bench)
        assert bench.retention.forget(chosen, trails=True, archived=False) == [ids[0]]
        assert bench.retention.forget(chosen, trails=True, archived=False) == []
        assert bench.retention.forget([], trails=True, archived=False) == []
        moves.assert_accounted_for()

    def test_what_has_changed_since_it_was_chosen_stays(self, bench: RetentionBench, moves: Moves) -> None:
        """Somebody tries it again."""
        failed, done, _ = moves.out(3)
        moves.apply(failed, moves.failed())
        moves.complete(done)
        chosen = aged(bench)
        moves.apply(failed, Retried("ada"))
        assert bench.retention.forget(chosen, trails=True, archived=False) == [done]
        assert moves.state(failed) == "pending/due"
        moves.assert_accounted_for()

    def test_the_newest_task_stays_so_that_no_number_is_given_twice(self, bench: RetentionBench, moves: Moves) -> None:
        """Also when everything has ended."""
        ids = moves.out(2)
        for task_id in ids:
            moves.complete(task_id)
        assert forget(bench, *ids) == [ids[0]]
        new = moves.given(2)
        assert [row.task.id for row in moves.views.tasks("").rows] == [new[1], new[0], ids[1]]
        moves.dispatch()
        moves.complete(new[0])
        moves.assert_accounted_for()

    def test_nothing_goes_while_a_bulk_operation_is_under_way(self, bench: RetentionBench, moves: Moves) -> None:
        """It remembers tasks that it has come to."""
        ids = moves.out(2)
        moves.complete(ids[0])
        moves.ledger.start_operation(Operation("1", "retry", "", "", "ada", "", moves.ledger.now()))
        assert forget(bench, *ids) == []
        moves.ledger.cancel_operation("1", by="ada")
        assert forget(bench, *ids) == [ids[0]]

    def test_an_operation_passes_over_those_that_are_gone(self, bench: RetentionBench, moves: Moves) -> None:
        """However many numbers in a row: a look begins with a task that is there."""
        ids = moves.out(12)
        for task_id in ids[1:10]:
            moves.complete(task_id)
        assert forget(bench, *ids[1:10]) == ids[1:10]
        start(moves, "cancel", "")
        assert walk(moves, numbers=2) == [ids[:1], ids[10:], []]

    def test_a_key_is_free_again_when_its_task_is_gone(self, bench: RetentionBench, moves: Moves) -> None:
        """And means the task that has it then."""
        first, other = moves.new(key="a.wav", batch="november"), moves.new(key="a.wav")
        moves.submit(first, other, moves.new())
        moves.dispatch()
        moves.complete(first.task.id)
        again = moves.new(key="a.wav", batch="november")
        assert moves.submit(again) == [Existing(first.task.id, Status.COMPLETED)]
        assert forget(bench, first.task.id) == [first.task.id]
        moves.submit(again)
        assert moves.state(again.task.id) == "pending/due"
        assert moves.submit(moves.new(key="a.wav")) == [Existing(other.task.id, Status.PENDING)]
        assert moves.submit(moves.new(key="a.wav", arguments="{}")) == [KeyConflict(other.task.id)]

    def test_late_words_about_what_is_gone_change_nothing(self, bench: RetentionBench, moves: Moves) -> None:
        """A report that is repeated, a retry by hand."""
        (task_id, other) = moves.out(2)
        moves.ledger.apply([Change(task_id, moves.completed(), "first")])
        moves.ledger.apply([Change(other, Started(moves.run()), "other")])
        assert forget(bench, task_id) == [task_id]
        answers = moves.ledger.apply(
            [
                Change(task_id, moves.completed(), "first"),
                Change(task_id, Retried("ada")),
                Change(other, Started(moves.run()), "other"),
            ]
        )
        assert answers == [Unknown(task_id), Unknown(task_id), Repeated("other")]
        moves.assert_accounted_for()

    def test_a_trail_may_stay_longer_than_its_task(self, bench: RetentionBench, moves: Moves) -> None:
        """Counted from the end of the task."""
        first, second, _ = moves.out(3)
        moves.complete(first)
        trail = moves.views.audit(first)
        moves.bench.let_pass(1_000)
        moves.complete(second)
        assert forget(bench, first, second, trails=False) == [first, second]
        assert moves.views.audit(first) == trail
        assert bench.retention.forget_trails(moves.ledger.now(), 9) == 1
        assert (moves.views.audit(first), len(moves.views.audit(second))) == ([], len(trail))
        verdict = audit(moves.views)
        assert (verdict.ok, verdict.tasks) == (True, 1), verdict.problems
        moves.bench.let_pass(1_000)
        assert bench.retention.forget_trails(moves.ledger.now(), 9) == 1
        assert bench.retention.forget_trails(moves.ledger.now(), 9) == 0
        assert moves.views.audit(second) == []

    def test_what_a_task_has_in_the_store_is_left_over(self, bench: RetentionBench, moves: Moves) -> None:
        """Until somebody has removed it; an archive keeps what it speaks of."""
        ids = moves.out(4)
        for task_id in ids[:2]:
            payload = Payload(result_ref=f"results/{task_id}/1", log_ref=f"logs/{task_id}/1")
            moves.ledger.apply([Change(task_id, moves.completed(), payload=payload)])
        moves.apply(ids[2], Cancelled("ada"))
        forget(bench, ids[0])
        left = bench.retention.leftovers(10)
        assert {f"results/{ids[0]}/1", f"logs/{ids[0]}/1"} <= {each.key for each in left}
        assert len(bench.retention.leftovers(1)) == 1
        bench.retention.cleared(left)
        assert bench.retention.leftovers(10) == []
        forget(bench, *ids[1:], archived=True)
        keys = {each.key for each in bench.retention.leftovers(10)}
        assert {f"checkpoints/{ids[2]}/", f"cancelled/{ids[2]}/"} <= keys
        assert not any(key.startswith(("results", "logs")) for key in keys)

    def test_a_story_tells_all_that_is_on_record(self, bench: RetentionBench, moves: Moves) -> None:
        """As the views tell it."""
        ids = moves.out(3)
        moves.complete(ids[0])
        moves.apply(ids[1], moves.failed())
        first, second = bench.retention.stories(aged(bench))
        for story, task_id in ((first, ids[0]), (second, ids[1])):
            assert story.view == moves.view(task_id)
            assert story.runs == moves.views.runs(task_id)
            assert story.trail == moves.views.audit(task_id)
