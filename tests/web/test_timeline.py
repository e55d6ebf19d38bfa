"""The runs of a task are drawn to scale."""

from __future__ import annotations

import pytest

from leasehold.core.model import Failure, FailureKind
from leasehold.ports.views import RunView
from leasehold.web.pages.timeline import THINNEST, Bar, how, timeline

NOW = 1_000_000


def run(started: int | None, ended: int | None = None, *, lost: int | None = None, lease: int | None = None) -> RunView:
    """A run, with instants in ms after the first."""
    outcome = None if ended is None else "completed"
    return RunView(
        *("task", 1, 1, "run", "worker"), started, lease, ended, outcome, lost, None, None, None, None, None, 0
    )


def bars(*runs: RunView) -> list[Bar]:
    drawn = timeline(runs, NOW)
    assert drawn is not None
    return list(drawn.bars)


def test_of_a_thousand_runs_the_last_are_drawn() -> None:
    drawn = bars(*(run(nth, nth + 1) for nth in range(1_000)))
    assert [bar.number for bar in drawn] == list(range(901, 1_001))
    assert (drawn[0].left, drawn[-1].number) == (0.0, 1_000)


def test_a_bar_is_as_long_as_its_run_and_stands_where_it_began() -> None:
    first, second = bars(run(1_000, 2_000), run(3_000, 5_000))
    assert (first.left, first.width, first.took) == (0.0, 25.0, 1_000)
    assert (second.left, second.width, second.took) == (50.0, 50.0, 2_000)


def test_a_run_that_goes_on_reaches_to_now() -> None:
    (only,) = bars(run(NOW - 500))
    assert (only.ending, only.width, only.took) == ("going on", 100.0, None)


def test_a_lost_run_reaches_to_when_that_was_noticed() -> None:
    lost, after = bars(run(0, lost=600), run(700, 1_000))
    assert (lost.ending, lost.width, lost.took) == ("lost", 60.0, None)
    assert after.left == 70.0
    assert "Nothing more was heard" in how(lost.run)


def test_a_lease_is_cut_where_the_drawing_ends() -> None:
    (only,) = bars(run(0, 1_000, lease=1_800_000))
    assert only.lease == 100.0


@pytest.mark.parametrize("instants", [(0, 0), (999_999, 1_000_000), (5, 5)])
def test_the_shortest_run_is_seen_and_nothing_leaves_the_drawing(instants: tuple[int, int]) -> None:
    for bar in bars(run(0, 1_000_000), run(*instants)):
        assert bar.width >= THINNEST
        assert bar.left >= 0
        assert bar.left + bar.width <= 100.001


def test_marks_are_few_and_what_people_count_by() -> None:
    drawn = timeline([run(0, 95_000)], NOW)
    assert drawn is not None
    assert [words for _, words in drawn.marks] == ["start", "+30 s", "+1 min", "+1 min 30 s"]
    assert [place for place, _ in drawn.marks] == [0.0, 31.58, 63.16, 94.74]


def test_what_has_not_begun_is_not_drawn() -> None:
    assert timeline([], NOW) is None
    assert timeline([run(None)], NOW) is None


def test_it_is_said_how_a_run_died() -> None:
    def died(kind: FailureKind, exit_code: int | None = None, signal: int | None = None) -> str:
        broke = Failure(kind, "Error", "it broke", exit_code=exit_code, signal=signal)
        return how(run(0, 1)._replace(failure=broke))

    assert died(FailureKind.EXCEPTION) == "Error: it broke"
    assert died(FailureKind.SIGNAL, signal=9) == "Error: it broke (its process was killed by signal 9)"
    assert died(FailureKind.EXIT, exit_code=3) == "Error: it broke (its process ended with exit code 3)"
    assert died(FailureKind.LEASE) == "Error: it broke (it ran into the end of its lease)"
