"""What is kept of a run's output: its beginning and its end, and how much there was."""

from __future__ import annotations

KEPT = 1024 * 1024
HALF = KEPT // 2


class Log:
    """Takes any amount of output in bounded memory."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, piece: bytes, stands_for: int) -> None:
        """Take a piece, which may be all that was sent of ``stands_for`` bytes."""
        if stands_for > len(piece) and len(self._head) < HALF:
            piece = b"\n... %d bytes left out ...\n" % (stands_for - len(piece)) + piece
        self.total += stands_for
        room = HALF - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        if len(self._tail) > 2 * HALF:  # cut seldom: each cut moves half a megabyte
            del self._tail[:-HALF]

    def kept(self) -> bytes:
        """At most about a megabyte: all of it, or the beginning and the end with a line between."""
        tail = bytes(self._tail[-HALF:])
        left_out = self.total - len(self._head) - len(tail)
        between = b"\n... %d bytes left out ...\n" % left_out if left_out > 0 else b""
        return bytes(self._head) + between + tail
