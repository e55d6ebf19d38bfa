"""Cutting sound where the speaker pauses, so that each piece can be recognised, saved and resumed by itself.

Where a cut falls depends only on the samples since the last one: a run that begins at a cut finds the same next cuts.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from operator import mul
from typing import Final, NamedTuple

from leasehold.demo.resample import MODEL_RATE

FRAME: Final = MODEL_RATE // 100  # samples judged together: 10 ms
FRAMES_PER_SECOND: Final = MODEL_RATE / FRAME
FLOOR: Final = 30.0  # root mean square, 60 dB below full scale: softer is quiet whatever it is compared with


class Bounds(NamedTuple):
    """When to cut."""

    pause: float  # seconds of quiet that end a piece
    speech: float  # seconds of it that a piece holds before a pause may end it
    longest: float  # seconds of a piece, pause or not: what a lost run may have to do again
    hush: float  # a frame is quiet that is below this fraction of the loudest of its piece


class Piece(NamedTuple):
    """Samples at the model's rate, and whether any of them are loud enough to be speech."""

    samples: array[int]
    speech: bool


def cut_at_pauses(blocks: Iterable[array[int]], bounds: Bounds) -> Iterator[Piece]:
    """Yield the sound in pieces, each ending within a pause where there is one; together they are all of it."""
    cutter = Cutter(bounds)
    for block in blocks:
        yield from cutter.push(block)
    if cutter.held:
        yield cutter.take(len(cutter.held))


class Cutter:
    """The sound since the last cut, and how loud each of its frames is."""

    def __init__(self, bounds: Bounds) -> None:
        self.pause = math.ceil(bounds.pause * FRAMES_PER_SECOND)
        self.speech = math.ceil(bounds.speech * FRAMES_PER_SECOND)
        self.longest = math.ceil(bounds.longest * FRAMES_PER_SECOND)
        self.hush = bounds.hush
        self.held = array("h")
        self.forget()

    def forget(self) -> None:
        """Begin a piece: what is held has yet to be judged."""
        self.levels: list[float] = []
        self.loudest = FLOOR
        self.spoken = self.quiet = 0

    def push(self, block: array[int]) -> Iterator[Piece]:
        """Take the next samples; yield the pieces that are complete with them."""
        self.held.extend(block)
        while (len(self.levels) + 1) * FRAME <= len(self.held):
            self.judge()
            if self.quiet >= self.pause and self.spoken >= self.speech:
                yield self.take(len(self.levels) * FRAME)
            elif len(self.levels) >= self.longest:
                yield self.take(self.softest() * FRAME)

    def judge(self) -> None:
        """Measure the next frame: is the speaker quiet?"""
        begin = len(self.levels) * FRAME
        level = loudness(self.held[begin : begin + FRAME])
        self.levels.append(level)
        self.loudest = max(self.loudest, level)
        if level > FLOOR and level > self.hush * self.loudest:
            self.spoken, self.quiet = self.spoken + 1, 0
        else:
            self.quiet += 1

    def softest(self) -> int:
        """Choose a frame to cut at where nobody pauses: the softest of the second half."""
        return min(range(len(self.levels) // 2, len(self.levels)), key=self.levels.__getitem__) or 1

    def take(self, length: int) -> Piece:
        """Cut off the first `length` samples."""
        piece = Piece(self.held[:length], speech=self.spoken > 0)
        self.held = self.held[length:]
        self.forget()
        return piece


def loudness(frame: array[int]) -> float:
    """Return the root mean square of the samples around their mean: a constant offset is not sound."""
    mean = sum(frame) / len(frame)
    return math.sqrt(max(0.0, sum(map(mul, frame, frame)) / len(frame) - mean * mean))
