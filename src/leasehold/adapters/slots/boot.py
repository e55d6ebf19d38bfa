"""The clock that counts suspension, and the shared words in which worker, guard and child leave each other notes.

The guard, a program of its own, has copies of these numbers; a test compares them.
"""

from __future__ import annotations

import mmap
import time
from typing import Final

CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""On macOS the monotonic clock counts suspension by itself."""
WORDS_BYTES: Final = 4_096

TERM_AT: Final = 0
KILL_AT: Final = 1
"""Words for the guard: when to ask and when to kill, in ms on ``CLOCK``; 0 = never."""
REVOKED: Final = 0
"""Word for the child: jobs up to this number must not begin any more, unless they have said so already."""
ANNOUNCED: Final = 1
"""Word for the child: the request to end is ours."""
BEGUN: Final = 2
"""Word of the child: no job beyond this number has begun. It counts where the child could not be heard."""


def boot() -> int:
    """Milliseconds on a clock that never jumps and counts suspension."""
    return time.clock_gettime_ns(CLOCK) // 1_000_000


def words(fd: int) -> memoryview:
    """The shared words behind ``fd``, as 64-bit integers."""
    return memoryview(mmap.mmap(fd, WORDS_BYTES)).cast("q")
