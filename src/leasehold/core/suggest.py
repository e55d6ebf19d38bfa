"""What somebody who mistyped a name probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'worker_slots'?`` with its leading space, or nothing where no known word comes close.

    A word that is a part of exactly one known word counts as close too (``slots`` of ``worker_slots``).
    """
    words = {name.lower(): name for name in sorted(known)}
    lowered = word.lower()
    close = get_close_matches(lowered, words, n=1, cutoff=0.6) or [name for name in words if lowered in name]
    return f" Did you mean {words[close[0]]!r}?" if len(close) == 1 else ""
