"""What a worker and its child say to each other: batches of small tuples, marshalled, each behind its length.

A message is a tuple that begins with its kind. Both ends are the same Python on the same machine, so ``marshal`` is
something to agree on, and ten times cheaper than JSON. It trusts what it reads, though: a length that lies makes it
take gigabytes. So a frame is looked through first, and only plain values that all lie in it are let in. The length is
preceded by a mark: user code that writes into the pipe is noticed, not obeyed.
"""

from __future__ import annotations

import marshal
from struct import Struct
from typing import Final, cast

Message = tuple[object, ...]

HEADER: Final = Struct("<II")
MARK: Final = 0x5EA5_401D
MOST: Final = 1 << 24
"""Bytes of one frame; large texts travel by spool file and never come near."""
INLINE: Final = 48 * 1024
"""Characters of one text inside a frame; a longer one goes by spool file."""

# worker to child
JOB: Final = 1  # seq, task_id, name, arguments, n, r, deadline, start by, variables lent to it, traceparent
ANSWER: Final = 2  # seq, question, state, error, interrupted
INTERRUPT: Final = 3  # reason, seq of the last run that it is meant for
CANCEL: Final = 4  # seq: an async run must end now
LEAVE: Final = 5  # end the process once idle
INTERRUPT_ONE: Final = 6  # reason, seq of the only run that it is meant for

# child to worker
HELLO: Final = 10  # [(name, is_async, concurrency, variables it asks for), ...]
CANNOT: Final = 11  # why the application cannot be loaded
BEGAN: Final = 12  # seq, at
RETURNED: Final = 13  # seq, at, microseconds, result, output, output bytes
RAISED: Final = 14  # seq, at, microseconds, (failure, unrecoverable, after), output, output bytes
YIELDED: Final = 15  # seq, at, microseconds, why it was interrupted, output, output bytes
UNBEGUN: Final = 16  # seq, at: its turn came too late
SAVING: Final = 17  # seq, question, state, fraction, note
LOADING: Final = 18  # seq, question
TOLD: Final = 19  # seq, fraction, note
OUTPUT: Final = 20  # seq, bytes, how many bytes they stand for
SIZE: Final = 21  # resident bytes
LITTERED: Final = 22  # this process leaves: a run left processes behind, or went on when it was asked to end


class Garbage(Exception):
    """What came through the pipe is no frame of ours."""


def encode(messages: list[Message]) -> bytes:
    """One frame."""
    body = marshal.dumps(messages, 2)
    return HEADER.pack(MARK, len(body)) + body


class Decoder:
    """Puts frames together again from whatever pieces a pipe gives."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that are complete now, up to where garbage begins: a run may have begun just before it.

        Raises:
            Garbage: somebody else wrote into this pipe, and nothing of ours is left before it.
        """
        data = self._rest + piece if self._rest else piece
        messages: list[Message] = []
        start = 0
        try:
            while (end := frame_end(data, start)) is not None:
                messages += parse(data[start + HEADER.size : end])
                start = end
        except Garbage:
            if not messages:
                raise
        self._rest = data[start:]
        return messages


def frame_end(data: bytes, start: int) -> int | None:
    """Where the frame that begins there ends; ``None`` while it is not complete."""
    if len(data) - start < HEADER.size:
        return None
    mark, length = HEADER.unpack_from(data, start)
    if mark != MARK or length > MOST:
        raise Garbage
    end = start + HEADER.size + length
    return end if end <= len(data) else None


FIXED: Final = {ord("N"): 1, ord("T"): 1, ord("F"): 1, ord("i"): 5, ord("g"): 9}
"""Bytes of values that have one size: nothing, yes, no, a small number, a float."""
TEXTS: Final = frozenset(b"sut")
LISTS: Final = frozenset(b"([")
LARGE: Final = ord("l")


def look_through(body: bytes) -> None:
    """Raises ``Garbage`` unless this is one plain value of ``marshal``'s second version that fills the frame."""
    at, left, end = 0, 1, len(body)
    try:
        while left:
            left -= 1
            kind = body[at]
            if size := FIXED.get(kind):
                at += size
                continue
            length = int.from_bytes(body[at + 1 : at + 5], "little", signed=True)
            at += 5
            if kind in LISTS and 0 <= length <= end - at:
                left += length
            elif kind in TEXTS and length >= 0:
                at += length
            elif kind == LARGE:
                at += 2 * abs(length)
            else:
                raise Garbage
    except IndexError:
        raise Garbage from None
    if at != end:
        raise Garbage


def parse(body: bytes) -> list[Message]:
    """The messages of one frame."""
    look_through(body)
    try:
        found: object = marshal.loads(body)  # noqa: S302 - see the module: plain values of the same Python
    except (ValueError, EOFError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise Garbage from error
    if not isinstance(found, list):
        raise Garbage
    return cast("list[Message]", found)
