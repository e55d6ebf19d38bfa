"""Ctrl-C: the first asks for a good end, the second is Python's own."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self


class Interrupt:
    """Inside the block, the first Ctrl-C is noted; from then on Ctrl-C raises KeyboardInterrupt again."""

    def __init__(self) -> None:
        self.asked = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
