"""Large texts travel as files in a private folder, so that no pipe fills up with them."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from itertools import count
from pathlib import Path

from leasehold.adapters.slots.frames import INLINE, MOST

NAME = re.compile(rb"[cw][0-9]{1,20}")
HUGE = 1 << 31
"""Bytes of one text that is read; no setting allows so much."""


def is_name(sent: bytes) -> bool:
    """Whether a spool file can be called so: it lies in its folder then, whoever says it."""
    return NAME.fullmatch(sent) is not None


LARGEST = MOST - INLINE
"""Bytes of a text that a frame can hold, beside what else it says."""
Text = str | bytes
"""The text itself, or the name of its spool file in ASCII."""


class Spool:
    """One end of a spool folder. Either end writes under its own prefix; whoever reads a file removes it."""

    def __init__(self, folder: str, prefix: str) -> None:
        self.folder = folder
        self._prefix = prefix
        self._numbers = count()

    def give(self, text: str) -> Text:
        """What to send instead of the text. Where the disk has no room for it, the pipe has to do, if a frame can.

        Raises:
            OSError: there is no room, and it is too large for a frame.
        """
        if len(text) <= INLINE:
            return text
        path = Path(self.folder, f"{self._prefix}{next(self._numbers)}")
        try:
            path.write_text(text, "utf-8", "surrogatepass", newline="")
        except OSError:
            with suppress(OSError):
                path.unlink()  # what was written of it
            if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
                raise
            return text
        return path.name.encode()

    def take(self, sent: Text) -> str:
        """The text that was given at the other end. Raises ``OSError`` where there is none of that name."""
        if isinstance(sent, str):
            return sent
        if not is_name(sent):
            raise FileNotFoundError(sent)
        path = Path(self.folder, sent.decode())
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, encoding="utf-8", errors="surrogatepass", newline="") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > HUGE:
                raise FileNotFoundError(sent)
            try:
                text = file.read()
            except UnicodeDecodeError as error:
                raise FileNotFoundError(sent) from error
        path.unlink()
        return text
