"""Adds up sieges for ``docs/records/leash.md``: ``python -m tests.slots.tally [ROUNDS]``; two at a time."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from tests.slots.siege import FATES, besiege

ROUNDS = 16
AT_ONCE = 2


def siege(fate: str, seed: int) -> dict[str, Any]:
    """One of them."""
    with TemporaryDirectory() as folder:
        return besiege(fate, seed, Path(folder))


def p99(values: list[int]) -> int:
    """The value that one in a hundred exceeds."""
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def row(fate: str, sieges: list[dict[str, Any]]) -> str:
    """What one fate of the worker came to."""
    runs = [run for one in sieges for run in one["runs"]]
    late = [run["to_lease_end"] for run in runs if run["overran"]]
    alive = sum(run["to_lease_end"] >= 0 for run in runs)
    stood = max(run["stood"] for run in runs)
    processes = sum(run["processes"] for run in runs)
    return f"| {fate} | {len(runs)} | {len(late)} | {processes} | {alive} | {-p99(late)}, {-max(late)} | {stood} |"


def main(rounds: int) -> None:
    began = monotonic()
    each = [(fate, seed) for seed in range(1, rounds + 1) for fate in FATES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda one: siege(*one), each))
    print(
        "| worker | runs | there at the deadline | processes | runs alive past the lease "
        "| ms to spare: p99, least | most ms that the machine stood still |"
    )
    print("|---|---|---|---|---|---|---|")
    for fate in FATES:
        print(row(fate, [one for one in seen if one["fate"] == fate]))
    overruns = Counter(run["attack"] for one in seen for run in one["runs"] if run["overran"])
    print(f"\n{sum(overruns.values())} overruns in {monotonic() - began:.0f} s: {dict(overruns.most_common())}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
