from __future__ import annotations

import os
from array import array
from itertools import chain
from pathlib import Path

import pytest

from leasehold.demo.wav import BLOCK, EXTENSIBLE, EXTENSION, FLOAT, PCM, UnreadableAudio, open_recording
from tests.demo.sounds import chunk, encode, header, samples, tone, write_chunks, write_wav


def everything(path: Path, start: float = 0.0) -> array[int]:
    return array("h", chain.from_iterable(open_recording(path).samples(start)))


def apart(one: array[int], two: array[int]) -> int:
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("bits", "kind", "error"), [(8, PCM, 400), (16, PCM, 0), (24, PCM, 1), (32, PCM, 1), (32, FLOAT, 1)]
)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_depth_and_any_number_of_channels_become_mono_sixteen_bit(
    tmp_path: Path, bits: int, kind: int, error: int, channels: int
) -> None:
    sound = tone(0.1, rate=8_000)
    path = write_wav(tmp_path / "any.wav", sound, rate=8_000, bits=bits, channels=channels, kind=kind)
    assert apart(everything(path), samples(sound)) <= error
    assert open_recording(path).seconds == 0.1


def test_the_channels_are_averaged(tmp_path: Path) -> None:
    both = chunk(b"data", encode([0.5, -0.5, 0.5, 0.1], 16))
    path = write_chunks(tmp_path / "two.wav", chunk(b"fmt ", header(16, 8_000, 2)), both)
    assert list(everything(path)) == [0, 9_830]


def test_float_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "loud.wav", [3.0, -3.0], bits=32, kind=FLOAT)
    assert list(everything(path)) == [32_767, -32_767]


def test_an_extensible_header_names_the_format_in_its_extension(tmp_path: Path) -> None:
    sound = tone(0.1)
    extension = EXTENSION.pack(22, 24, 4, PCM) + bytes(14)
    layout = chunk(b"fmt ", header(24, 16_000, 1, EXTENSIBLE) + extension)
    path = write_chunks(tmp_path / "ext.wav", layout, chunk(b"data", encode(sound, 24)))
    assert apart(everything(path), samples(sound)) <= 1


def test_chunks_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    layout, notes = chunk(b"fmt ", header(16, 16_000, 1)), chunk(b"LIST", b"odd")
    path = write_chunks(tmp_path / "notes.wav", notes, layout, notes, chunk(b"data", encode([0.5] * 4, 16)), notes)
    assert open_recording(path).frames == 4


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_a_length_left_open_by_a_streaming_recorder_means_until_the_end(tmp_path: Path, length: bytes) -> None:
    layout = chunk(b"fmt ", header(16, 16_000, 1))
    path = write_chunks(tmp_path / "stream.wav", layout, b"data" + length + encode([0.5] * 160, 16))
    assert open_recording(path).seconds == 0.01


def test_reading_begins_at_any_second_and_goes_block_by_block(tmp_path: Path) -> None:
    sound = tone(3.0)
    path = write_wav(tmp_path / "long.wav", sound)
    assert everything(path, start=1.25) == samples(sound)[20_000:]
    assert [len(block) for block in open_recording(path).samples()] == [BLOCK, BLOCK, 48_000 - 2 * BLOCK]
    assert not everything(path, start=99.0)


def test_a_file_that_is_no_wav_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(b"ID3\x04 this is an MP3 under a false name")
    with pytest.raises(UnreadableAudio, match=r"^song\.wav is not readable audio: .*convert it to WAV"):
        open_recording(path)


def test_a_file_cut_short_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "cut.wav", tone(2.0))
    os.truncate(path, 16_000 * 2 + 44)
    with pytest.raises(UnreadableAudio, match=r"promises 2\.0 s of sound, but the file ends after 1\.0 s"):
        open_recording(path)


@pytest.mark.parametrize(
    ("chunks", "problem"),
    [
        ([], "no sound"),
        ([chunk(b"fmt ", header(16, 16_000, 1))], "no sound"),
        ([chunk(b"fmt ", header(16, 16_000, 1)), chunk(b"data", b"")], "no sound"),
        ([chunk(b"data", b"1234"), chunk(b"fmt ", header(16, 16_000, 1))], "no sound"),
        ([chunk(b"fmt ", b"short"), chunk(b"data", b"1234")], "cut short"),
        ([chunk(b"fmt ", header(16, 0, 1)), chunk(b"data", b"1234")], "1 channels at 0 Hz"),
        ([chunk(b"fmt ", header(16, 16_000, 0)), chunk(b"data", b"1234")], "0 channels"),
        ([chunk(b"fmt ", header(4, 16_000, 1, kind=2)), chunk(b"data", b"1234")], "format 2 with 4 bits"),
        ([chunk(b"fmt ", header(64, 16_000, 1, FLOAT)), chunk(b"data", b"12345678")], "format 3 with 64 bits"),
        ([b"fmt \xff\xff\xff\xff"], "cut short"),
    ],
)
def test_a_damaged_header_is_refused_with_its_reason(tmp_path: Path, chunks: list[bytes], problem: str) -> None:
    path = write_chunks(tmp_path / "bad.wav", *chunks)
    with pytest.raises(UnreadableAudio, match=problem):
        open_recording(path)


def test_every_cut_of_a_good_file_is_refused_and_none_crashes(tmp_path: Path) -> None:
    data = write_wav(tmp_path / "good.wav", tone(0.01)).read_bytes()
    path = tmp_path / "cut.wav"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(UnreadableAudio):
            open_recording(path)


def test_a_missing_file_is_no_fault_of_its_sound(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_recording(tmp_path / "not-yet.wav")
