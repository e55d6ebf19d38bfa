"""S10 under attack: whatever runs do, and whatever becomes of the worker, nothing of them outlives its lease."""

from pathlib import Path

import pytest

from tests.slots.siege import FATES, besiege

ROUNDS, FEW = 16, 4
"""Of each fate: over 1,000 runs that are still there at their deadline, and what `make prove` has of them."""
pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within
EACH = [
    pytest.param(fate, seed, marks=[pytest.mark.more] if seed > FEW else [])
    for fate in FATES
    for seed in range(1, ROUNDS + 1)
]


def check(fate: str, seed: int, folder: Path) -> None:
    """A run may be late by what the machine stood still after it was to be killed, and by nothing else."""
    seen = besiege(fate, seed, folder)
    assert seen["survivors"] == [], "these got away"
    late = [run for run in seen["runs"] if run["to_lease_end"] >= run["stood"]]
    assert not late, f"alive past the lease, for longer than the machine stood still: {late}"
    unseen = [run for run in seen["runs"] if not run["processes"]]
    untold = [run for run in unseen if run["end"] is None]
    assert not untold, f"nobody saw a process of these, and nobody heard of their end: {untold}"
    overran = sum(run["overran"] for run in seen["runs"])
    assert overran >= (5 if fate == "killed" else 15), f"only {overran} were there at their deadline: {seen}"
    returned = [run for run in seen["runs"] if run["end"] == "Returned"]
    assert not returned, f"no attack returns: {returned}"


@pytest.mark.parametrize("fate", ["alive"])  # the others take long, and `make prove` has them all
def test_nothing_outlives_its_lease_whatever_it_does(tmp_path: Path, fate: str) -> None:
    check(fate, 0, tmp_path)


@pytest.mark.prove
@pytest.mark.parametrize(("fate", "seed"), EACH)
def test_nothing_outlives_the_least_margin_whatever_it_does(tmp_path: Path, fate: str, seed: int) -> None:
    check(fate, seed, tmp_path)
