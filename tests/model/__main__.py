"""python -m tests.model [NAME ...]: search these worlds (or all), and print what was found in each.

A world that lacks a rule ends with the story of how that goes wrong. ``PYTHONPATH=src:.`` must be set.
"""

from __future__ import annotations

import sys

from tests.model.broken import BROKEN
from tests.model.configurations import SOUND
from tests.model.search import Search


def main(names: list[str]) -> int:
    """0 if each world was found to be as it should be."""
    every = {each.name: each for each in (*SOUND, *BROKEN)}
    if unknown := [name for name in names if name not in every]:
        print(f"there is no world {', '.join(unknown)}; there are: {', '.join(every)}")
        return 2
    wrong, states, seconds = 0, 0, 0.0
    for name in names or every:
        found = Search(every[name]).run()
        print(found, *found.story, sep="\n", flush=True)
        wrong += found.broken != every[name].breaks
        states, seconds = states + found.states, seconds + found.seconds
    print(f"{len(names or every)} worlds, {states:,} states, {seconds:.0f} s, {wrong} not as they should be")
    return min(1, wrong)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
