"""Sound for tests: made from numbers, written as WAV files of any format."""

from __future__ import annotations

import math
import struct
from array import array
from pathlib import Path

from leasehold.demo.wav import CHUNK, FLOAT, FORMAT, PCM, RIFF


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0, loud: float = 0.3) -> list[float]:
    """Samples of a sine, full scale being 1.0."""
    return [loud * math.sin(2 * math.pi * hertz * index / rate) for index in range(round(seconds * rate))]


def hush(seconds: float, rate: int = 16_000) -> list[float]:
    """Samples of silence."""
    return [0.0] * round(seconds * rate)


def samples(sound: list[float]) -> array[int]:
    """The same as 16-bit samples."""
    return array("h", [round(sample * 32_767) for sample in sound])


def chunk(name: bytes, data: bytes) -> bytes:
    """One RIFF chunk, padded to an even length."""
    return CHUNK.pack(name, len(data)) + data + b"\0" * (len(data) % 2)


def encode(sound: list[float], bits: int, kind: int = PCM) -> bytes:
    """Samples as little-endian bytes, as a WAV file holds them."""
    if kind == FLOAT:
        return struct.pack(f"<{len(sound)}f", *sound)
    scale = 2 ** (bits - 1) - 1
    offset = 128 if bits == 8 else 0
    return b"".join((round(sample * scale) + offset).to_bytes(bits // 8, "little", signed=bits > 8) for sample in sound)


def header(bits: int, rate: int, channels: int, kind: int = PCM) -> bytes:
    """The format chunk's content."""
    frame = channels * bits // 8
    return FORMAT.pack(kind, channels, rate, rate * frame, frame, bits)


def write_wav(
    path: Path, sound: list[float], *, rate: int = 16_000, bits: int = 16, channels: int = 1, kind: int = PCM
) -> Path:
    """Write a WAV file with the same sound on every channel."""
    spread = [sample for sample in sound for _ in range(channels)]
    return write_chunks(
        path, chunk(b"fmt ", header(bits, rate, channels, kind)), chunk(b"data", encode(spread, bits, kind))
    )


def write_chunks(path: Path, *chunks: bytes) -> Path:
    """Write a RIFF file of these chunks."""
    body = b"".join(chunks)
    path.write_bytes(RIFF.pack(b"RIFF", len(body) + 4, b"WAVE") + body)
    return path
