"""What is surely recorded (R13): by the looks of one recorder, which does not see what another one holds."""

from __future__ import annotations

from leasehold.flow.horizon import ROUNDING, UNKNOWN, Horizon
from leasehold.ports.queue import Delivery, Received
from leasehold.testing.clock import ManualClock

SPAN = 20_000


def made() -> tuple[Horizon, ManualClock]:
    clock = ManualClock()
    return Horizon(clock, span=SPAN, patience=2_000), clock


def look(horizon: Horizon, clock: ManualClock, *ages: int, took: int = 0) -> None:
    horizon.looking(0)
    clock.advance(took)
    now = clock.now()
    horizon.looked(Received([Delivery("m", "", "r", 1, now - age) for age in ages], now))


def looks(horizon: Horizon, clock: ManualClock, seconds: int, *ages: int) -> None:
    for _ in range(seconds):
        clock.advance(1_000)
        look(horizon, clock, *ages)


def test_nothing_is_known_before_it_has_looked_for_as_long_as_another_may_hold_a_report() -> None:
    horizon, clock = made()
    assert horizon.heard() == UNKNOWN
    look(horizon, clock)
    looks(horizon, clock, 19)
    assert horizon.heard() == UNKNOWN
    looks(horizon, clock, 1)
    assert horizon.heard() == clock.boot() - SPAN


def test_an_old_report_holds_it_back_until_it_is_out_of_sight() -> None:
    horizon, clock = made()
    looks(horizon, clock, 30)
    clock.advance(1_000)
    look(horizon, clock, 50, 45_000)
    assert horizon.heard() == clock.boot() - 45_000 - ROUNDING
    looks(horizon, clock, 20)
    assert horizon.heard() == clock.boot() - SPAN - 45_000 - ROUNDING
    looks(horizon, clock, 1)
    assert horizon.heard() == clock.boot() - SPAN


def test_a_long_look_vouches_for_its_beginning_only() -> None:
    horizon, clock = made()
    look(horizon, clock)
    look(horizon, clock, took=19_000)
    look(horizon, clock, took=2_000)
    assert horizon.heard() == clock.boot() - 21_000


def test_a_look_that_failed_makes_everything_doubtful_again() -> None:
    horizon, clock = made()
    looks(horizon, clock, 30)
    horizon.failed()
    assert horizon.heard() == UNKNOWN
    looks(horizon, clock, 20)
    assert horizon.heard() == UNKNOWN
    looks(horizon, clock, 1)
    assert horizon.heard() == clock.boot() - SPAN


def test_where_nobody_has_looked_for_long_nothing_is_known() -> None:
    horizon, clock = made()
    looks(horizon, clock, 30)
    clock.advance(SPAN + 1)
    assert horizon.heard() == UNKNOWN


def test_a_look_waits_no_longer_than_is_good_for_whoever_waits_for_it() -> None:
    horizon, _ = made()
    assert [horizon.looking(wait) for wait in (0, 500, 20_000)] == [0, 500, 2_000]
