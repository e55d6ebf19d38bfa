"""How many of the spoken words were heard wrongly.

Word error rate as the field defines it: the fewest substitutions, insertions and deletions of words that turn what was
heard into what was said, over the number of words said. It can exceed 1: a recogniser may invent words.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Score(NamedTuple):
    """Errors among words said; scores add up, so that long recordings weigh more than short ones."""

    edits: int
    words: int

    @property
    def rate(self) -> float:
        """Errors per word said; where nothing was said, each word heard counts as one."""
        return self.edits / max(1, self.words)


def score(spoken: str, heard: str) -> Score:
    """Compare two texts word by word; case and white space do not count."""
    said = spoken.lower().split()
    return Score(edit_distance(said, heard.lower().split()), len(said))


def overall(scores: Iterable[Score]) -> Score:
    """Add up: all errors over all words said."""
    parts = list(scores)
    return Score(sum(part.edits for part in parts), sum(part.words for part in parts))


def edit_distance(said: list[str], heard: list[str]) -> int:
    """Count the fewest edits between two lists of words (Levenshtein), keeping one row of the table."""
    row = list(range(len(heard) + 1))
    for done, word in enumerate(said, 1):
        below = [done]
        for (diagonal, above), other in zip(pairwise(row), heard, strict=True):
            below.append(min(diagonal + (word != other), above + 1, below[-1] + 1))
        row = below
    return row[-1]
