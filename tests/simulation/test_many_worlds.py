"""The long search: twenty-five thousand simulated worlds, in pieces that two workers share."""

from __future__ import annotations

import os

import pytest

from leasehold.testing.simulator import simulate

PIECE = 500
SEEDS = int(os.environ.get("LEASEHOLD_SEEDS", "25000"))
FIRST = 1_000_000
"""Beyond the seeds of the runs on record."""


@pytest.mark.prove
@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, PIECE))
def test_in_many_worlds_every_law_holds_and_every_task_ends(first: int) -> None:
    stories = (simulate(seed) for seed in range(first, first + PIECE))
    assert [story.verdict for story in stories if story.violation is not None] == []
