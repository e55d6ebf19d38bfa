"""No loop stops silently: one that hangs in a step ends its process, so that whoever supervises it starts a new one.

Whatever the process held comes back when its lease ends; a process that only looks alive would keep it from that.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from threading import Timer, get_ident
from types import FrameType

from leasehold.core.units import say_duration
from leasehold.ports.clock import Clock

log = logging.getLogger("leasehold.watchdog")

LIMIT = 300_000
"""ms that one step may last: far above the longest poll with its time-outs and the longest transaction."""

LOOK = 10_000
"""ms between two looks."""

HUNG = 70
"""Exit code of a process that a watchdog ends (``EX_SOFTWARE``: a defect)."""

LAST_WORDS = 5
"""s that the message may take: what hangs may hold the log."""

FRAMES: Callable[[], Mapping[int, FrameType]] = vars(sys)["_current_frames"]
"""Where each thread is. The documented way to that, in spite of its name."""


class Beat:
    """The signs of life of one loop: ``go_on`` before each step and each rest, ``end`` when there will be no more."""

    __slots__ = ("count", "ended", "name", "thread")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.ended = False
        self.thread = 0

    def go_on(self) -> None:
        """The last thing is done, the next one begins."""
        if not self.count:
            self.thread = get_ident()
        self.count += 1

    def end(self) -> None:
        """Nothing more is to be expected."""
        self.ended = True


Die = Callable[[str, int], None]
"""What to do about a loop that hangs: its message, and the exit code."""


def end_process(message: str, code: int) -> None:
    """Say it and end this process at once: the thread that hangs would keep it from ending in good order."""
    forced = Timer(LAST_WORDS, os._exit, [code])
    forced.daemon = True
    forced.start()
    log.critical("%s", message)
    os._exit(code)


class Watchdog:
    """Looks whether every loop still takes steps; one step, one rest or one pause may last ``limit`` ms.

    It counts only the time that it was awake itself, look by look: a laptop that slept, or a process that was stopped,
    hangs nowhere.
    """

    def __init__(self, clock: Clock, *, limit: int = LIMIT, die: Die = end_process) -> None:
        self._clock = clock
        self._limit = limit
        self._die = die
        self._looked = clock.boot()
        self._seen: dict[Beat, tuple[int, int]] = {}
        """What a loop had counted at the last look, and for how long (ms) it has counted no further."""

    def watch(self, beats: Iterable[Beat]) -> None:
        """Look at these loops too; before the first look."""
        self._seen.update((beat, (beat.count, 0)) for beat in beats)

    def look(self) -> int:
        """Look once."""
        now = self._clock.boot()
        awake, self._looked = min(now - self._looked, 2 * LOOK), now
        for beat, (count, lasted) in self._seen.items():
            if beat.count != count or beat.ended:
                self._seen[beat] = (beat.count, 0)
                continue
            self._seen[beat] = (count, lasted + awake)
            if lasted + awake >= self._limit:
                self._die(hanging(beat, lasted + awake), HUNG)
        return 0


def hanging(beat: Beat, lasted: int) -> str:
    """What is known of a loop that hangs."""
    frame = FRAMES().get(beat.thread)
    stack = "".join(traceback.format_stack(frame)) if frame is not None else "  (its thread is gone)\n"
    return (
        f"{beat.name} has hung for {say_duration(lasted)} in one step. This process ends, so that another one takes "
        f"over; what it holds comes back when its leases end. It hangs here:\n{stack.rstrip()}"
    )
