"""What the read side of every ledger owes, as tests. See ``ledger_suite`` for how to run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from leasehold.core.cursors import Listing
from leasehold.core.errors import BadCursor, BadFilter
from leasehold.core.events import Cancelled, Lapsed, Released, Retried, Started
from leasehold.core.model import Status, Why
from leasehold.core.reports import Malformed
from leasehold.ports import listings
from leasehold.ports.ledger import Change, Operation
from leasehold.ports.views import Count, Outcome, WorkerView
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.ledger_bench import BROKEN, LEASE, LedgerBench, Moves

T = TypeVar("T")
OTHER = BROKEN._replace(type="KeyError", message="'speaker'", frame="media.py:label")


class ViewsSuite(BenchSuite):
    """Tasks, outcomes, failures, counts. The filters have a suite of their own."""

    # -- times ---------------------------------------------------------------------------------------------------------

    def test_the_times_of_the_newest_runs_are_told_handler_by_handler(self, moves: Moves, bench: LedgerBench) -> None:
        """Newest task first; of each all its runs, by token."""
        other = moves.new(name="convert")
        moves.submit(other)
        first, second = moves.given(2, batch="november")
        moves.dispatch()
        moves.apply(first, moves.started())
        bench.let_pass(1_500)
        moves.apply(first, moves.failed())
        moves.apply(second, moves.started())
        bench.let_pass(LEASE + 1)
        moves.apply(second, Lapsed())
        times = moves.views.run_times("transcribe", "default", 1 << 62, 10)
        assert [(each.batch, each.lease, each.outcome) for each in times] == [
            ("november", LEASE, None),
            ("november", LEASE, "failed"),
        ]
        lost, failed = times
        assert lost.lost_at is not None
        assert lost.ended_at is None
        assert failed.failure == BROKEN
        assert lost.number > failed.number
        assert moves.views.run_times("transcribe", "default", lost.number, 10) == [failed]
        assert moves.views.run_times("transcribe", "default", 1 << 62, 1) == [lost]
        assert moves.views.run_times("transcribe", "other", 1 << 62, 10) == []

    def test_of_a_backlog_no_times_are_told_but_of_tasks_between_those_that_ran(self, moves: Moves) -> None:
        """The newest tasks of a large batch have not run yet, and may be millions."""
        first, passed_over, last = moves.out(3)
        moves.complete(first)
        moves.complete(last)
        moves.given(2)
        last_run, nothing, first_run = moves.views.run_times("transcribe", "default", 1 << 62, 10)
        assert [each.ran for each in (last_run, nothing, first_run)] == [True, False, True]
        assert moves.state(passed_over) == "pending/queued"

    # -- one task ------------------------------------------------------------------------------------------------------

    def test_a_task_that_does_not_exist_is_none(self, moves: Moves) -> None:
        """And has no runs and no trail."""
        assert moves.views.task("0190-none") is None
        assert moves.views.runs("0190-none") == []
        assert moves.views.audit("0190-none") == []

    def test_a_task_is_shown_with_its_cold_parts(self, moves: Moves) -> None:
        """Key, arguments and result."""
        new = moves.new(key="a.wav", batch="november")
        moves.submit(new)
        moves.dispatch()
        moves.complete(new.task.id, '{"text": "hello"}')
        view = moves.view(new.task.id)
        assert (view.key, view.arguments, view.result) == ("a.wav", new.arguments, '{"text": "hello"}')
        assert (view.task.status, view.task.batch) == (Status.COMPLETED, "november")

    def test_parts_of_ids_are_found(self, moves: Moves) -> None:
        """Their beginnings and their ends, as people paste them; never more than ten."""
        ids = moves.given(12)
        assert moves.views.find_id(ids[3]) == [ids[3]]
        assert moves.views.find_id(f"  {ids[3][-6:].upper()} ") == [ids[3]]
        assert len(moves.views.find_id(ids[0][:8])) == 10
        assert moves.views.find_id("%") == []
        assert moves.views.find_id("") == []
        assert moves.views.find_id("ffffffff") == []

    def test_the_runs_and_the_trail_of_a_task_go_on_where_a_cursor_says(self, moves: Moves) -> None:
        """Each once, of equal tokens too, and whatever comes meanwhile; a cursor of another task is refused."""
        (task_id, other) = moves.out(2)
        for r, run_id in ((1, "b"), (1, "a"), (2, "c"), (2, "d"), (2, "e"), (3, "f")):
            moves.apply(task_id, Started(moves.run(1, r)._replace(run_id=run_id)))
            moves.bench.let_pass(1)
        every = moves.views.runs(task_id)
        runs, events = listings.runs_of(task_id), listings.events_of(task_id)
        for nth, run in enumerate(every, 1):
            assert moves.views.runs(task_id, 2, runs.cursor((nth, run))) == every[nth : nth + 2]
        trail = moves.views.audit(task_id)
        for nth, line in enumerate(trail, 1):
            assert moves.views.audit(task_id, 2, events.cursor(line)) == trail[nth : nth + 2]
        foreign = listings.events_of(other).cursor(trail[0])
        with pytest.raises(BadCursor, match=f"none of runs of {task_id}"):
            moves.views.runs(task_id, 1, foreign)
        with pytest.raises(BadCursor, match=f"none of events of {task_id}"):
            moves.views.audit(task_id, 1, foreign)

    def test_runs_are_told_in_the_order_of_their_tokens(self, moves: Moves) -> None:
        """With what each of them said."""
        (task_id,) = moves.out()
        moves.apply(task_id, moves.started(1, 2))
        moves.apply(task_id, moves.started(1, 1), moves.failed(1, 2))
        first, second = moves.views.runs(task_id)
        assert (first.n, first.r, first.run_id, first.outcome) == (1, 1, "run-1.1", None)
        assert (second.r, second.outcome, second.failure) == (2, "failed", BROKEN)
        assert second.ended_at == moves.ledger.now()

    def test_the_trail_is_told_from_the_beginning(self, moves: Moves) -> None:
        """One line for each change, numbered without a gap, each beginning where the one before it ended."""
        (task_id,) = moves.out()
        moves.bench.let_pass(5)
        moves.apply(task_id, moves.started(), Cancelled("ada", "not needed"), Retried("bob", "needed after all"))
        trail = moves.views.audit(task_id)
        assert [line.kind for line in trail] == ["submitted", "dispatched", "started", "cancelled", "retried"]
        assert [line.seq for line in trail] == [1, 2, 3, 4, 5]
        assert [line.before for line in trail[1:]] == [line.after for line in trail[:-1]]
        assert trail[2].run_id == "run-1.1"
        assert trail[3].detail == "cancelled by ada: not needed"
        assert trail[3].at == trail[1].at + 5

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def test_outcomes_are_told_of_tasks_that_have_ended(self, moves: Moves) -> None:
        """Of the others, and of those that do not exist, nothing."""
        done, failed, cancelled, waiting = moves.out(4)
        moves.complete(done, '"text"')
        moves.apply(failed, moves.failed())
        moves.apply(cancelled, Cancelled("ada", "not needed"))
        now = moves.ledger.now()
        found = {
            outcome.task_id: outcome for outcome in moves.views.outcomes([waiting, cancelled, failed, done, "none"])
        }
        assert found == {
            done: Outcome(done, Status.COMPLETED, now, '"text"', None, None, None),
            failed: Outcome(failed, Status.FAILED, now, None, None, BROKEN.message, BROKEN),
            cancelled: Outcome(cancelled, Status.CANCELLED, now, None, None, "cancelled by ada: not needed", None),
        }
        assert moves.views.outcomes([]) == []

    def test_an_outcome_tells_the_failure_that_decided(self, moves: Moves) -> None:
        """Of several failed runs the newest; of a failure that was concluded from silence, none."""
        twice, silent = moves.out(2)
        moves.apply(twice, moves.started(1, 1), moves.failed(1, 1, failure=OTHER, for_good=False))
        moves.apply(twice, Retried("ada"))
        moves.bench.let_pass(1_000)
        for r in (1, 2):
            moves.apply(silent, moves.started(1, r))
            moves.bench.let_pass(LEASE)
            moves.apply(silent, Lapsed())
        moves.apply(twice, Cancelled("ada"), Retried("ada"))
        moves.dispatch()
        moves.apply(twice, moves.failed(moves.task(twice).n, 1))
        outcomes = {outcome.task_id: outcome for outcome in moves.views.outcomes([twice, silent])}
        assert outcomes[twice].failure == BROKEN
        assert outcomes[silent].failure is None
        assert (outcomes[silent].status, moves.task(silent).inferred) == (Status.FAILED, True)

    def test_a_batchs_outcomes_are_a_stream(self, moves: Moves) -> None:
        """In the order in which they were recorded; who reads on from his cursor misses none and sees none twice."""
        ids = moves.out(5, batch="november")
        (other,) = moves.out(1, batch="december")
        moves.complete(ids[3])
        moves.complete(other)
        moves.complete(ids[1])
        page = moves.views.ended("november", limit=1)
        assert [outcome.task_id for outcome in page.rows] == [ids[3]]
        page = moves.views.ended("november", page.cursor)
        assert [outcome.task_id for outcome in page.rows] == [ids[1]]
        assert page.rows[0].result == '"text"'
        page = moves.views.ended("november", page.cursor)
        assert not page.rows
        moves.apply(ids[0], moves.failed())
        moves.ledger.apply([Change(task_id, moves.completed()) for task_id in (ids[4], ids[2])])
        page = moves.views.ended("november", page.cursor)
        assert page.rows[0].task_id == ids[0]
        assert sorted(outcome.task_id for outcome in page.rows[1:]) == sorted([ids[2], ids[4]])
        assert not moves.views.ended("november", page.cursor).rows
        assert not moves.views.ended("never heard of").rows

    def test_a_task_that_ends_anew_comes_anew(self, moves: Moves) -> None:
        """At the end of the stream, and no more at its old place."""
        first, second = moves.out(2, batch="november")
        moves.apply(first, moves.failed())
        moves.complete(second)
        read = moves.views.ended("november").cursor
        moves.apply(first, Retried("ada"))
        assert [outcome.task_id for outcome in moves.views.ended("november").rows] == [second]
        moves.dispatch()
        moves.apply(first, moves.completed(2, 1))
        assert [(o.task_id, o.status) for o in moves.views.ended("november", read).rows] == [(first, Status.COMPLETED)]

    def test_a_failure_that_is_repaired_comes_anew(self, moves: Moves) -> None:
        """A late success is another outcome."""
        (task_id,) = moves.out(1, batch="november")
        moves.apply(task_id, moves.failed())
        read = moves.views.ended("november").cursor
        moves.apply(task_id, moves.completed(1, 2))
        assert [outcome.status for outcome in moves.views.ended("november", read).rows] == [Status.COMPLETED]

    def test_a_stream_takes_no_other_cursor(self, moves: Moves) -> None:
        """Such as one of a page of tasks."""
        with pytest.raises(BadFilter, match="no cursor"):
            moves.views.ended("november", "MTIgYWJj")

    # -- counts --------------------------------------------------------------------------------------------------------

    def test_counts_are_told_by_cell(self, moves: Moves) -> None:
        """All of them, or those of a queue or a batch; cells with nothing in them are left out."""
        a, _ = moves.out(2, batch="november")
        moves.given(1, name="convert", queue="other", batch="november")
        moves.complete(a)
        queued = Count("default", "transcribe", "november", None, Status.PENDING, Why.QUEUED, 1)
        done = Count("default", "transcribe", "november", None, Status.COMPLETED, None, 1)
        due = Count("other", "convert", "november", None, Status.PENDING, Why.DUE, 1)
        assert set(moves.views.counts()) == {queued, done, due}
        assert set(moves.views.counts(queue="default")) == {queued, done}
        assert set(moves.views.counts(batch="november")) == {queued, done, due}
        assert moves.views.counts(queue="other", batch="november") == [due]
        assert moves.views.counts(batch="december") == []
        moves.assert_accounted_for()

    def test_failures_are_grouped_by_their_cause(self, moves: Moves) -> None:
        """Handler, type, message and frame, with what varies in the message left out; largest first."""
        ids = moves.out(4)
        moves.bench.let_pass(7)
        for task_id, name in zip(ids[:3], ("a", "b", "c"), strict=True):
            failure = BROKEN._replace(message=f"no samples in '{name}.wav'")
            moves.apply(task_id, moves.failed(failure=failure))
        moves.apply(ids[3], moves.failed(failure=OTHER))
        large, small = moves.views.failures()
        assert (large.name, large.type, large.message) == ("transcribe", "ValueError", "no samples in <text>")
        assert (large.tasks, large.frame, large.example) == (3, "media.py:decode", ids[2])
        assert (small.type, small.tasks, small.example) == ("KeyError", 1, ids[3])
        assert large.first_at == large.last_at == moves.ledger.now()
        assert moves.views.failures(1) == [large]
        moves.apply(ids[3], Retried("ada"))
        assert moves.views.failures() == [large]

    def test_failures_without_an_error_are_a_group_too(self, moves: Moves) -> None:
        """Those whose machines went away too often."""
        (task_id,) = moves.out()
        for r in (1, 2):
            moves.apply(task_id, moves.started(1, r))
            moves.bench.let_pass(LEASE)
            moves.apply(task_id, Lapsed())
        (group,) = moves.views.failures()
        assert (group.id, group.name, group.tasks, group.example) == ("none", "transcribe", 1, task_id)
        assert "went away" in group.message
        assert group.last_at == moves.ledger.now()
        assert [view.task.id for view in moves.views.tasks("group:none status:failed").rows] == [task_id]

    def test_batches_are_told_newest_first(self, moves: Moves) -> None:
        """With their tasks by status."""
        ids = moves.out(3, batch="november")
        moves.bench.let_pass(10)
        moves.given(1, batch="december")
        moves.complete(ids[0])
        moves.apply(ids[1], moves.started())
        december, november = moves.views.batches()
        assert (december.name, december.counts, december.created_at) == ("december", {"pending": 1}, moves.ledger.now())
        assert november.counts == {"pending": 1, "in_progress": 1, "completed": 1}
        assert [batch.name for batch in moves.views.batches(1)] == ["december"]
        assert [moves.views.batch(name) for name in ("november", "octember")] == [november, None]

    def test_queues_are_told_with_their_states(self, moves: Moves) -> None:
        """Every queue that ever held a task, or was paused."""
        ids = moves.out(2, queue="media")
        moves.apply(ids[0], Released(moves.run(), moves.ledger.now(), deleted=True))
        moves.ledger.pause("later", paused=True, by="ada")
        later, media = moves.views.queues()
        assert (later.name, later.paused, later.counts) == ("later", True, {})
        assert (media.name, media.paused) == ("media", False)
        assert media.counts == {"pending/due": 1, "pending/queued": 1}

    def test_workers_are_told_with_what_they_run(self, moves: Moves) -> None:
        """Those that run something, by name; an ended run is nobody's any more."""
        first, second, third, done = moves.out(4)
        early = moves.run(worker="i-1/5-a")
        moves.apply(first, Started(early))
        moves.apply(third, Started(moves.run(worker="i-2/5-a")))
        moves.apply(done, Started(moves.run(worker="i-3/5-a")))
        moves.complete(done)
        moves.bench.let_pass(1_000)
        moves.apply(second, Started(moves.run(worker="i-1/5-a")))
        one, two = moves.views.workers()
        assert one == WorkerView("i-1/5-a", 2, early.lease_until, early.lease_until + 1_000)
        assert (two.name, two.tasks) == ("i-2/5-a", 1)
        assert moves.views.workers(limit=1) == [one]

    # -- pages of lists ------------------------------------------------------------------------------------------------

    def test_every_list_goes_on_behind_a_row_of_it(self, moves: Moves) -> None:
        """Each row once, in the order of the whole list, however small the pages are."""
        for number in range(5):
            (task_id,) = moves.out(1, batch=f"batch {number}")
            moves.apply(task_id, Started(moves.run(worker=f"i-{number}/5-a")))
            (broken,) = moves.out(1, name=f"handler {number % 3}")
            moves.apply(broken, moves.failed(failure=OTHER if number % 2 else BROKEN))
            moves.ledger.start_operation(Operation(f"op-{number}", "retry", "", "", "ada", "", moves.ledger.now()))
            moves.ledger.apply([], [Malformed("status", f"{number:064}", "{", "no JSON")])
        views = moves.views
        assert_paged(listings.BATCHES, views.batches, 5)
        assert_paged(listings.OPERATIONS, views.operations, 5)
        assert [views.operation(one.id) for one in views.operations()] == views.operations()
        assert views.operation("op") is None
        assert_paged(listings.WORKERS, views.workers, 5)
        assert_paged(listings.FAILURES, views.failures, 5)
        assert_paged(listings.QUARANTINE, views.quarantine, 5)

    def test_what_is_new_is_on_no_later_page(self, moves: Moves) -> None:
        """A cursor is a place, not a number of rows."""
        for name in ("one", "two", "three"):
            moves.given(1, batch=name)
        first = moves.views.batches(1)[0]
        moves.given(1, batch="four")
        rest = moves.views.batches(10, listings.BATCHES.cursor(first))
        assert [view.name for view in rest] == ["two", "one"]

    def test_no_list_takes_a_cursor_of_another(self, moves: Moves) -> None:
        """Nor one of a page of tasks."""
        views = moves.views
        moves.given(1, batch="one")
        other = listings.BATCHES.cursor(views.batches()[0])
        for ask in (views.operations, views.workers, views.failures, views.quarantine):
            for cursor in (other, "MTIgYWJj"):
                with pytest.raises(BadCursor, match="cursor"):
                    ask(10, cursor)
        with pytest.raises(BadCursor, match="cursor"):
            views.batches(10, "MTIgYWJj")

    # -- everything ----------------------------------------------------------------------------------------------------

    def test_a_scan_sees_every_task_once_in_the_order_of_ids(self, moves: Moves) -> None:
        """In chunks."""
        ids = moves.given(7)
        assert [[task.id for task in chunk] for chunk in moves.views.scan(3)] == [ids[:3], ids[3:6], ids[6:]]

    def test_an_empty_ledger_shows_nothing(self, moves: Moves) -> None:
        """And no view fails on it."""
        views = moves.views
        assert list(views.tasks("").rows) == []
        assert (views.counts(), views.true_counts(), views.failures()) == ([], [], [])
        assert (views.batches(), views.queues(), views.operations(), views.quarantine()) == ([], [], [], [])
        assert (list(views.scan()), views.count("status:failed")) == ([], 0)


def assert_paged(listing: Listing[T], ask: Callable[[int, str | None], Sequence[T]], rows: int) -> None:
    """Pages of two hold what the whole list holds."""
    whole = list(ask(100, None))
    assert len(whole) == rows, listing.name
    found: list[T] = []
    cursor: str | None = None
    while True:
        page, cursor = listing.cut(ask(3, cursor), 2)
        found += page
        if cursor is None:
            break
    assert found == whole, listing.name
