"""The handlers' work, the same for every system: nothing, 50 ms of CPU, and a line that says when it began."""

from __future__ import annotations

import os
import time

BURN = 0.050
"""CPU seconds of one burn, on its own thread's clock: neither waiting nor another thread's work counts."""


def noop(number: int) -> int:
    return number


def burn(number: int) -> int:
    until = time.thread_time() + BURN
    while time.thread_time() < until:
        pass
    return number


def stamp(number: int, path: str) -> int:
    """Append ``number instant`` to a file: written whole or not at all, so several processes share it."""
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{number} {began!r}\n".encode())
    os.close(file)
    return number
