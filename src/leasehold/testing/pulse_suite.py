"""What the glance at every ledger owes, as tests. See ``ledger_suite`` for how to run it."""

from __future__ import annotations

from leasehold.core.events import Cancelled, Due, Expired, Lapsed, Retried
from leasehold.core.happening import Happened, by_queue, histogram
from leasehold.core.model import Why
from leasehold.core.reports import Malformed
from leasehold.ports.pulse import Waiting
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.ledger_bench import LEASE, VALIDITY, Moves


class PulseSuite(BenchSuite):
    """What has happened, what waits longest, what the clock owes."""

    def test_the_pulse_of_an_empty_ledger_is_still(self, moves: Moves) -> None:
        """Nothing happened, nothing waits."""
        pulse = moves.views.pulse()
        assert pulse.now == moves.ledger.now()
        assert [list(pulse.happened), list(pulse.waiting)] == [[], []]
        assert (pulse.overrun, pulse.owed, pulse.owed_since, pulse.unfolded, pulse.quarantined) == (0, 0, None, 0, 0)

    def test_what_happens_is_counted_for_good_by_queue(self, moves: Moves) -> None:
        """An outcome that is taken back has been an outcome; folding changes nothing."""
        done, failed, cancelled, lapsed = moves.out(4)
        moves.complete(done)
        moves.apply(failed, moves.failed(), Retried("ada"))
        moves.apply(cancelled, Cancelled("ada"))
        moves.apply(lapsed, moves.started())
        moves.bench.let_pass(LEASE)
        moves.apply(lapsed, Lapsed())
        (other,) = moves.out(queue="media")
        moves.apply(other, Expired(1, 1))
        counted = by_queue(moves.views.pulse().happened)
        assert counted == {
            "default": {
                "started": 3,
                "ended completed": 1,
                "ended failed": 1,
                "ended cancelled": 1,
                "retried": 1,
                "lost lapsed": 1,
            },
            "media": {"expired": 1},
        }
        assert moves.views.pulse().unfolded > 0
        moves.ledger.fold_counters()
        assert by_queue(moves.views.pulse().happened) == counted
        assert moves.views.pulse().unfolded == 0
        moves.assert_accounted_for()

    def test_durations_that_are_noted_are_kept_for_good(self, moves: Moves) -> None:
        """By queue, added up."""
        noted = [Happened("default", "waited up to 10", 2), Happened("default", "waited ms", 9)]
        moves.ledger.note_requests([], noted)
        moves.ledger.note_requests([], noted[:1])
        moves.ledger.fold_counters()
        found = histogram(by_queue(moves.views.pulse().happened)["default"], "waited")
        assert (found.steps[0], found.times, found.ms) == (4, 4, 9)
        assert moves.views.counts() == []
        assert moves.views.queues() == []

    def test_the_longest_wait_is_counted_from_the_submit(self, moves: Moves) -> None:
        """Of each queue and reason; priority changes nothing in who waits longest."""
        begun = moves.ledger.now()
        moves.given(1, queue="media")
        moves.bench.let_pass(10)
        moves.submit(moves.new(queue="media", priority=7))
        moves.out(1)
        moves.submit(moves.new(delay=1_000))
        assert set(moves.views.pulse().waiting) == {
            Waiting("media", Why.DUE, begun),
            Waiting("default", Why.QUEUED, begun + 10),
            Waiting("default", Why.SCHEDULED, begun + 10),
        }

    def test_a_delay_is_no_wait_until_the_task_goes_out_again(self, moves: Moves) -> None:
        """Or a queue of tasks that are submitted a day ahead would always look stuck."""
        begun = moves.ledger.now()
        new = moves.new(delay=1_000)
        task_id = new.task.id
        moves.submit(new)
        assert list(moves.views.pulse().waiting) == [Waiting("default", Why.SCHEDULED, begun)]
        moves.bench.let_pass(1_500)
        moves.apply(task_id, Due())
        assert list(moves.views.pulse().waiting) == [Waiting("default", Why.DUE, begun + 1_000)]
        moves.dispatch()
        assert list(moves.views.pulse().waiting) == [Waiting("default", Why.QUEUED, begun + 1_000)]
        moves.apply(task_id, Expired(1, 1))
        assert list(moves.views.pulse().waiting) == [Waiting("default", Why.DUE, begun)]
        moves.dispatch()
        assert list(moves.views.pulse().waiting) == [Waiting("default", Why.QUEUED, begun)]

    def test_what_the_clock_owes_is_counted_until_it_is_done(self, moves: Moves) -> None:
        """Leases that are over, dispatches that are void, delays that have passed."""
        running, _ = moves.out(2)
        moves.apply(running, moves.started())
        moves.submit(moves.new(delay=LEASE - 1))
        assert moves.views.pulse().owed == 0
        begun = moves.ledger.now()
        moves.bench.let_pass(LEASE)
        pulse = moves.views.pulse()
        assert (pulse.overrun, pulse.owed, pulse.owed_since) == (1, 2, begun + LEASE - 1)
        moves.apply(running, Lapsed())
        moves.bench.let_pass(2 * VALIDITY)
        assert moves.views.pulse().overrun == 0
        assert moves.views.pulse().owed == 3

    def test_messages_in_quarantine_are_counted(self, moves: Moves) -> None:
        """As many as are kept."""
        moves.ledger.apply([], [Malformed("status", "0" * 64, "{", "no JSON")])
        assert moves.views.pulse().quarantined == 1
