"""R9: enough on the queue that no worker waits, and so little that nothing there expires or jumps the line."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.flow.window import IN_FLIGHT, SMALLEST, SURE, Window
from leasehold.ports.ledger import Flight

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
LARGEST = 10_000


def a_flight(**fields: int) -> Flight:
    return Flight(1_000_000, 0, 0, 0, paused=False, started=0, expired=0)._replace(**fields)


def a_window_at(size: int) -> Window:
    """A window that has seen ``size`` runs end in its first minute."""
    window = Window(LARGEST)
    window.room(a_flight(), 0)
    assert window.room(a_flight(started=size), MINUTE) == max(size, SMALLEST)
    return window


# ------------------------------------------------------------ its size


def test_it_begins_small() -> None:
    assert Window(LARGEST).room(a_flight(), 0) == SMALLEST


def test_what_is_queued_already_takes_its_room() -> None:
    assert Window(LARGEST).room(a_flight(queued=7), 0) == SMALLEST - 7
    assert Window(LARGEST).room(a_flight(queued=50), 0) == 0


def test_it_is_as_large_as_what_ends_in_a_minute() -> None:
    a_window_at(500)


def test_starts_that_nothing_has_ended_yet_do_not_count() -> None:
    """A fleet of 1,000 slots comes up: a thousand more messages would wait for half an hour, and expire."""
    window = Window(LARGEST)
    window.room(a_flight(), 0)
    assert window.room(a_flight(started=1_000, in_progress=1_000), SECOND) == 250


def test_it_forgets_what_ended_more_than_a_minute_ago() -> None:
    window = a_window_at(500)
    assert window.room(a_flight(started=500), 2 * MINUTE) == SMALLEST


def test_where_nobody_looked_for_longer_it_takes_a_minutes_share() -> None:
    window = Window(LARGEST)
    window.room(a_flight(), 0)
    assert window.room(a_flight(started=6_000), 10 * MINUTE) == 600


def test_it_is_never_larger_than_it_may_be() -> None:
    window = Window(200)
    window.room(a_flight(), 0)
    assert window.room(a_flight(started=50_000), MINUTE) == 200


def test_it_doubles_each_time_that_it_is_turned_over() -> None:
    window = Window(LARGEST)
    started, sizes = 0, list[int]()
    for at in range(0, 500, 50):
        room = window.room(a_flight(started=started), at)
        sizes.append(room)
        started += room
    assert sizes == [10, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]


def test_a_message_that_expired_halves_it_down_to_one() -> None:
    window = a_window_at(40)
    rooms = [window.room(a_flight(started=40, expired=expired), MINUTE) for expired in range(1, 8)]
    assert rooms == [20, 10, 5, 2, 1, 1, 1]


def test_many_that_expired_take_more_than_half_of_it() -> None:
    assert a_window_at(40).room(a_flight(started=40, expired=30), MINUTE) == 10


def test_what_had_expired_before_it_looked_says_nothing() -> None:
    assert Window(LARGEST).room(a_flight(expired=1_000), 0) == SMALLEST


def test_it_dares_twice_as_much_after_many_windows_without_one() -> None:
    window = Window(LARGEST)
    slow = a_flight(started=160, in_progress=160)
    assert window.room(slow, 0) == 40  # a quarter of what is in progress
    slow = slow._replace(expired=1)
    assert window.room(slow, HOUR) == 20
    assert window.room(slow._replace(started=160 + SURE * 20 - 1), 900 * HOUR) == 20
    assert window.room(slow._replace(started=160 + SURE * 20), 1_000 * HOUR) == 40


def test_no_more_than_the_queue_can_hide_is_in_flight() -> None:
    window = a_window_at(LARGEST)
    held = a_flight(started=LARGEST, in_progress=IN_FLIGHT - 300, lapsed=200)
    assert window.room(held._replace(started=held.in_progress + LARGEST), MINUTE) == 100
    assert window.room(held._replace(queued=500), MINUTE) == 0


flights = st.builds(
    Flight,
    due=st.integers(0, 10**6),
    queued=st.integers(0, 10**5),
    in_progress=st.integers(0, 10**5),
    lapsed=st.integers(0, 10**5),
    paused=st.just(value=False),
    started=st.integers(0, 10**9),
    expired=st.integers(0, 10**6),
)


@given(st.lists(st.tuples(flights, st.integers(0, 10**7)), min_size=1, max_size=30), st.integers(SMALLEST, LARGEST))
def test_whatever_it_is_told_one_message_may_always_wait_and_never_too_many(
    looks: list[tuple[Flight, int]], largest: int
) -> None:
    window, now = Window(largest), 0
    for flight, later in looks:
        now += later
        room = window.room(flight, now)
        assert 0 <= room <= max(0, largest - flight.queued)
        assert flight.queued + flight.lapsed + flight.in_progress + room <= max(
            IN_FLIGHT, flight.queued + flight.lapsed + flight.in_progress
        )
        if not flight.queued and flight.lapsed + flight.in_progress < IN_FLIGHT:
            assert room >= 1


# ------------------------------------------------------------ whole fleets


class Fleet:
    """Slots that take messages from a queue as they become free, and a dispatcher that looks now and then."""

    def __init__(self, slots: int, duration: Callable[[], int], *, look: int = SECOND, validity: int = 10 * MINUTE):
        self.window = Window(LARGEST)
        self.duration = duration
        self.look = look
        self.validity = validity
        self.now = 0
        self.free = slots
        self.ends: list[int] = []
        self.queue: deque[int] = deque()
        self.started = self.expired = self.at_once = self.idle = 0

    def go_on(self, ms: int) -> None:
        until = self.now + ms
        while self.now < until:
            self._dispatch()
            self.now += self.look
            while self.ends and self.ends[0] <= self.now:
                heapq.heappop(self.ends)
                self.free += 1
            self._take()

    def _dispatch(self) -> None:
        flight = a_flight(
            queued=len(self.queue), in_progress=len(self.ends), started=self.started, expired=self.expired
        )
        room = self.window.room(flight, self.now)
        self.queue.extend([self.now + self.validity] * room)
        self._take()

    def _take(self) -> None:
        before = self.expired
        while self.free and self.queue:
            if self.queue.popleft() < self.now:
                self.expired += 1
                continue
            self.free -= 1
            self.started += 1
            heapq.heappush(self.ends, self.now + self.duration())
        self.at_once = max(self.at_once, self.expired - before)
        self.idle += self.free * self.look


def lasting(ms: int) -> Callable[[], int]:
    return lambda: ms


def around(ms: int) -> Callable[[], int]:
    random = Random(1)
    return lambda: int(ms * random.uniform(0.7, 1.3))


@pytest.mark.parametrize("duration", [around(30 * MINUTE), lasting(30 * MINUTE)])
def test_half_hour_tasks_do_not_expire_wholesale(duration: Callable[[], int]) -> None:
    """Ten wait for four slots at first, and six of them in vain; from then on the one that waits for a new worker."""
    fleet = Fleet(4, duration, look=5 * SECOND)
    fleet.go_on(2 * HOUR)
    assert fleet.expired <= 2 * SMALLEST
    learnt, fleet.at_once = fleet.expired, 0
    fleet.go_on(48 * HOUR)
    assert fleet.started > 380
    assert fleet.at_once <= 2
    assert fleet.expired - learnt < 50 * HOUR / (20 * MINUTE)
    assert fleet.idle < 0.01 * 4 * 50 * HOUR


def test_nor_in_a_large_fleet_that_comes_up_at_once() -> None:
    fleet = Fleet(1_000, around(30 * MINUTE))
    fleet.go_on(12 * HOUR)
    assert fleet.started > 20_000
    assert fleet.expired <= fleet.started * 0.02


def test_five_minute_tasks_hardly_expire_at_all() -> None:
    fleet = Fleet(4, around(5 * MINUTE))
    fleet.go_on(24 * HOUR)
    assert fleet.started > 1_000
    assert fleet.expired <= fleet.started * 0.02


@pytest.mark.parametrize(("slots", "duration"), [(4, 10), (64, 1_000), (1_000, 60_000)])
def test_short_tasks_ramp_up_within_seconds(slots: int, duration: int) -> None:
    fleet = Fleet(slots, lasting(duration), look=50)
    fleet.go_on(60 * SECOND)
    ramp = fleet.started
    fleet.idle = 0
    fleet.go_on(60 * SECOND)
    full = slots * 60 * SECOND // max(duration, fleet.look)
    assert ramp > full * 0.6
    assert fleet.started - ramp > full * 0.95
    assert fleet.expired == 0


@pytest.mark.parametrize(("slots", "duration"), [(200, 1_000), (2_000, 60_000)])
def test_when_nobody_was_there_for_a_while_it_is_its_old_size_again_within_a_minute(slots: int, duration: int) -> None:
    """A deployment stops every worker for a quarter of an hour: all that waited on the queue has expired then."""
    fleet = Fleet(slots, around(duration), look=500)
    fleet.go_on(3 * MINUTE)
    before = fleet.started
    fleet.go_on(MINUTE)
    rate = fleet.started - before
    waiting = len(fleet.queue)
    fleet.now += 15 * MINUTE
    fleet.ends.clear()
    fleet.free = slots
    fleet.go_on(MINUTE)
    assert fleet.expired >= waiting // 2 > 100
    before = fleet.started
    fleet.go_on(MINUTE)
    assert fleet.started - before > 0.9 * rate


def test_starts_that_are_rare_do_not_make_it_grow_sooner() -> None:
    """Seven within a minute may be chance: a window of one that is started each time says nothing about two."""
    window = Window(LARGEST)
    slow = a_flight(started=160, in_progress=160)
    window.room(slow, 0)
    slow = slow._replace(expired=1)
    assert window.room(slow, HOUR) == 20
    for minute in range(1, 20):
        slow = slow._replace(started=slow.started + 19)
        assert window.room(slow, HOUR + minute * (MINUTE + 1)) == 20


def test_a_window_turned_over_within_a_minute_doubles_at_once() -> None:
    window = Window(LARGEST)
    slow = a_flight(started=160, in_progress=160)
    window.room(slow, 0)
    slow = slow._replace(expired=1)
    assert window.room(slow, HOUR) == 20
    assert window.room(slow._replace(started=160 + 19), HOUR + MINUTE) == 20
    assert window.room(slow._replace(started=160 + 20), HOUR + MINUTE) == 40


def test_it_recovers_when_long_tasks_give_way_to_short_ones() -> None:
    fleet = Fleet(8, around(40 * MINUTE))
    fleet.go_on(12 * HOUR)
    assert fleet.expired > 0
    fleet.duration = lasting(100)
    fleet.go_on(2 * HOUR)
    before = fleet.started
    fleet.look = 100
    fleet.go_on(5 * MINUTE)
    assert fleet.started - before > 8 * 5 * MINUTE // 100 * 0.9
