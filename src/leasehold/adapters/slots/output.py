"""What a run prints, tagged with the run and sent in bounded pieces, so that it survives the process."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import cast

from leasehold.adapters.slots.frames import OUTPUT, Message
from leasehold.ports.run import known

EAGER = 64 * 1024
"""Bytes of a run that are sent line by line; after that, lines wait for each other a moment."""
WHOLE = 1024 * 1024
"""Bytes of a run that are sent in full; after that only the newest and how many there were."""
PIECE = 16 * 1024
NEWEST = 8 * 1024
MOMENT = 0.05
"""Seconds that lines wait for each other."""


class Sink:
    """One run's output on its way to the worker."""

    def __init__(self, seq: int, send: Callable[[list[Message]], None]) -> None:
        self._seq = seq
        self._send = send
        self._pending = bytearray()
        self._stands_for = 0
        self._sent = 0
        self._sent_at = 0.0
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Take output; send it when it is worth a message."""
        for start in range(PIECE, len(data), PIECE):
            self.write(data[start - PIECE : start])
        if len(data) > PIECE:
            data = data[-((len(data) - 1) % PIECE + 1) :]
        with self._lock:
            self._pending += data
            self._stands_for += len(data)
            full = len(self._pending) >= PIECE
            if full and self._sent >= WHOLE:
                del self._pending[:-NEWEST]
                full = False
            if full or (self._sent < EAGER and data[-1:] == b"\n") or time.monotonic() - self._sent_at >= MOMENT:
                self._send([(OUTPUT, self._seq, *self._take())])
                self._sent_at = time.monotonic()

    def rest(self) -> tuple[bytes, int]:
        """What was not sent yet, and how many bytes it stands for."""
        with self._lock:
            return self._take()

    def _take(self) -> tuple[bytes, int]:
        if self._sent >= WHOLE:
            del self._pending[:-NEWEST]
        piece, stands_for = bytes(self._pending), self._stands_for
        self._pending.clear()
        self._stands_for = 0
        self._sent += stands_for
        return piece, stands_for


class Printing:
    """A link that takes output."""

    __slots__ = ("send", "seq", "sink")

    def __init__(self, seq: int, send: Callable[[list[Message]], None]) -> None:
        self.seq = seq
        self.send = send
        self.sink: Sink | None = None

    def write(self, data: bytes) -> None:
        """Take what the run prints."""
        if self.sink is None:
            self.sink = Sink(self.seq, self.send)
        self.sink.write(data)


def put(fd: int, data: bytes) -> None:
    """Give output to the run that printed it; what belongs to no run goes to the slot's raw output."""
    run = known()
    if run is not None and isinstance(run.link, Printing):
        run.link.write(data)
        return
    while data:
        data = data[os.write(fd, data) :]


class Raw(io.RawIOBase):
    """The bytes below ``sys.stdout``: ``sys.stdout.buffer`` and everything that asks for a file number."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: object, /) -> int:
        """Take bytes."""
        taken = bytes(cast("bytes", data))
        put(self._fd, taken)
        return len(taken)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The raw output: a program started with this as its output prints there."""
        return self._fd


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a child."""

    encoding = "utf-8"
    errors = "backslashreplace"
    name = "<run>"
    mode = "w"

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.buffer = Raw(fd)

    def write(self, text: str, /) -> int:
        """Take text."""
        put(self._fd, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:
        """Take text."""
        self.write("".join(lines))

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """As ``Raw.fileno``."""
        return self._fd


def capture() -> None:
    """From now on, what Python code prints belongs to the run that printed it."""
    sys.stdout = Stream(1)
    sys.stderr = Stream(2)
