"""Real workers that are given a notice, or die with their machine: what they held runs elsewhere at once (R11, R13).

Their leases are 30 minutes, and what is waited for would never come without the one or the other.
"""

from __future__ import annotations

import pytest

from bench.departures import Departure, Fleet, fleet


def charged(departures: list[Departure]) -> list[tuple[int, int]]:
    return [(each.attempts, each.losses) for each in departures]


def leave(crowd: Fleet) -> None:
    """By a notice nothing is charged, by a death one loss."""
    assert charged(crowd.drained(2)) == [(0, 0)] * 2
    assert charged(crowd.recalled(2)) == [(0, 1)] * 2


@pytest.mark.timeout(600)
def test_what_workers_held_runs_elsewhere_after_a_notice_and_after_their_death() -> None:
    with fleet("file") as crowd:
        leave(crowd)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_the_same_on_sqs_where_workers_know_no_ledger() -> None:
    with fleet("file+sqs") as crowd:
        leave(crowd)
