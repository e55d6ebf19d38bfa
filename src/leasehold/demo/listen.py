"""Turning a recording into words piece by piece, no faster than a stated pace, from any second on."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from leasehold.demo.pauses import Bounds, Piece, cut_at_pauses
from leasehold.demo.resample import MODEL_RATE, resample
from leasehold.demo.wav import Recording

ROUNDING: Final = 0.005  # seconds by which resampled sound may be longer or shorter than the original


class Segment(NamedTuple):
    """Some words and where they were said; instants are seconds from the recording's beginning."""

    start: float
    end: float
    text: str
    total: float  # seconds of the whole recording


class Listener(Protocol):
    """What turns sound into words."""

    bounds: Bounds

    def hear(self, samples: array[int]) -> str:
        """Return the words in 16-bit samples at the model's rate."""
        ...


class Pace:
    """Lets `rate` seconds of sound through per second of the wall clock, as a live source would; 0 lets all through."""

    def __init__(
        self, rate: float, wait: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.wait, self.now = rate, wait, now
        self.began = now()

    def until(self, sound: float) -> None:
        """Wait until `sound` seconds of it have come in since the beginning."""
        if self.rate > 0:
            ahead = sound / self.rate - (self.now() - self.began)
            if ahead > 0:
                self.wait(ahead)


def recognise(recording: Recording, listener: Listener, pace: Pace, start: float = 0.0) -> Iterator[Segment]:
    """Yield the words of a recording from `start` seconds on, pause by pause.

    A segment comes when the pace has reached its end. The last one ends exactly at `total`; silence is a segment
    without text. Begun at the end of any segment, it yields the same segments as before from there on.
    """
    total, begin = recording.seconds, start
    for piece in cut_at_pauses(sound(recording, start), listener.bounds):
        if begin >= total:
            return  # what is left is shorter than rounding
        end = settle(begin + len(piece.samples) / MODEL_RATE, total)
        pace.until(end - start)
        yield Segment(begin, end, words(piece, listener), total)
        begin = end


def sound(recording: Recording, start: float) -> Iterator[array[int]]:
    """Read the recording from `start` seconds on, at the model's rate."""
    return resample(recording.samples(start), recording.layout.rate)


def settle(end: float, total: float) -> float:
    """Round an instant to milliseconds; the end of the sound is the end of the recording, whatever rounding says."""
    return total if abs(total - end) < ROUNDING else round(end, 3)


def words(piece: Piece, listener: Listener) -> str:
    """Ask the listener only where there is something to hear."""
    return listener.hear(piece.samples) if piece.speech else ""
