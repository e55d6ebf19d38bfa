"""The long search: ten thousand simulated worlds, and fifteen thousand more, in pieces that two workers share."""

from __future__ import annotations

import pytest

from leasehold.testing.simulator import simulate

PIECE = 500
SEEDS, ALL = 10_000, 25_000
FIRST = 1_000_000
"""Beyond the seeds of the runs on record."""


@pytest.mark.prove
@pytest.mark.parametrize(
    "first",
    [
        *range(FIRST, FIRST + SEEDS, PIECE),
        *(pytest.param(first, marks=pytest.mark.more) for first in range(FIRST + SEEDS, FIRST + ALL, PIECE)),
    ],
)
def test_in_many_worlds_every_law_holds_and_every_task_ends(first: int) -> None:
    stories = (simulate(seed) for seed in range(first, first + PIECE))
    assert [story.verdict for story in stories if story.violation is not None] == []
