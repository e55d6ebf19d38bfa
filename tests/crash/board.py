"""What all processes of one history share: the clock, the count of boundaries, where death waits, and a journal."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Sequence
from mmap import mmap
from pathlib import Path
from typing import Any, NamedTuple

from leasehold.testing.clock import START

FIELDS = ("now", "boot", "crossed", "first", "second")
NEVER = -1
BEFORE, AFTER = 0, 1


class Board:
    """A clock that only the history turns, and a number for every boundary that anybody crosses.

    It lies in memory that forked processes share, and survives the death of any of them.
    """

    def __init__(self) -> None:
        self._memory = mmap(-1, 8 * len(FIELDS))
        self._set("now", START)
        self.lay()

    def _get(self, field: str) -> int:
        return struct.unpack_from("q", self._memory, 8 * FIELDS.index(field))[0]

    def _set(self, field: str, value: int) -> None:
        struct.pack_into("q", self._memory, 8 * FIELDS.index(field), value)

    def now(self) -> int:
        """The wall clock of everybody: processes, PostgreSQL's ledger, SQS."""
        return self._get("now")

    def boot(self) -> int:
        """The clock of every machine that never jumps."""
        return self._get("boot")

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self._set("now", self.now() + ms)
        self._set("boot", self.boot() + ms)

    def lay(self, deaths: Sequence[int] = ()) -> None:
        """Begin to count anew, with death at these points (``2 * boundary``, and one more: after it)."""
        first, second = [*deaths, NEVER, NEVER][:2]
        self._set("crossed", 0)
        self._set("first", first)
        self._set("second", second)

    def cross(self) -> int:
        """The number of the next boundary."""
        number = self._get("crossed")
        self._set("crossed", number + 1)
        return number

    @property
    def crossed(self) -> int:
        """How many boundaries were crossed so far."""
        return self._get("crossed")

    def deadly(self, point: int) -> bool:
        """Whether whoever comes here dies."""
        return point in (self._get("first"), self._get("second"))


class Note(NamedTuple):
    """One line of the journal."""

    kind: str
    at: int
    """ms since the history began."""
    said: dict[str, Any]


class Journal:
    """What happened, in order, in a file: each line is there when ``note`` returns, whoever dies next."""

    def __init__(self, path: Path, board: Board) -> None:
        self._path = path
        self._board = board
        self._began = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def begin(self) -> None:
        """A new history."""
        os.ftruncate(self._file, 0)
        self._began = self._board.now()

    def note(self, kind: str, **said: object) -> None:
        """Write one line."""
        os.write(self._file, json.dumps([kind, self._board.now() - self._began, said]).encode() + b"\n")

    def notes(self, *kinds: str) -> Iterator[Note]:
        """The lines of these kinds (all, if none is named)."""
        for line in self._path.read_text().splitlines():
            note = Note(*json.loads(line))
            if not kinds or note.kind in kinds:
                yield note
