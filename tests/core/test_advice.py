"""Which lease a handler needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.advice import LONGEST_LEASE, Advice, Measured, Verdict, advise, percentile, rounded
from leasehold.core.units import HOUR, MINUTE, SECOND

MARGIN = 16 * SECOND
LEAST = 4 * MARGIN


def of(durations: list[int], lease: int, stopped: int = 0, bundle: int = 1) -> Advice:
    return advise(Measured(durations, lease, stopped, bundle=bundle), MARGIN, LEAST)


def test_the_advice_is_twice_the_99th_percentile_and_the_margin() -> None:
    advice = of([MINUTE] * 98 + [5 * MINUTE] * 2, 12 * MINUTE)
    assert (advice.p50, advice.p95, advice.p99, advice.longest) == (MINUTE, MINUTE, 5 * MINUTE, 5 * MINUTE)
    assert advice.lease == 15 * MINUTE
    assert advice.verdict is Verdict.SHORT
    assert "12 min leaves little room: set 15 min" in advice.sentence


def test_or_a_quarter_more_than_the_longest_run() -> None:
    assert of([MINUTE] * 999 + [40 * MINUTE], HOUR).lease == HOUR


def test_a_bundle_needs_room_for_all_of_its_runs() -> None:
    runs = [SECOND] * 50
    assert of(runs, 5 * MINUTE).lease == of(runs, 5 * MINUTE, bundle=10).lease == 1.5 * MINUTE
    advice = of(runs, 5 * MINUTE, bundle=100)
    assert (advice.lease, advice.verdict) == (6 * MINUTE, Verdict.SHORT)
    assert of([MINUTE] * 50, HOUR, bundle=1).lease == of([MINUTE] * 50, HOUR).lease


def test_a_lease_that_fits_is_left_alone() -> None:
    assert of([MINUTE] * 50, 5 * MINUTE).verdict is Verdict.FITS


def test_a_long_lease_only_delays_what_died_in_silence() -> None:
    advice = of([MINUTE] * 50, 2 * HOUR)
    assert advice.verdict is Verdict.LONG
    assert "2 h" in advice.sentence


def test_where_runs_were_stopped_nobody_knows_how_long_they_are() -> None:
    advice = of([MINUTE], 10 * MINUTE, stopped=3)
    assert (advice.lease, advice.verdict) == (20 * MINUTE, Verdict.SHORT)
    assert "3 runs were stopped" in advice.sentence


def test_work_that_no_lease_is_long_enough_for_has_to_be_cut() -> None:
    advice = of([HOUR] * 30, LONGEST_LEASE, stopped=1)
    assert advice.lease == LONGEST_LEASE
    assert "cut the work into pieces" in advice.sentence


def test_a_few_runs_say_nothing() -> None:
    assert of([MINUTE] * 19, HOUR).verdict is Verdict.UNKNOWN
    advice = of([], HOUR)
    assert (advice.p50, advice.longest, advice.lease) == (None, None, None)
    assert of([], MINUTE, stopped=1).lease == 2 * MINUTE


def test_no_lease_is_advised_that_would_be_refused() -> None:
    assert of([1] * 100, LEAST).lease == 1.5 * MINUTE


@given(st.lists(st.integers(0, 1 << 40), min_size=1), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_one_of_them_that_so_many_do_not_exceed(values: list[int], share: int) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert found is not None
    assert sum(value <= found for value in ordered) * 100 >= share * len(ordered)


@pytest.mark.parametrize(("ms", "lease"), [(0, SECOND), (61 * SECOND, 90 * SECOND), (13 * HOUR, LONGEST_LEASE)])
def test_leases_are_rounded_up_to_what_people_write(ms: int, lease: int) -> None:
    assert rounded(ms) == lease
