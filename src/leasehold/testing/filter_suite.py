"""What the filters of every ledger's views owe, as tests. See ``ledger_suite`` for how to run it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.core.errors import BadFilter
from leasehold.core.events import Cancelled, Lapsed
from leasehold.core.filters import term
from leasehold.ports.ledger import Change
from leasehold.ports.views import Page, TaskView
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.ledger_bench import BROKEN, LEASE, Moves

HOUR = 3_600_000


class FilterSuite(BenchSuite):
    """Pages of tasks."""

    def test_tasks_come_newest_first(self, moves: Moves) -> None:
        """Page by page, each once, until there is no cursor."""
        ids = moves.given(7)
        assert pages(moves, "", 3) == [ids[:3:-1], ids[3:0:-1], ids[:1]]
        assert pages(moves, "", 7) == [ids[::-1]]

    @pytest.mark.parametrize("filter_", ["name:transcribe", "batch:november", "status:pending", "queue:default"])
    def test_pages_of_every_filter_join_without_gap_or_overlap(self, moves: Moves, filter_: str) -> None:
        """Whichever index serves it, and although tasks that do not match lie between."""
        ids: list[str] = []
        for _ in range(4):
            ids += moves.given(2, batch="november")
            moves.submit(moves.new(name="convert", queue="other", batch="december", delay=9))
            moves.apply(moves.given(1, name="convert", queue="other")[0], Cancelled("ada"))
        found = [task_id for page in pages(moves, f"{filter_} batch:november", 3) for task_id in page]
        assert found == ids[::-1]

    def test_tasks_that_come_meanwhile_do_not_disturb_a_page(self, moves: Moves) -> None:
        """They are newer than any cursor."""
        ids = moves.given(4)
        first = moves.views.tasks("", limit=2)
        moves.given(3)
        second = moves.views.tasks("", cursor=first.cursor, limit=2)
        assert ids_of(second) == ids[1::-1]
        assert second.cursor is None

    def test_each_state_is_found(self, moves: Moves) -> None:
        """By status, by why, and by both."""
        due, queued, running, lapsed, done, failed, cancelled = moves.given(7)
        later = moves.new(delay=10 * LEASE)
        moves.submit(later)
        moves.ledger.pause("default", paused=False, by="ada")
        story = {due: "due", queued: "queued", lapsed: "lapsed", later.task.id: "scheduled"}
        moves.dispatch()
        moves.apply(due, Cancelled("ada"))
        del story[due]
        moves.apply(lapsed, moves.started())
        moves.bench.let_pass(LEASE)
        moves.apply(lapsed, Lapsed())
        moves.apply(running, moves.started())
        moves.complete(done)
        moves.apply(failed, moves.failed())
        moves.apply(cancelled, Cancelled("ada"))
        for task_id, why in story.items():
            assert find(moves, f"why:{why}") == [task_id]
            assert find(moves, f"status:pending why:{why}") == [task_id]
        assert set(find(moves, "status:pending")) == set(story)
        assert find(moves, "status:in_progress") == [running]
        assert find(moves, "status:completed,failed") == [failed, done]
        assert find(moves, "status:completed status:failed") == [failed, done]
        assert find(moves, "-status:pending,completed,failed,in_progress") == [cancelled, due]
        assert find(moves, "status:completed why:due") == []

    def test_names_queues_and_batches_are_found(self, moves: Moves) -> None:
        """One of several, and all but some."""
        a = moves.given(1, name="transcribe", queue="q1", batch="november")
        b = moves.given(1, name="convert", queue="q2", batch="december")
        c = moves.given(1, name="render", queue="q1")
        assert find(moves, "name:transcribe") == a
        assert find(moves, "name:transcribe,render") == c + a
        assert find(moves, "queue:q1") == c + a
        assert find(moves, "queue:q1 name:render") == c
        assert find(moves, "batch:november") == a
        assert find(moves, "batch:november,december") == b + a
        assert find(moves, "-batch:november") == c + b
        assert find(moves, "-name:convert -queue:q3") == c + a
        assert find(moves, "name:none") == []
        assert find(moves, "batch:none") == []

    def test_keys_and_ids_are_found(self, moves: Moves) -> None:
        """A key in whichever batch, an id by its beginning."""
        new = [
            moves.new(key="a b.wav", batch="x"),
            moves.new(key="a b.wav", batch="y"),
            moves.new(key="c", batch="x"),
        ]
        moves.submit(*new)
        first, second, third = (each.task.id for each in new)
        assert find(moves, 'key:"a b.wav"') == [second, first]
        assert find(moves, 'key:"a b.wav" batch:y') == [second]
        assert find(moves, "-key:c") == [second, first]
        assert find(moves, f"id:{third}") == [third]
        assert find(moves, f"id:{first[:8]}") == [third, second, first]
        assert find(moves, f"-id:{third} id:{first[:8]} key:c") == []
        assert find(moves, f"-id:{third}") == [second, first]

    def test_an_id_that_begins_too_many_is_refused(self, moves: Moves) -> None:
        """Rather than answered in part."""
        moves.given(1_001)
        with pytest.raises(BadFilter, match="id:0 begins the ids of over 1,000 tasks"):
            moves.views.tasks("id:0")

    def test_groups_of_failures_are_found(self, moves: Moves) -> None:
        """By the beginning of their id; a task that is retried after a failure belongs to its group too."""
        a, b, c = moves.out(3)
        moves.apply(a, moves.failed())
        moves.apply(b, moves.failed(for_good=False))
        moves.apply(c, moves.failed(failure=BROKEN._replace(type="KeyError")))
        group = moves.task(a).error_group
        assert group is not None
        assert find(moves, f"group:{group}") == [b, a]
        assert find(moves, f"group:{group[:6]} status:failed") == [a]
        assert find(moves, f"-group:{group}") == [c]
        assert find(moves, "group:none") == []

    def test_beginnings_of_too_many_groups_are_refused(self, moves: Moves) -> None:
        """Rather than answered in part: what is excluded would be shown, and what is asked for be missing."""
        ids = moves.out(1_001)
        failures = [BROKEN._replace(frame=f"media.py:{'x' * nth}") for nth in range(1_001)]
        changes = [Change(task_id, moves.failed(failure=each)) for task_id, each in zip(ids, failures, strict=True)]
        moves.ledger.apply(changes[:100])
        every = ",".join("0123456789abcdef")
        assert moves.views.count(f"group:{every} status:failed") == 100
        assert len(moves.views.tasks(f"group:{every} status:failed", limit=200).rows) == 100
        assert pages(moves, f"group:{every}", 60) == [ids[99:39:-1], ids[39::-1]]
        moves.ledger.apply(changes[100:1_000])
        assert find(moves, f"-group:{every}") == ids[1_000:]
        moves.ledger.apply(changes[1_000:])
        for filter_, most in ((f"group:{every}", 100), (f"-group:{every} status:failed", "1,000")):
            for ask in (moves.views.tasks, moves.views.count):
                with pytest.raises(BadFilter, match=f"group:{every} begins the ids of over {most} groups of failures"):
                    ask(filter_)

    def test_tasks_without_a_batch_are_found(self, moves: Moves) -> None:
        """Beside others, and in every state."""
        loners = moves.out(3)
        batched = moves.out(3, batch="november")
        moves.apply(loners[0], moves.failed())
        assert find(moves, 'batch:""') == loners[::-1]
        assert find(moves, 'batch:"",november') == [*batched[::-1], *loners[::-1]]
        assert find(moves, '-batch:""') == batched[::-1]
        assert find(moves, 'batch:"" status:failed') == loners[:1]
        assert find(moves, 'batch:"" status:pending name:transcribe') == loners[:0:-1]
        assert find(moves, 'batch:"" age:<1h') == loners[::-1]

    def test_ages_are_compared(self, moves: Moves) -> None:
        """To the millisecond, on the ledger's clock."""
        old = moves.given(2)
        moves.bench.let_pass(HOUR)
        middle = moves.given(2)
        moves.bench.let_pass(HOUR)
        new = moves.given(2)
        assert find(moves, "age:>1h") == (old + middle)[::-1]
        assert find(moves, "age:>1h1ms") == old[::-1]
        assert find(moves, "age:<1h") == (middle + new)[::-1]
        assert find(moves, "age:>30m,<90m") == middle[::-1]
        assert find(moves, "-age:>30m") == new[::-1]
        assert find(moves, "age:>3h") == []

    def test_conditions_hold_together(self, moves: Moves) -> None:
        """Whichever of them an index serves."""
        ids = moves.out(6, batch="november")
        moves.out(3, batch="december")
        for task_id in ids[:3]:
            moves.apply(task_id, moves.failed())
        assert find(moves, "batch:november status:failed") == ids[2::-1]
        assert find(moves, "batch:november -status:failed") == ids[:2:-1]
        assert find(moves, "name:transcribe batch:november status:failed queue:default age:<1h") == ids[2::-1]
        assert find(moves, "batch:december status:failed,cancelled") == []

    def test_counts_stop_at_a_ceiling(self, moves: Moves) -> None:
        """From counters where they know what is asked, else by looking."""
        moves.given(5, batch="november")
        moves.given(2, batch="december")
        for filter_, matching in (
            ("", 7),
            ("batch:november", 5),
            ("status:pending age:<1h", 7),
            ("-batch:november", 2),
        ):
            assert moves.views.count(filter_) == matching
            assert moves.views.count(filter_, 3) == min(matching, 3)

    def test_a_cursor_belongs_to_its_filter(self, moves: Moves) -> None:
        """Another one is refused, and so is what is no cursor."""
        moves.given(3)
        cursor = moves.views.tasks("name:transcribe", limit=1).cursor
        assert cursor is not None
        assert moves.views.tasks("  name:transcribe ", cursor=cursor, limit=1).rows
        for filter_, wrong in (("", cursor), ("name:transcribe", "MTIz"), ("name:transcribe", "ä")):
            with pytest.raises(BadFilter, match="cursor"):
                moves.views.tasks(filter_, cursor=wrong)

    @pytest.mark.parametrize("filter_", ["stauts:failed", "status:faild", "age:1h", "failed", 'name:"x'])
    def test_a_filter_that_does_not_parse_is_refused(self, moves: Moves, filter_: str) -> None:
        """Before anything is read."""
        with pytest.raises(BadFilter):
            moves.views.tasks(filter_)
        with pytest.raises(BadFilter):
            moves.views.count(filter_)

    @pytest.mark.parametrize("odd", ["it's", "100%", 'say "x"', "a,b", "null", "äöü 🎉", "--", "a_b", "\\"])
    def test_odd_values_are_values(self, moves: Moves, odd: str) -> None:
        """Nothing in them means anything to the database."""
        moves.given(1, batch="plain")
        (task_id,) = moves.given(1, batch=odd)
        assert find(moves, term("batch", odd)) == [task_id]


def pages(moves: Moves, filter_: str, limit: int) -> list[list[str]]:
    """The ids of all pages."""
    found: list[list[str]] = []
    cursor: str | None = None
    while True:
        page = moves.views.tasks(filter_, cursor=cursor, limit=limit)
        found.append(ids_of(page))
        cursor = page.cursor
        if cursor is None:
            return found


def find(moves: Moves, filter_: str) -> list[str]:
    """The ids of the first page; the count must agree with it."""
    found = ids_of(moves.views.tasks(filter_))
    assert moves.views.count(filter_) == len(found)
    return found


def ids_of(page: Page[TaskView]) -> list[str]:
    """The ids of a page."""
    rows: Sequence[TaskView] = page.rows
    return [view.task.id for view in rows]
