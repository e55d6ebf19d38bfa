"""R1 and R6: a hold never outlives the queue's, a dispatch is never started after its validity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leasehold.flow.lease import (
    CLOCK_STEP,
    DRIFT,
    SOON,
    USEFUL,
    Ahead,
    Hold,
    anchored,
    held,
    prefetch,
    valid_until,
    wants_anchor,
)
from leasehold.flow.registry import check_lease, useful_minimum

MINUTE = 60_000
MILLION = 1_000_000
instants = st.integers(0, 10**9)
waits = st.integers(0, 20_000)
leases = st.integers(15_000, 43_195_000)


def test_a_lease_counts_from_before_the_receive() -> None:
    assert held(request_began=1_000, visibility=MINUTE).ends == 1_000 + MINUTE


@given(began=instants, visibility=leases, late=st.integers(0, 500))
def test_a_delete_counts_only_while_even_a_slow_clock_knows_that_it_was_in_time(
    began: int, visibility: int, late: int
) -> None:
    """A clock that loses up to 500 parts in a million reads the end of what is sure before the queue's end has come."""
    true_end = visibility
    hold = held(began, visibility)
    assert hold.surely - began <= true_end - true_end * late // 1_000_000
    assert hold.surely <= hold.ends


@given(began=instants, taken_after=waits, visibility=leases)
def test_a_hold_never_outlives_the_queues(began: int, taken_after: int, visibility: int) -> None:
    """The queue hides a message at some instant after the request began, however long the poll waited."""
    assert held(began, visibility).ends <= began + taken_after + visibility


@given(began=instants, poll=waits, way=waits, first=leases, lease=leases, done=st.booleans(), told=st.booleans())
def test_nor_after_one_change_of_visibility_whatever_is_known_of_it(
    began: int, poll: int, way: int, first: int, lease: int, done: bool, told: bool
) -> None:
    hold = held(began, first)
    asked = began + poll
    queue_hides_until = asked + way + lease if done else began + poll + first
    after = anchored(hold, lease, asked, confirmed=done and told)
    assert after.ends <= queue_hides_until


def test_a_confirmed_change_gives_the_whole_lease() -> None:
    assert anchored(Hold(0, MINUTE), 30 * MINUTE, 5_000, confirmed=True) == Hold(5_000, 30 * MINUTE)


def test_of_an_unknown_change_the_earlier_end_counts() -> None:
    longer, shorter = 30 * MINUTE, 8_000
    assert anchored(Hold(0, MINUTE), longer, 5_000, confirmed=False) == Hold(0, MINUTE)
    assert anchored(Hold(0, MINUTE), shorter, 5_000, confirmed=False) == Hold(5_000, shorter)


def test_a_message_is_anchored_when_its_lease_differs() -> None:
    assert wants_anchor(Hold(0, MINUTE), 30 * MINUTE, now=0)
    assert not wants_anchor(Hold(0, MINUTE), MINUTE, now=0)


def test_or_when_the_poll_ate_over_a_fifth_of_it() -> None:
    assert not wants_anchor(Hold(0, MINUTE), MINUTE, now=12_000)
    assert wants_anchor(Hold(0, MINUTE), MINUTE, now=12_001)


def test_a_run_is_over_a_margin_before_its_lease() -> None:
    assert Hold(1_000, MINUTE).deadline(margin=5_000) == 56_000 - MINUTE // DRIFT


@given(began=instants, lease=leases, slow=st.integers(0, 500), fast=st.integers(0, 499), margin=st.integers(0, 14_000))
def test_a_slow_clock_takes_nothing_from_the_margin(began: int, lease: int, slow: int, fast: int, margin: int) -> None:
    """This machine's clock loses up to 500 parts in a million, and the queue's gains as many; the lease is any."""
    shown_again = lease * MILLION // (MILLION + fast)
    deadline = held(began, lease).deadline(margin) - began
    assert deadline + margin <= shown_again - shown_again * slow // MILLION


@given(margin=st.integers(100, 3_600_000))
def test_no_lease_that_a_handler_may_have_is_too_short_on_a_worker_of_its_margin(margin: int) -> None:
    least = margin + useful_minimum(margin)
    check_lease("work", least, margin)
    assert not Hold(0, least).hopeless(least, margin)


@given(since=instants, span=leases, lease=leases, margin=st.integers(0, 14_000))
def test_what_may_start_has_a_quarter_of_its_promised_lease_before_it(
    since: int, span: int, lease: int, margin: int
) -> None:
    hold = Hold(since, span)
    left = hold.deadline(margin) - hold.useful_until(lease, margin)
    assert left <= USEFUL * (lease - margin) < left + 1


def test_a_short_hold_of_a_long_lease_is_of_no_use() -> None:
    """Its change of visibility was not confirmed: started, it would be killed, and charged, within a minute."""
    hold = Hold(0, MINUTE)
    assert hold.useful_until(30 * MINUTE, margin=5_000) < hold.since


@given(
    truth=st.integers(10**12, 2 * 10**12),
    began=instants,
    answered=waits,
    later=st.integers(0, 10**7),
    not_after=st.integers(-(10**6), 10**6),
)
def test_nothing_is_started_after_its_validity_whatever_the_clocks_say(
    truth: int, began: int, answered: int, later: int, not_after: int
) -> None:
    """The queue told its time, in whole seconds, at some instant between request and reply."""
    told = (truth + answered) - (truth + answered) % CLOCK_STEP
    limit = truth + not_after
    start = began + later
    if later >= answered and start <= valid_until(limit, told, began):
        assert truth + later <= limit


def test_validity_allows_for_a_clock_in_whole_seconds() -> None:
    assert valid_until(not_after=600_000, server_time=0, request_began=50) == 600_050 - CLOCK_STEP


def test_nothing_is_fetched_ahead_for_what_was_never_measured() -> None:
    assert prefetch(4, None, MINUTE, Ahead(100)) == 0


@given(
    slots=st.integers(1, 64),
    longest=st.integers(0, 10**7),
    lease=leases,
    limit=st.builds(Ahead, st.integers(0, 100), st.integers(0, SOON)),
)
def test_what_is_fetched_ahead_starts_within_a_tenth_of_the_lease_and_within_its_limit(
    slots: int, longest: int, lease: int, limit: Ahead
) -> None:
    ahead = prefetch(slots, longest, lease, limit)
    assert ahead <= limit.messages
    assert ahead * longest / slots <= min(lease / 10, limit.within)
