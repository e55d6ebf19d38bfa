"""R2: nothing is fetched that will not start soon, and what was fetched in error is given back in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.backends import BILLED, LOCAL
from leasehold.flow.lease import SOON, Ahead
from leasehold.flow.pace import LATELY, REMEMBERED, Pace
from tests.flow.node import Node
from tests.flow.scripted import MINUTE, a_message, task_id

# ------------------------------------------------------------ the estimate


def test_nothing_is_known_of_what_never_ran() -> None:
    assert Pace(Ahead(100)).ahead(slots=4) == 0
    assert not Pace(Ahead(100)).short("work")


def test_short_runs_are_fetched_ahead_as_far_as_the_lease_allows() -> None:
    pace = Pace(Ahead(100))
    pace.ran("work", 1_000, MINUTE)
    assert pace.ahead(slots=4) == 20  # 4 slots, 5 s of waiting, 1 s each


def test_where_a_receive_costs_little_no_worker_takes_what_another_could_begin_at_once() -> None:
    """One worker that fetched seconds of work ahead ran a small batch alone."""
    pace = Pace(LOCAL.fetch_ahead)
    pace.ran("work", 50, 30 * MINUTE)
    assert pace.ahead(slots=1) == 10
    billed = Pace(BILLED.fetch_ahead)
    billed.ran("work", 50, 30 * MINUTE)
    assert billed.ahead(slots=1) == 20  # two full receives


def test_one_slow_run_raises_the_estimate_at_once_and_fast_ones_lower_it_slowly() -> None:
    pace = Pace(Ahead(100))
    pace.ran("work", 10, MINUTE)
    pace.ran("work", 30_000, MINUTE)
    assert pace.ahead(slots=4) == 0
    for _ in range(100):
        pace.ran("work", 10, MINUTE)
    assert pace.ahead(slots=4) == 100


def test_the_slowest_known_handler_decides_for_all() -> None:
    pace = Pace(Ahead(100))
    pace.ran("fast", 10, MINUTE)
    pace.ran("slow", 30_000, MINUTE)
    assert pace.ahead(slots=4) == 0


def test_the_shortest_lease_a_handler_was_given_counts() -> None:
    pace = Pace(Ahead(100))
    for lease in (10 * MINUTE, 20_000, 10 * MINUTE):
        pace.ran("work", 1_000, lease)
    assert pace.ahead(slots=1) == 2


def test_only_milliseconds_are_short_enough_to_stand_in_line() -> None:
    pace = Pace(Ahead(100))
    pace.ran("work", 20, MINUTE)
    pace.ran("longer", 21, MINUTE)
    assert pace.short("work")
    assert not pace.short("longer")


def test_handlers_long_unseen_are_forgotten() -> None:
    pace = Pace(Ahead(100))
    pace.ran("slow", 30_000, MINUTE)
    for number in range(REMEMBERED):
        pace.ran(f"fast{number}", 1, MINUTE)
    assert pace.ahead(slots=4) == 100


def test_a_slow_handler_that_comes_no_more_decides_nothing() -> None:
    """One run of half an hour must not keep a worker from fetching ahead until it is restarted."""
    pace = Pace(Ahead(100))
    pace.ran("slow", 30 * MINUTE, 40 * MINUTE)
    for _ in range(LATELY - 1):
        pace.ran("fast", 10, MINUTE)
    assert pace.ahead(slots=4) == 0
    pace.ran("fast", 10, MINUTE)
    assert pace.ahead(slots=4) == 100


def test_nothing_waits_longer_than_seconds_however_long_the_lease() -> None:
    pace = Pace(Ahead(100))
    pace.ran("work", 1_000, 12 * 60 * MINUTE)
    assert pace.ahead(slots=4) == 20


def test_slots_that_cannot_be_counted_on_fetch_nothing() -> None:
    pace = Pace(Ahead(100))
    pace.ran("work", 1_000, MINUTE)
    assert pace.ahead(slots=1) == 5
    assert pace.ahead(slots=0) == 0


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=50), st.integers(1, 16))
def test_the_estimate_is_never_below_the_last_run(durations: list[int], slots: int) -> None:
    pace = Pace(Ahead(1_000))
    for duration in durations:
        pace.ran("work", duration, MINUTE)
    assert pace.ahead(slots) * max(durations[-1], 1) <= slots * MINUTE / 10


# ------------------------------------------------------------ the worker that goes by it


def measured(node: Node, duration: int = 1_000) -> Node:
    """A node that has seen one run of this duration."""
    node.queue.put(a_message(99))
    node.turn()
    node.clock.advance(duration)
    node.slots.succeed(99)
    node.work()
    return node


def test_an_unmeasured_worker_receives_for_its_free_slots_only() -> None:
    node = Node(places=2)
    assert node.worker.room() == 2


def test_a_measured_one_fetches_ahead() -> None:
    node = measured(Node(places=2))
    assert node.worker.room() == 2 + 10


def test_but_never_beyond_its_ceiling() -> None:
    node = measured(Node(places=2, fetch_ahead=5))
    assert node.worker.room() == 2 + 5


def test_what_waits_ready_takes_room() -> None:
    node = measured(Node(places=2))
    node.queue.put(*(a_message(number) for number in range(1, 8)))
    node.turn()
    assert len(node.slots.jobs) == 2
    assert node.worker.room() == 10 - 5


def test_less_than_half_the_room_is_not_worth_a_request_while_all_slots_are_busy() -> None:
    node = measured(Node(places=2))
    node.queue.put(*(a_message(number) for number in range(1, 10)))
    node.turn()
    assert node.worker.room() == 0


def test_but_a_free_slot_is_never_left_waiting_for_it() -> None:
    node = Node(places=3, fetch_ahead=0)
    node.queue.put(a_message(1), a_message(2))
    node.turn()
    assert node.worker.room() == 1
    node.slots.succeed(1)
    node.work()
    assert node.worker.room() == 2


def test_a_suddenly_slow_handler_gives_back_what_waits_behind_it() -> None:
    node = measured(Node(places=1))
    node.queue.put(*(a_message(number) for number in range(1, 4)))
    node.turn()
    assert len(node.slots.jobs) == 1
    node.clock.advance(6_000)
    node.work()
    assert node.queue.depth().visible == 0  # a tenth of a lease may be waited
    node.clock.advance(1)
    node.work()
    assert node.queue.depth().visible == 2
    assert (node.outbox.kinds(2), node.outbox.kinds(3)) == (["released"], ["released"])
    assert len(node.slots.jobs) == 1


def test_what_waits_behind_a_slow_run_under_a_long_lease_waits_for_seconds_not_for_minutes() -> None:
    node = measured(Node(places=1))
    node.queue.put(*(a_message(number, lease=40 * MINUTE) for number in range(1, 4)))
    node.turn()
    node.clock.advance(2 * SOON)
    node.work()
    assert node.queue.depth().visible == 0
    node.clock.advance(1)
    node.work()
    assert node.queue.depth().visible == 2


def test_and_is_not_fetched_again_while_that_run_is_under_way() -> None:
    """Its measure is still that of before: given back and received again, a message would be worn out in a minute."""
    node = measured(Node(places=2), duration=10)
    node.queue.put(*(a_message(number) for number in range(1, 9)))
    node.turn()
    assert node.worker.room() > 0
    node.clock.advance(SOON // 2 + 1)
    node.work()
    assert node.worker.room() == 0


def test_a_slot_that_goes_on_as_measured_still_fetches_ahead() -> None:
    node = measured(Node(places=2))
    node.queue.put(a_message(1))
    node.turn()
    node.clock.advance(SOON)
    node.queue.put(a_message(2))
    node.turn()
    assert len(node.slots.jobs) == 2
    assert node.worker.room() == 5


def test_and_fetches_nothing_more_while_it_is_slow() -> None:
    node = measured(Node(places=1))
    node.queue.put(a_message(1))
    node.turn()
    node.clock.advance(30_000)
    node.slots.succeed(1)
    node.work()
    assert node.worker.room() == 1


def test_short_runs_stand_in_line_at_the_slots() -> None:
    node = measured(Node(places=1), duration=10)
    node.queue.put(*(a_message(number) for number in range(1, 6)))
    node.turn()
    assert len(node.slots.handed_over) == 1 + 5
    assert len(node.slots.jobs) == 1


def test_longer_ones_wait_with_the_worker_where_a_drain_finds_them() -> None:
    node = measured(Node(places=1), duration=1_000)
    node.queue.put(*(a_message(number) for number in range(1, 6)))
    node.turn()
    assert len(node.slots.handed_over) == 1 + 1


@pytest.mark.parametrize("duration", [10, 1_000])
def test_reports_wait_for_others_while_more_tasks_wait_at_the_worker(duration: int) -> None:
    node = measured(Node(places=1, linger=10, backlogged=200), duration=duration)
    node.queue.put(a_message(1), a_message(2))
    node.turn()
    node.outbox.said.clear()
    node.clock.advance(199)
    node.reporter.step()
    assert not node.outbox.said
    node.slots.succeed(1)
    node.work()
    node.slots.succeed(2)
    node.work()
    assert node.outbox.kinds(1) == node.outbox.kinds(2) == ["completed"]


def test_what_stands_in_line_behind_a_slow_run_is_taken_back_in_time() -> None:
    node = measured(Node(places=1), duration=10)
    node.queue.put(a_message(1), a_message(2))
    node.turn()
    waiting = node.slots.handed_over[-1].run_id
    node.clock.advance(12_001)
    node.worker.step()
    node.work()
    assert [run_id for run_id, _ in node.slots.stops] == [waiting]
    assert node.outbox.kinds(2) == ["released"]
    assert node.slots.jobs[node.slots.run_of(1)].task_id == task_id(1)


def test_a_run_that_never_began_measures_nothing() -> None:
    node = Node(places=1)
    node.slots.starting = False
    node.queue.put(a_message(1))
    node.turn()
    node.clock.advance(50_000)
    node.slots.starting = True
    node.work()
    node.work()
    assert node.outbox.kinds(1) == ["released"]
    assert node.worker.room() == 1
