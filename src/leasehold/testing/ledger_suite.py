"""What every ledger owes, as tests: subclass ``LedgerSuite`` and give it a ``bench`` fixture.

::

    class TestMyLedger(LedgerSuite, LedgerChoresSuite, OperationsSuite, ViewsSuite, PulseSuite):
        @pytest.fixture
        def bench(self) -> LedgerBench: ...

``LedgerChoresSuite``, ``OperationsSuite``, ``ViewsSuite`` and ``PulseSuite`` are in modules of their own.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from leasehold.core.events import Cancelled, Draining, Progressed, Released, Retried
from leasehold.core.model import Decision, Ignored, Status
from leasehold.core.reports import Malformed, Payload
from leasehold.ports.ledger import Accepted, Change, Existing, KeyConflict, Ledger, Repeated, Terms, Unknown
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.ledger_bench import ALL, LEASE, VALIDITY, LedgerBench, Moves, decided, no_messages, statuses

THREADS = 4


class LedgerSuite(BenchSuite):
    """Submit, dispatch, apply."""

    # -- submit --------------------------------------------------------------------------------------------------------

    def test_a_submitted_task_is_there_when_submit_returns(self, moves: Moves) -> None:
        """Due at once, with its arguments and the first line of its trail (S1)."""
        new = moves.new(arguments='{"source": "grüße.wav"}', batch="november", priority=3)
        assert moves.submit(new) == [Accepted(new.task.id)]
        view = moves.view(new.task.id)
        assert view.task == new.task._replace(
            why=view.task.why, status=Status.PENDING, version=1, updated_at=new.task.created_at
        )
        assert view.arguments == '{"source": "grüße.wav"}'
        assert moves.state(new.task.id) == "pending/due"
        assert moves.trail(new.task.id) == ["submitted"]

    def test_a_task_for_later_waits_for_its_time(self, moves: Moves) -> None:
        """It is scheduled, and not dispatched."""
        new = moves.new(delay=5_000)
        moves.submit(new)
        assert moves.state(new.task.id) == "pending/scheduled"
        assert moves.task(new.task.id).due_at == moves.ledger.now() + 5_000
        assert moves.dispatch() == []

    def test_arguments_may_lie_in_the_store(self, moves: Moves) -> None:
        """Then the ledger keeps their name, and gives it to who dispatches."""
        new = moves.new()._replace(arguments=None, arguments_ref="arguments/1", tenant="acme", trace="00-1-2-01")
        moves.submit(new)
        (outgoing,) = moves.dispatch()
        assert outgoing[1:] == (None, "arguments/1", "acme", "00-1-2-01")
        view = moves.view(new.task.id)
        assert (view.arguments_ref, view.tenant) == ("arguments/1", "acme")

    def test_a_key_is_taken_once(self, moves: Moves) -> None:
        """The same work again is the task that exists; other work under the same key is a conflict."""
        first = moves.new(key="a.wav", batch="november")
        again = moves.new(key="a.wav", batch="november")
        other = moves.new(key="a.wav", batch="november", arguments='{"source": "b.wav"}')
        moves.submit(first)
        assert moves.submit(again, other) == [Existing(first.task.id, Status.PENDING), KeyConflict(first.task.id)]
        assert moves.views.task(again.task.id) is None
        assert moves.views.task(other.task.id) is None

    @pytest.mark.parametrize("key", ["a", None])
    def test_the_same_tasks_once_more_are_accepted_and_not_written_twice(self, moves: Moves, key: str | None) -> None:
        """The first submit's answer was lost; its caller says the same again."""
        new = [moves.new(key=key), moves.new(key=key and "b")]
        first = moves.ledger.submit(new)
        assert moves.ledger.submit(new) == first == [Accepted(each.task.id) for each in new]
        assert {task.id for chunk in moves.views.scan() for task in chunk} == {each.task.id for each in new}
        moves.assert_accounted_for()

    def test_a_key_is_taken_once_within_one_submit_too(self, moves: Moves) -> None:
        """The first of them gets it."""
        first, again = moves.new(key="k"), moves.new(key="k")
        other = moves.new(key="k", arguments="{}")
        assert moves.submit(first, again, other) == [
            Accepted(first.task.id),
            Existing(first.task.id, Status.PENDING),
            KeyConflict(first.task.id),
        ]

    def test_a_key_belongs_to_a_handler_and_a_batch(self, moves: Moves) -> None:
        """In another of either it is free; no batch is one too."""
        new = [
            moves.new(key="k"),
            moves.new(key="k", name="convert"),
            moves.new(key="k", batch="november"),
            moves.new(key="k", batch="december"),
        ]
        assert moves.submit(*new) == [Accepted(each.task.id) for each in new]

    def test_who_has_a_key_says_how_it_stands(self, moves: Moves) -> None:
        """So that a rerun knows what is done."""
        first = moves.new(key="k")
        moves.submit(first)
        moves.dispatch()
        moves.complete(first.task.id)
        assert moves.submit(moves.new(key="k")) == [Existing(first.task.id, Status.COMPLETED)]

    def test_a_thousand_tasks_in_one_submit(self, moves: Moves) -> None:
        """Of several handlers, queues and batches, in one transaction."""
        new = [moves.new(name=f"h{i % 3}", queue=f"q{i % 2}", batch=f"b{i % 5}", key=str(i)) for i in range(1_000)]
        assert moves.submit(*new) == [Accepted(each.task.id) for each in new]
        assert sum(cell.tasks for cell in moves.views.counts(queue="q1")) == 500
        assert moves.submit() == []
        moves.assert_accounted_for()

    # -- dispatch ------------------------------------------------------------------------------------------------------

    def test_a_dispatch_gives_the_next_number_and_fixes_its_terms(self, moves: Moves) -> None:
        """Number, validity and the end of silence are committed before anything is sent."""
        (task_id,) = moves.given()
        (outgoing,) = moves.dispatch()
        now = moves.ledger.now()
        assert outgoing.task == moves.task(task_id)
        assert (outgoing.task.n, outgoing.task.open, outgoing.task.not_after) == (1, True, now + VALIDITY)
        assert outgoing.task.void_at == now + VALIDITY + LEASE + 5_000
        assert moves.trail(task_id) == ["submitted", "dispatched"]
        assert moves.dispatch() == []

    def test_the_highest_priority_goes_first_then_the_oldest(self, moves: Moves) -> None:
        """Within one transaction and from one to the next."""
        new = [moves.new(priority=priority) for priority in (0, 5, 0, 9, 5)]
        moves.submit(*new)
        first, second = moves.dispatch(limit=3), moves.dispatch(limit=3)
        assert [outgoing.task.id for outgoing in (*first, *second)] == [new[i].task.id for i in (3, 1, 4, 0, 2)]

    def test_a_dispatch_takes_from_its_own_queue_alone(self, moves: Moves) -> None:
        """Whatever waits elsewhere."""
        moves.given(2, queue="other")
        (mine,) = moves.given(1, queue="mine")
        assert [outgoing.task.id for outgoing in moves.dispatch("mine")] == [mine]

    def test_a_paused_queue_gives_nothing_until_it_is_resumed(self, moves: Moves) -> None:
        """Also one that has never held a task."""
        moves.ledger.pause("default", paused=True, by="ada")
        moves.given()
        assert moves.dispatch() == []
        moves.ledger.pause("default", paused=False, by="ada")
        assert len(moves.dispatch()) == 1

    def test_a_paused_queue_is_dispatched_by_whoever_has_it_alone(self, moves: Moves) -> None:
        """What is asked for despite the pause goes out; the pause stays."""
        (mine,) = moves.given()
        moves.ledger.pause("default", paused=True, by="ada")
        despite = Terms(VALIDITY, despite_pause=True)
        assert [each.task.id for each in moves.ledger.dispatch("default", 1, despite, no_messages, None)] == [mine]
        moves.given()
        assert moves.dispatch() == []

    def test_dispatchers_at_once_never_share_a_task(self, moves: Moves, bench: LedgerBench) -> None:
        """Every task goes out once, by whichever comes first."""
        ids = moves.given(200)

        def drain(ledger: Ledger) -> list[str]:
            taken: list[str] = []
            while outgoing := ledger.dispatch("default", 7, Terms(VALIDITY), no_messages, None):
                taken += [each.task.id for each in outgoing]
            return taken

        with ThreadPoolExecutor(THREADS) as pool:
            taken = [task_id for part in pool.map(drain, [bench.another() for _ in range(THREADS)]) for task_id in part]
        assert sorted(taken) == sorted(ids)

    # -- apply ---------------------------------------------------------------------------------------------------------

    def test_changes_of_one_task_are_folded_in_turn(self, moves: Moves) -> None:
        """In one transaction, each on top of the one before it."""
        (task_id,) = moves.out()
        answers = moves.apply(task_id, moves.started(), moves.completed(), moves.completed())
        assert decided(answers) == [True, True, False]
        assert statuses(answers) == [Status.IN_PROGRESS, Status.COMPLETED]
        assert moves.trail(task_id) == ["submitted", "dispatched", "started", "completed"]
        assert moves.state(task_id) == "completed"

    def test_there_is_one_answer_per_change_in_their_order(self, moves: Moves) -> None:
        """Also where tasks alternate, or are not known."""
        a, b = moves.out(2)
        answers = moves.ledger.apply(
            [
                Change(b, moves.started()),
                Change("0190-no-such-task", moves.started()),
                Change(a, moves.started()),
                Change(b, moves.completed()),
                Change(b, moves.started()),
            ]
        )
        assert [type(answer) for answer in answers] == [Decision, Unknown, Decision, Decision, Ignored]
        assert [answer.task.id for answer in answers if isinstance(answer, Decision)] == [b, a, b]
        assert moves.ledger.apply([]) == []

    def test_a_status_id_applies_once(self, moves: Moves) -> None:
        """Whether it comes again later, or twice at once (S7)."""
        (task_id,) = moves.out()
        release = Released(moves.run(), moves.ledger.now(), "notice")
        change = Change(task_id, release, "status-1")
        assert decided(moves.ledger.apply([change])) == [True]
        assert moves.ledger.apply([change]) == [Repeated("status-1")]
        twice = Change(task_id, moves.started(1, 2), "status-2")
        assert moves.ledger.apply([twice, twice, change])[1:] == [Repeated("status-2"), Repeated("status-1")]
        assert moves.trail(task_id) == ["submitted", "dispatched", "released", "started"]

    def test_the_winning_result_is_kept_for_ever(self, moves: Moves) -> None:
        """A later success changes nothing (S5)."""
        (task_id,) = moves.out()
        moves.complete(task_id, '"first"')
        late = Change(task_id, moves.completed(1, 2), payload=Payload(result='"second"'))
        assert decided(moves.ledger.apply([late])) == [False]
        assert moves.view(task_id).result == '"first"'

    def test_a_large_result_is_a_reference(self, moves: Moves) -> None:
        """Its text is in the store."""
        (task_id,) = moves.out()
        moves.ledger.apply([Change(task_id, moves.completed(), payload=Payload(result_ref="results/1"))])
        assert (moves.view(task_id).result, moves.view(task_id).result_ref) == (None, "results/1")

    def test_a_result_that_comes_after_a_cancellation_is_not_the_tasks(self, moves: Moves) -> None:
        """The task stays cancelled, without a result; the run is told of all the same."""
        (task_id,) = moves.out()
        moves.apply(task_id, moves.started(), Cancelled("ada", "not needed"))
        moves.complete(task_id)
        assert moves.state(task_id) == "cancelled"
        assert moves.view(task_id).result is None
        assert [run.outcome for run in moves.views.runs(task_id)] == ["completed"]

    def test_every_field_of_a_task_comes_back(self, moves: Moves) -> None:
        """What the rules decided is what is read, also what only the rules care about."""
        (task_id,) = moves.out()
        moves.apply(task_id, moves.started(1, 1), moves.started(1, 2), moves.failed(1, 2, for_good=False))
        moves.bench.let_pass(10)
        answers = moves.apply(task_id, Cancelled("ada"), Retried("bob", "again"))
        last = answers[-1]
        assert isinstance(last, Decision)
        assert moves.task(task_id) == last.task

    def test_what_is_charged_comes_back(self, moves: Moves) -> None:
        """A run that fell silent is remembered by name, so that its late end can be refunded."""
        (task_id,) = moves.out()
        moves.apply(task_id, moves.started(1, 1), moves.started(1, 2))
        assert (moves.task(task_id).charged, moves.task(task_id).losses) == (("run-1.1",), 1)
        moves.apply(task_id, Released(moves.run(1, 1), moves.ledger.now()))
        assert (moves.task(task_id).charged, moves.task(task_id).losses) == ((), 0)

    def test_what_is_learned_of_a_run_adds_up(self, moves: Moves) -> None:
        """A later report fills in what an earlier one left open, and takes nothing back."""
        (task_id,) = moves.out()
        moves.apply(task_id, moves.started())
        moves.apply(task_id, Progressed(moves.run(), 0.25, "quarter"), Progressed(moves.run(), 0.5, None))
        moves.apply(task_id, Draining(moves.run()))
        (run,) = moves.views.runs(task_id)
        assert (run.fraction, run.note, run.worker, run.ended_at) == (0.5, "quarter", "i-1/boot", None)
        assert (moves.view(task_id).fraction, moves.view(task_id).note) == (0.5, "quarter")
        moves.complete(task_id)
        (run,) = moves.views.runs(task_id)
        assert (run.outcome, run.fraction, run.ended_at) == ("completed", 0.5, moves.ledger.now())

    @pytest.mark.parametrize("at_once", [True, False])
    def test_when_a_run_began_is_what_was_known_first(self, moves: Moves, *, at_once: bool) -> None:
        """Every report tells it as an age, on another message: it would move by some ms each time."""
        (task_id,) = moves.out()
        began = moves.run().started_at
        reports = [moves.started(), Progressed(moves.run()._replace(started_at=began + 7), 0.5)]
        for together in [reports] if at_once else [[each] for each in reports]:
            moves.apply(task_id, *together)
        (run,) = moves.views.runs(task_id)
        assert (run.started_at, run.fraction) == (began, 0.5)

    def test_a_runs_log_is_kept_with_it(self, moves: Moves) -> None:
        """Also of a run whose report changes nothing."""
        (task_id,) = moves.out()
        logged = Payload(log="hello\nworld", log_bytes=11)
        moves.ledger.apply([Change(task_id, moves.completed(), payload=logged._replace(result="1"))])
        moves.ledger.apply([Change(task_id, moves.failed(1, 2), payload=Payload(log_ref="logs/2", log_bytes=99_999))])
        first, second = moves.views.runs(task_id)
        assert (first.log, first.log_ref, first.log_bytes) == ("hello\nworld", None, 11)
        assert (second.log, second.log_ref, second.log_bytes) == (None, "logs/2", 99_999)

    def test_damaged_messages_are_kept_once(self, moves: Moves) -> None:
        """With the changes that came along, or alone; a message that is recorded again is the same one."""
        damaged = Malformed("status", "d1", "{{{", "it is no JSON")
        other = Malformed("status", "d2", "[]", "it is no object")
        (task_id,) = moves.out()
        moves.ledger.apply([Change(task_id, moves.started())], [damaged])
        moves.ledger.apply([], [damaged, other])
        assert [message for _, message in moves.views.quarantine()] == [other, damaged]

    def test_recorders_at_once_lose_nothing(self, moves: Moves, bench: LedgerBench) -> None:
        """Each change is applied on top of the others, whoever applies it."""
        ids = moves.out(40)

        def record(ledger: Ledger, r: int) -> None:
            for task_id in ids:
                ledger.apply([Change(task_id, moves.started(1, r), f"{task_id}-{r}")])

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(record, [bench.another() for _ in range(THREADS)], range(1, THREADS + 1)))
        assert {moves.task(task_id).r for task_id in ids} == {THREADS}
        assert {len(moves.views.runs(task_id)) for task_id in ids} == {THREADS}
        moves.assert_accounted_for()

    def test_a_dispatched_task_may_go_out_again_once_it_is_closed(self, moves: Moves) -> None:
        """With the next number, and in its old place in the line."""
        first, second = moves.given(2)
        moves.dispatch(limit=1)
        moves.apply(first, Released(moves.run(), moves.ledger.now(), deleted=True))
        assert [(each.task.id, each.task.n) for each in moves.dispatch(limit=ALL)] == [(first, 2), (second, 1)]
