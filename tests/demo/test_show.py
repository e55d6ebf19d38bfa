"""The course of the demo: when it no longer waits."""

from __future__ import annotations

from leasehold.demo.history import Look
from leasehold.demo.show import Stillness


def test_only_a_stretch_without_any_news_counts_however_long_the_whole_takes() -> None:
    now = [1_000.0]
    stillness = Stillness(lambda: now[0])
    told: list[float] = []
    for seconds, completed in ((200, 0), (200, 1), (200, 2), (100, 2), (100, 2), (0, 3)):
        now[0] += seconds
        told.append(stillness.after(Look({"completed": completed, "pending": 3 - completed}, [], [])))
    assert told == [0, 0, 0, 100, 200, 0]
