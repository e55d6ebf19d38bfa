"""Python's collector of cycles, in processes that serve."""

from __future__ import annotations

import gc

COLLECTED_AFTER = 50_000
"""Objects after which it looks for cycles among the newest. It is 700 by itself: less than one transaction makes."""


def spare() -> None:
    """Let it look seldom: what is loaded stays, and what comes and goes by the thousand makes hardly a cycle."""
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)
