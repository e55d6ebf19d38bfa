"""What a worker says of its runs, and when it lets go of their messages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.core.model import FailureKind
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import quarantined
from leasehold.flow.held import Entry, Fate
from leasehold.flow.lease import DRIFT
from leasehold.flow.outbox import GrantsAll
from leasehold.flow.worker import BACKLOG
from leasehold.ports.reports import Busy, Grant, StaleRun, Start
from leasehold.ports.slots import NEIGHBOUR, SIBLING
from leasehold.testing.clock import START, ManualClock
from tests.flow.node import MARGIN, Node
from tests.flow.scripted import BOOM, MINUTE, a_message, task_id

# ------------------------------------------------------------ outcomes, in their order


def test_a_success_is_reported_before_its_message_is_deleted() -> None:
    node = Node()
    node.running(a_message())
    node.slots.succeed(result='{"words":7}')
    node.work()
    assert node.journal == ["say completed", "delete"]
    assert node.outbox.said[0].result == '{"words":7}'


def test_a_failure_is_reported_once_its_message_is_deleted() -> None:
    node = Node()
    node.running(a_message())
    node.slots.fail()
    node.work()
    assert node.journal == ["delete", "say failed"]
    said = node.outbox.said[0]
    assert said.deleted
    assert said.failure is not None
    assert said.failure.message == "boom"


def test_what_was_stopped_by_no_fault_of_its_own_is_shown_again_and_said_to_be() -> None:
    node = Node()
    node.running(a_message())
    node.slots.yield_(cause=SIBLING)
    node.work()
    assert node.journal == ["show", "say released"]
    assert not node.outbox.said[0].deleted
    assert node.outbox.said[0].note == SIBLING
    assert node.queue.depth().visible == 1


def test_every_report_names_its_run_and_its_receive() -> None:
    node = Node()
    node.queue.put(a_message(n=3))
    node.turn()
    node.clock.advance(4_000)
    node.slots.succeed()
    node.work()
    started, completed = node.outbox.said
    assert started.run_id == completed.run_id
    assert started.status_id != completed.status_id
    assert (completed.n, completed.r, completed.began_boot, completed.ended_boot) == (3, 1, 0, 4_000)
    assert started.receipt is not None


def test_a_run_that_ended_is_forgotten_whatever_a_slot_still_says_of_it() -> None:
    node = Node()
    node.running(a_message())
    node.slots.tell(fraction=0.5)
    run_id = node.slots.run_of(1)
    node.slots.succeed()
    node.work()
    node.slots.jobs[run_id] = node.slots.handed_over[0]
    node.slots.tell(fraction=0.9)
    node.work()
    assert node.outbox.kinds() == ["completed"]


# ------------------------------------------------------------ starting


def test_a_run_must_be_over_a_margin_before_its_lease_and_begin_while_that_is_useful() -> None:
    node = Node()
    node.queue.put(a_message())
    node.turn()
    (job,) = node.slots.handed_over
    assert job.deadline_boot == MINUTE - MINUTE // DRIFT - MARGIN
    assert job.start_by_boot == job.deadline_boot - (MINUTE - MARGIN) // 4


def test_and_not_after_its_validity() -> None:
    node = Node()
    node.queue.put(a_message(not_after=START + 30_000))
    node.turn()
    assert node.slots.handed_over[0].start_by_boot == 29_000


def test_what_could_not_begin_in_time_is_given_back() -> None:
    node = Node(places=1)
    node.slots.starting = False
    node.queue.put(a_message())
    node.turn()
    node.slots.starting = True
    node.clock.advance(50_000)
    node.turn()
    assert node.outbox.kinds() == ["released"]
    assert node.journal == ["show", "say released"]


def test_what_waited_for_a_place_until_others_would_do_better_is_taken_back_and_given_back() -> None:
    node = Node(places=1)
    node.slots.starting = False
    node.queue.put(a_message())
    node.turn()
    node.clock.advance(12_001)
    node.worker.step()
    node.work()
    assert node.slots.stops == [(node.slots.handed_over[0].run_id, "no slot became free soon enough")]
    assert node.journal == ["show", "say released"]


def test_what_began_after_a_long_wait_is_not_stopped_for_having_waited() -> None:
    """Its claim was answered late, but in time: it begins at once, and the worker has not heard of that yet."""

    class SlowClaims(GrantsAll):
        def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
            clock.advance(12_001)
            return super().claim(starts)

    node = Node(claims=SlowClaims(), clock=(clock := ManualClock()))
    node.running(a_message())
    assert node.slots.stops == []
    node.slots.succeed()
    node.work()
    assert node.journal == ["say completed", "delete"]


def test_or_dropped_if_by_then_nobody_may_start_it() -> None:
    node = Node(places=1)
    node.slots.starting = False
    node.queue.put(a_message(not_after=START + 30_000))
    node.turn()
    node.slots.starting = True
    node.clock.advance(50_000)
    node.work()
    assert node.journal == ["delete", "say expired"]


def test_a_run_whose_beginning_was_told_is_released_though_nobody_may_start_it_any_more() -> None:
    """A slot may take back what it has just said to begin; only an end of that run spares the task its lease."""
    node = Node(places=1)
    node.running(a_message(not_after=START + 30_000))
    node.clock.advance(31_000)
    node.slots.unbegin()
    node.work()
    assert node.journal == ["delete", "say released"]
    assert node.outbox.said[0].deleted


@pytest.mark.parametrize("lease", [MARGIN, MARGIN + 6])
def test_a_lease_that_leaves_nothing_here_is_refused_not_passed_round(lease: int) -> None:
    """Six milliseconds are less than what a slow clock may lose and what makes a start worth while."""
    node = Node()
    node.queue.put(a_message(lease=lease))
    node.turn()
    assert node.journal[-2:] == ["delete", "say refused"]
    assert node.outbox.said[0].note == "its lease of 5 s leaves nothing on w1, whose margin is 5 s"


def test_neighbours_of_an_unexplained_death_run_alone_next_time() -> None:
    node = Node(places=3)
    node.running(a_message(1), a_message(2))
    node.slots.yield_(1, cause=NEIGHBOUR)
    node.slots.yield_(2, cause=NEIGHBOUR)
    node.turn()
    node.queue.put(a_message(3))
    node.turn()
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(1)]
    node.slots.succeed(1)
    node.turn(2)
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(2)]
    node.slots.succeed(2)
    node.turn(2)
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(3)]


def test_it_begins_alone_too_only_when_everybody_else_has_ended() -> None:
    node = Node(places=3)
    node.running(a_message(1), a_message(2))
    node.slots.yield_(1, cause=NEIGHBOUR)
    node.turn(2)
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(2)]
    node.slots.succeed(2)
    node.turn()
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(1)]


def test_once_it_has_run_alone_it_may_have_company_again() -> None:
    node = Node(places=2)
    node.running(a_message(1))
    node.slots.yield_(1, cause=NEIGHBOUR)
    node.turn(2)
    node.slots.fail(1)
    node.work()
    node.queue.put(a_message(1, n=2), a_message(2))
    node.turn()
    assert len(node.slots.jobs) == 2


# ------------------------------------------------------------ progress


def test_progress_is_reported_at_most_once_a_second_per_run() -> None:
    node = Node()
    node.running(a_message(1), a_message(2))
    for _ in range(5):
        node.slots.tell(1, fraction=0.1)
        node.slots.tell(2, fraction=0.2)
        node.work()
    assert (node.outbox.kinds(1), node.outbox.kinds(2)) == (["progressed"], ["progressed"])
    node.clock.advance(1_000)
    node.slots.tell(1, fraction=0.5, note="half")
    node.work()
    assert node.outbox.kinds(1) == ["progressed"] * 2
    assert (node.outbox.said[-1].fraction, node.outbox.said[-1].note) == (0.5, "half")


def test_a_checkpoint_that_tells_no_progress_reports_none() -> None:
    node = Node()
    node.running(a_message())
    node.slots.save()
    node.slots.save(fraction=0.5)
    node.work()
    assert [update.fraction for update in node.outbox.said] == [0.5]


# ------------------------------------------------------------ room


def test_room_shrinks_at_once_by_what_was_given_before_the_next_step() -> None:
    node = Node(places=2)
    node.queue.put(*(a_message(number) for number in range(1, 6)))
    node.intake.step()
    assert node.worker.room() == 0
    node.intake.step()
    assert node.queue.depth().in_flight == 2


def test_nothing_is_received_while_thousands_of_reports_wait() -> None:
    node = Node(places=1)
    waiting = Entry(quarantined("tasks", "?", "no JSON"), Fate.STAY)
    node.reporter.add(*[waiting] * BACKLOG)
    assert node.worker.room() == 1
    node.reporter.add(waiting)
    assert node.worker.room() == 0


def test_who_waits_for_room_is_woken_when_a_run_ends() -> None:
    node = Node(places=1, fetch_ahead=0)
    node.running(a_message())
    assert node.worker.room() == 0
    node.slots.succeed()
    node.work()
    node.worker.wait_for_room(600_000)  # returns at once, or the test hangs
    assert node.worker.room() == 1


def test_how_a_run_failed_travels_as_it_was_found() -> None:
    node = Node()
    node.running(a_message())
    node.slots.fail(failure=BOOM._replace(kind=FailureKind.LEASE), unrecoverable=True)
    node.work()
    said = node.outbox.last(UpdateKind.FAILED)
    assert said.failure is not None
    assert (said.failure.kind, said.unrecoverable) == (FailureKind.LEASE, True)
