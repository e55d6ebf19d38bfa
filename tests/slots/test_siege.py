"""S10 under attack: whatever runs do, and whatever becomes of the worker, nothing of them outlives its lease."""

from pathlib import Path

import pytest

from tests.slots.siege import FATES, MARGIN, besiege

ROUNDS, FEW = 16, 4
"""Of each fate: over 1,000 runs that are still there at their deadline, and what `make prove` has of them."""
pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within
WIDE = 5_000
"""ms of margin where other tests keep the machine busy: who is alive then has got away."""
EACH = [
    pytest.param(fate, seed, marks=[pytest.mark.more] if seed > FEW else [])
    for fate in FATES
    for seed in range(1, ROUNDS + 1)
]


def check(fate: str, seed: int, folder: Path, margin: int) -> None:
    seen = besiege(fate, seed, folder, margin)
    assert seen["survivors"] == []
    assert [run for run in seen["runs"] if run["to_lease_end"] >= 0] == []
    unseen = [run for run in seen["runs"] if not run["processes"]]
    assert [run for run in unseen if run["end"] is None] == [], "what was over before anyone looked has ended"
    assert sum(run["overran"] for run in seen["runs"]) >= (5 if fate == "killed" else 15), seen
    assert not [run for run in seen["runs"] if run["end"] == "Returned"]


@pytest.mark.parametrize("fate", ["alive"])  # the others take long, and `make prove` has them all
def test_nothing_outlives_its_lease_whatever_it_does(tmp_path: Path, fate: str) -> None:
    check(fate, 0, tmp_path, WIDE)


@pytest.mark.prove
@pytest.mark.parametrize(("fate", "seed"), EACH)
def test_nothing_outlives_the_least_margin_whatever_it_does(tmp_path: Path, fate: str, seed: int) -> None:
    check(fate, seed, tmp_path, MARGIN)
