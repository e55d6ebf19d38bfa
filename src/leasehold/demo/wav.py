"""Reading a WAV file a block at a time: any PCM depth, any rate, any number of channels, as mono 16-bit samples.

The standard library's reader refuses files with an extensible header (before Python 3.12) and with float samples,
which recorders and editors do write; and it notices a file that was cut short only when the sound runs out. Here the
length that the header promises is compared with the file before a single sample is used.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from leasehold.core.errors import LeaseholdError

PCM: Final = 1
FLOAT: Final = 3
EXTENSIBLE: Final = 0xFFFE  # the true format stands in the extension
READABLE: Final = frozenset({(PCM, 1), (PCM, 2), (PCM, 3), (PCM, 4), (FLOAT, 4)})  # (format, bytes per sample)

RIFF: Final = struct.Struct("<4sI4s")  # "RIFF", length, "WAVE"
CHUNK: Final = struct.Struct("<4sI")  # name, length
FORMAT: Final = struct.Struct("<HHIIHH")  # format, channels, frames and bytes per second, bytes per frame, bits
EXTENSION: Final = struct.Struct("<HHIH")  # its length, valid bits, speakers, format; it follows FORMAT
UNKNOWN_LENGTH: Final = frozenset({0, 0xFFFFFFFF})  # what a program writes that cannot seek back: "until the end"

BLOCK: Final = 16_384  # frames read at once: under half a second of sound at most rates, so memory stays flat
FULL_SCALE: Final = 32_767
FLIP_SIGN: Final = bytes(value ^ 0x80 for value in range(256))  # 8-bit samples are unsigned, with silence at 128


class UnreadableAudio(LeaseholdError):
    """The file is not audio that this program can read. Trying again will not help; another file may."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name} is not readable audio: {problem}")


class Layout(NamedTuple):
    """How sound is written down."""

    format: int  # PCM or FLOAT
    width: int  # bytes per sample
    channels: int
    rate: int  # frames per second; a frame is one sample per channel

    @property
    def frame(self) -> int:
        """Bytes per frame."""
        return self.width * self.channels


class Recording(NamedTuple):
    """Where the sound lies in one WAV file."""

    path: Path
    layout: Layout
    offset: int  # of the first frame, in bytes
    frames: int

    @property
    def seconds(self) -> float:
        """How long the recording is, to the millisecond."""
        return round(self.frames / self.layout.rate, 3)

    def samples(self, start: float = 0.0) -> Iterator[array[int]]:
        """Read mono 16-bit samples at the file's own rate, from `start` seconds on, a block at a time."""
        first = min(round(start * self.layout.rate), self.frames)
        with self.path.open("rb") as file:
            file.seek(self.offset + first * self.layout.frame)
            for done in range(first, self.frames, BLOCK):
                data = file.read(min(BLOCK, self.frames - done) * self.layout.frame)
                yield mix(sixteen_bit(data, self.layout), self.layout.channels)


def open_recording(path: Path) -> Recording:
    """Read the header of a WAV file.

    Raises UnreadableAudio for anything that is not a whole WAV file of PCM or 32-bit float samples, and OSError where
    the file cannot be read at all (that may pass, so it is not the file's fault).
    """
    with path.open("rb") as file:
        head = file.read(RIFF.size)
        if not (head.startswith(b"RIFF") and head.endswith(b"WAVE")):
            raise UnreadableAudio(path, "it does not begin like a WAV file; convert it to WAV first")
        return find_sound(path, file, path.stat().st_size)


def find_sound(path: Path, file: BinaryIO, size: int) -> Recording:
    """Walk the chunks of a file of `size` bytes to the one that holds the sound."""
    layout: Layout | None = None
    while len(head := file.read(CHUNK.size)) == CHUNK.size:
        name, length = CHUNK.unpack(head)
        begin = file.tell()
        if name == b"fmt ":
            layout = read_layout(path, file.read(FORMAT.size + EXTENSION.size)[:length])
        elif name == b"data" and layout is not None:
            return place(path, layout, begin, length, present=size - begin)
        file.seek(begin + length + length % 2)  # chunks are padded to even lengths
    raise UnreadableAudio(path, "it has a WAV header but no sound; record or copy it again")


def read_layout(path: Path, chunk: bytes) -> Layout:
    """Read the format chunk."""
    if len(chunk) < FORMAT.size:
        raise UnreadableAudio(path, "its format header is cut short; copy it again")
    kind, channels, rate, _, _, bits = FORMAT.unpack_from(chunk)
    if kind == EXTENSIBLE and len(chunk) == FORMAT.size + EXTENSION.size:
        _, _, _, kind = EXTENSION.unpack_from(chunk, FORMAT.size)
    layout = Layout(kind, (bits + 7) // 8, channels, rate)
    if (layout.format, layout.width) not in READABLE:
        raise UnreadableAudio(path, f"its samples are of format {kind} with {bits} bits; convert it to 16-bit PCM")
    if not channels or not rate:
        raise UnreadableAudio(path, f"its header says {channels} channels at {rate} Hz; record or copy it again")
    return layout


def place(path: Path, layout: Layout, offset: int, length: int, present: int) -> Recording:
    """Say where the sound lies, after checking the bytes that the header promises against those that are there."""
    promised = present if length in UNKNOWN_LENGTH else length
    if promised > present:
        said, found = (size / layout.frame / layout.rate for size in (promised, present))
        problem = f"its header promises {said:.1f} s of sound, but the file ends after {found:.1f} s; copy it again"
        raise UnreadableAudio(path, problem)
    if promised < layout.frame:
        raise UnreadableAudio(path, "it holds no sound; record or copy it again")
    return Recording(path, layout, offset, promised // layout.frame)


def sixteen_bit(data: bytes, layout: Layout) -> array[int]:
    """Turn little-endian samples of any readable width into 16-bit ones; deeper samples lose their lowest bits."""
    width = layout.width
    if layout.format == FLOAT:
        return from_float(data)
    top = bytearray(2 * (len(data) // width))
    top[1::2] = data.translate(FLIP_SIGN) if width == 1 else data[width - 1 :: width]
    if width > 1:
        top[0::2] = data[width - 2 :: width]
    samples = array("h", bytes(top))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def from_float(data: bytes) -> array[int]:
    """Turn 32-bit floats, full scale being 1.0, into 16-bit samples."""
    samples = array("f", data)
    if sys.byteorder == "big":
        samples.byteswap()
    return array("h", [round(max(-1.0, min(1.0, sample)) * FULL_SCALE) for sample in samples])


def mix(samples: array[int], channels: int) -> array[int]:
    """Average the channels of interleaved samples into one."""
    if channels == 1:
        return samples
    tracks = [samples[track::channels] for track in range(channels)]
    return array("h", [sum(frame) // channels for frame in zip(*tracks, strict=True)])
