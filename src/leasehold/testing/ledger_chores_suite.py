"""What every ledger owes beside moving tasks, as tests: alarms, counters, forgetting, secrets."""

from __future__ import annotations

from leasehold.core.events import Draining, Due, Expired, Lapsed, Recalled, Released, Started, Voided
from leasehold.core.metering import Action, Count, Tally
from leasehold.core.model import Decision
from leasehold.core.reports import Malformed
from leasehold.core.units import HOUR
from leasehold.ports.ledger import Change, Flight, Gone, Need, Repeated
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.ledger_bench import LEASE, VALIDITY, LedgerBench, Moves


def held_by(moves: Moves, *names: str, ahead: int = 0) -> set[str]:
    """The tasks that these machines hold."""
    return {task.id for task in moves.ledger.held_by(names, ahead=ahead, limit=100)}


class LedgerChoresSuite(BenchSuite):
    """Everything of the write side but submit, dispatch and apply."""

    # -- machines that are gone (R13) --------------------------------------------------------------------------------

    def test_who_is_gone_is_remembered_for_a_day(self, moves: Moves) -> None:
        """The first word counts; told twice, by two orchestrators or by a repeated message, nothing changes."""
        first = Gone("i-1", moves.ledger.now(), "state: terminated")
        moves.ledger.note_gone([first, Gone("i-2/7-a", first.at, "ada")])
        moves.bench.let_pass(1_000)
        moves.ledger.note_gone([Gone("i-1", moves.ledger.now(), "again")])
        assert moves.ledger.gone() == [first, Gone("i-2/7-a", first.at, "ada")]
        moves.bench.let_pass(26 * HOUR)
        assert moves.ledger.gone() == []
        moves.ledger.note_gone([Gone("i-3", moves.ledger.now(), "state: terminated")])
        assert [each.name for each in moves.ledger.gone()] == ["i-3"]

    def test_what_the_workers_of_a_machine_run_is_found_by_its_name(self, moves: Moves) -> None:
        """Of that machine and no other, whatever the other is called; or of one worker alone."""
        names = ("i-1/5-a", "i-1/6-b", "i-1", "i-10/5-a", "i-1-/5-a", "i-1.x/5-a", "i-0/5-a", "j")
        ids = dict(zip(names, moves.out(len(names)), strict=True))
        for name, task_id in ids.items():
            moves.apply(task_id, Started(moves.run(worker=name)))
        assert held_by(moves, "i-1") == {ids["i-1/5-a"], ids["i-1/6-b"], ids["i-1"]}
        assert held_by(moves, "i-1/5-a") == {ids["i-1/5-a"]}
        assert held_by(moves, "i-10", "j") == {ids["i-10/5-a"], ids["j"]}
        assert held_by(moves, "nobody") == held_by(moves) == set()
        assert len(moves.ledger.held_by(["i-1", "i-10"], ahead=0, limit=2)) == 2
        (found,) = moves.ledger.held_by(["i-10"], ahead=0, limit=9)
        assert found == moves.task(ids["i-10/5-a"])

    def test_only_what_might_be_recalled_is_found(self, moves: Moves) -> None:
        """Nothing that is draining, has ended, lapsed, or whose lease is nearly over."""
        running, draining, done, released, recalled = moves.out(5)
        for task_id in (running, draining, done, released, recalled):
            moves.apply(task_id, moves.started())
        run = moves.run()
        moves.apply(draining, Draining(run))
        moves.complete(done)
        moves.apply(released, Released(run, run.started_at))
        moves.apply(recalled, Recalled(run.run_id))
        assert held_by(moves, "i-1") == {running}
        moves.bench.let_pass(LEASE - 5_000)
        assert held_by(moves, "i-1", ahead=5_000) == {running}
        moves.bench.let_pass(1)
        assert held_by(moves, "i-1", ahead=5_000) == set()

    # -- alarms --------------------------------------------------------------------------------------------------------

    def test_the_scheduler_is_told_when_a_task_is_due(self, moves: Moves) -> None:
        """At its instant, not before; and nothing once it is due."""
        new = moves.new(delay=5_000)
        moves.submit(new)
        moves.bench.let_pass(4_999)
        assert moves.ledger.alarms(Need.SCHEDULER, 10) == []
        moves.bench.let_pass(1)
        assert moves.ledger.alarms(Need.SCHEDULER, 10) == [(new.task.id, Due())]
        assert moves.ledger.alarms(Need.SWEEPER, 10) == []
        moves.apply(new.task.id, Due())
        assert moves.ledger.alarms(Need.SCHEDULER, 10) == []
        assert moves.state(new.task.id) == "pending/due"

    def test_the_sweeper_is_told_of_leases_that_ran_out(self, moves: Moves) -> None:
        """And then of the silence after them."""
        (task_id,) = moves.out()
        moves.apply(task_id, moves.started())
        moves.bench.let_pass(LEASE - 1)
        assert moves.ledger.alarms(Need.SWEEPER, 10) == []
        moves.bench.let_pass(1)
        assert moves.ledger.alarms(Need.SWEEPER, 10) == [(task_id, Lapsed())]
        assert moves.ledger.alarms(Need.SCHEDULER, 10) == []
        moves.apply(task_id, Lapsed())
        assert moves.ledger.alarms(Need.SWEEPER, 10) == []
        moves.bench.let_pass(VALIDITY + 5_000)
        assert moves.ledger.alarms(Need.SWEEPER, 10) == [(task_id, Voided())]

    def test_the_sweeper_is_told_of_messages_that_nobody_speaks_of(self, moves: Moves) -> None:
        """Once nobody may start them and nobody can be running them."""
        (task_id,) = moves.out()
        moves.bench.let_pass(VALIDITY + LEASE + 5_000)
        assert moves.ledger.alarms(Need.SWEEPER, 10) == [(task_id, Voided())]
        moves.apply(task_id, Voided())
        assert moves.state(task_id) == "pending/due"

    def test_a_finished_task_is_owed_nothing(self, moves: Moves) -> None:
        """However long it is finished."""
        done, broken = moves.out(2)
        moves.complete(done)
        moves.apply(broken, moves.failed())
        moves.bench.let_pass(10 * (VALIDITY + LEASE))
        assert moves.ledger.alarms(Need.SWEEPER, 10) == []

    def test_the_oldest_debt_is_told_first_up_to_a_limit(self, moves: Moves) -> None:
        """So that nobody waits for ever."""
        new = [moves.new(delay=delay) for delay in (3_000, 1_000, 2_000)]
        moves.submit(*new)
        moves.bench.let_pass(5_000)
        assert [task_id for task_id, _ in moves.ledger.alarms(Need.SCHEDULER, 2)] == [new[1].task.id, new[2].task.id]

    # -- counters ------------------------------------------------------------------------------------------------------

    def test_a_flight_says_how_full_a_queue_is(self, moves: Moves) -> None:
        """Every state that a message can be in, and what has happened so far."""
        assert moves.ledger.flights() == {}
        due, lapsed, running, done = moves.given(4)
        for task_id in (lapsed, running, done):
            assert task_id
        moves.given(1, queue="other")
        moves.dispatch(limit=3)
        moves.ledger.pause("other", paused=True, by="ada")
        moves.apply(due, Expired(1, 1))
        moves.apply(lapsed, moves.started())
        moves.bench.let_pass(LEASE)
        moves.apply(lapsed, Lapsed())
        moves.apply(running, moves.started())
        assert moves.ledger.flights() == {
            "default": Flight(due=2, queued=0, in_progress=1, lapsed=1, paused=False, started=2, expired=1),
            "other": Flight(due=1, queued=0, in_progress=0, lapsed=0, paused=True, started=0, expired=0),
        }

    def test_a_queue_whose_tasks_have_all_ended_has_no_flight(self, moves: Moves) -> None:
        """There is nothing to dispatch from it."""
        (task_id,) = moves.out()
        assert list(moves.ledger.flights()) == ["default"]
        moves.complete(task_id)
        assert moves.ledger.flights() == {}

    def test_folding_changes_no_count(self, moves: Moves) -> None:
        """It only makes them cheaper to read."""
        ids = moves.out(5, batch="november")
        moves.complete(ids[0])
        before = sorted(moves.views.counts()), moves.ledger.flights()
        assert moves.ledger.fold_counters() > 0
        assert (sorted(moves.views.counts()), moves.ledger.flights()) == before
        assert moves.ledger.fold_counters() == 0
        moves.complete(ids[1])
        assert moves.ledger.fold_counters() > 0
        moves.assert_accounted_for()

    # -- requests to queues --------------------------------------------------------------------------------------------

    def test_requests_are_added_up_by_hour_queue_and_action(self, moves: Moves) -> None:
        """Whoever counted them, and whether they are folded yet or not."""
        moves.given()
        ledger, now = moves.ledger, moves.ledger.now()
        sent, old = Count(0, "tasks:default", Action.SEND, Tally(2, 5, 0, 1, 20)), now - 3 * HOUR
        ledger.note_requests([sent, Count(0, "status", Action.RECEIVE, Tally(3, 3, 3)), sent._replace(age=3 * HOUR)])
        moves.bench.another().note_requests([sent])
        before = moves.views.requests(0, now + HOUR)
        assert [(each.queue, each.action, each.tally) for each in before] == [
            ("status", Action.RECEIVE, Tally(3, 3, 3)),
            ("tasks:default", Action.SEND, Tally(6, 15, 0, 3, 60)),
        ]
        assert before[1].hour == old // HOUR * HOUR
        assert ledger.fold_requests(0) == 4
        assert ledger.fold_requests(0) == 0
        assert moves.views.requests(0, now + HOUR) == before
        assert [each.tally.requests for each in moves.views.requests(0, now - HOUR)] == [2]

    def test_requests_of_long_ago_are_forgotten(self, moves: Moves) -> None:
        """An hour at a time."""
        moves.given()
        sent, now = Count(0, "tasks:default", Action.SEND, Tally(1, 1)), moves.ledger.now()
        moves.ledger.note_requests([sent, sent._replace(age=9 * HOUR)])
        moves.ledger.fold_requests(now - 8 * HOUR)
        assert [each.tally for each in moves.views.requests(0, now + HOUR)] == [Tally(1, 1)]

    def test_requests_to_queues_that_never_held_a_task_are_counted_together(self, moves: Moves) -> None:
        """Or whoever may report could fill the ledger with names."""
        moves.given()
        moves.ledger.note_requests(
            [Count(0, name, Action.SEND, Tally(1, 1)) for name in ("tasks:default", "dead", "tasks:nobody", "x")]
        )
        before = moves.views.requests(0, moves.ledger.now() + HOUR)
        moves.ledger.fold_requests(0)
        found = moves.views.requests(0, moves.ledger.now() + HOUR)
        assert {each.queue: each.tally.requests for each in found} == {"tasks:default": 1, "dead": 1, "unknown": 2}
        assert before == found, "whoever looked before the fold would count them twice"

    # -- the house -----------------------------------------------------------------------------------------------------

    def test_old_status_ids_are_forgotten_a_limit_at_a_time(self, moves: Moves) -> None:
        """The others are still known."""
        (task_id,) = moves.out()
        moves.ledger.apply([Change(task_id, moves.started(), f"old-{i}") for i in range(3)])
        moves.bench.let_pass(1_000)
        moves.ledger.apply([Change(task_id, moves.started(), "new")])
        now = moves.ledger.now()
        assert [moves.ledger.prune(now, 2), moves.ledger.prune(now, 2), moves.ledger.prune(now, 2)] == [2, 1, 0]
        old, new = moves.ledger.apply(
            [Change(task_id, moves.started(), "old-1"), Change(task_id, moves.started(), "new")]
        )
        assert not isinstance(old, Repeated | Decision)
        assert new == Repeated("new")

    def test_of_damaged_messages_the_newest_are_kept(self, moves: Moves) -> None:
        """A stranger who sends them without end fills no disk."""
        moves.ledger.apply([], [Malformed("status", f"{i:064}", "x", "no JSON") for i in range(10_002)])
        moves.ledger.prune(0, 10)
        kept = [message.digest for _, message in moves.views.quarantine(limit=10_100)]
        assert len(kept) == 10_000
        assert kept[-1] == f"{2:064}"

    def test_a_secret_is_made_once(self, moves: Moves, bench: LedgerBench) -> None:
        """Whoever asks, from wherever."""
        key = moves.ledger.secret("capability")
        assert isinstance(key, bytes)
        assert len(key) == 32
        assert bench.another().secret("capability") == key
        assert moves.ledger.secret("other") != key
