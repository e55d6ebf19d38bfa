"""The machine's clock, and the one that a test turns."""

from __future__ import annotations

import time

import pytest

from leasehold.adapters.clock import SLEEPLESS, SystemClock
from leasehold.testing.clock import ManualClock


def test_the_wall_clock_is_in_ms_since_the_epoch() -> None:
    before = time.time_ns() // 1_000_000
    now = SystemClock().now()
    assert before <= now <= time.time_ns() // 1_000_000


def test_the_boot_clock_is_the_one_that_counts_suspension() -> None:
    before = time.clock_gettime_ns(SLEEPLESS) // 1_000_000
    boot = SystemClock().boot()
    assert before <= boot <= time.clock_gettime_ns(SLEEPLESS) // 1_000_000
    assert getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC) == SLEEPLESS


def test_a_manual_clock_stands_still_until_it_is_turned() -> None:
    clock = ManualClock(now=1_000, boot=10)
    assert (clock.now(), clock.boot()) == (clock.now(), clock.boot()) == (1_000, 10)
    clock.advance(5)
    assert (clock.now(), clock.boot()) == (1_005, 15)


def test_setting_the_wall_clock_lets_no_time_pass() -> None:
    clock = ManualClock(now=1_000, boot=10)
    clock.jump(-300)
    assert (clock.now(), clock.boot()) == (700, 10)


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="use jump"):
        ManualClock().advance(-1)
