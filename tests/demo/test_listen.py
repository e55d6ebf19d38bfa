from __future__ import annotations

from pathlib import Path

import pytest

from leasehold.demo.listen import recognise
from leasehold.demo.wav import Recording, open_recording
from tests.demo.fakes import CountingListener, FakeTime, unpaced
from tests.demo.sounds import hush, tone, write_wav

THREE_PARTS = [0.5, 0.8, 0.6]  # seconds of speech, each followed by 0.4 s of silence but the last


def a_recording(folder: Path, rate: int = 16_000) -> Recording:
    sound: list[float] = []
    for seconds in THREE_PARTS:
        sound += tone(seconds, rate) + hush(0.4, rate)
    return open_recording(write_wav(folder / "parts.wav", sound[: -round(0.4 * rate)], rate=rate))


def test_each_segment_says_where_it_lies_and_the_last_ends_at_the_total(tmp_path: Path) -> None:
    segments = list(recognise(a_recording(tmp_path), CountingListener(), unpaced()))
    assert [(s.start, s.end, s.text) for s in segments] == [(0.0, 0.7, "w7"), (0.7, 1.9, "w12"), (1.9, 2.7, "w8")]
    assert {segment.total for segment in segments} == {2.7}


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_a_run_that_begins_at_any_segment_yields_the_rest(tmp_path: Path, rate: int) -> None:
    recording = a_recording(tmp_path, rate)
    segments = list(recognise(recording, CountingListener(), unpaced()))
    assert len(segments) == 3
    for done, segment in enumerate(segments, 1):
        rest = list(recognise(recording, CountingListener(), unpaced(), start=segment.end))
        assert [s.text for s in rest] == [s.text for s in segments[done:]]
        assert [s.end for s in rest] == pytest.approx([s.end for s in segments[done:]], abs=0.002)


def test_silence_is_not_given_to_the_listener(tmp_path: Path) -> None:
    recording = open_recording(write_wav(tmp_path / "silent.wav", hush(1.0)))
    assert [(s.end, s.text) for s in recognise(recording, CountingListener(), unpaced())] == [(1.0, "")]


def test_sound_comes_no_faster_than_the_pace_counted_from_where_the_run_begins(tmp_path: Path) -> None:
    hours = FakeTime()
    came = [hours.now() for _ in recognise(a_recording(tmp_path), CountingListener(), hours.pace(2.0), start=0.7)]
    assert came == pytest.approx([0.6, 1.0])  # 1.2 s and 2.0 s of sound, at 2 s of sound per second


def test_time_spent_on_recognising_counts_towards_the_pace(tmp_path: Path) -> None:
    hours = FakeTime()
    slow = CountingListener(hours, slowness=0.3)
    came = [hours.now() for _ in recognise(a_recording(tmp_path), slow, hours.pace(2.0))]
    assert came == pytest.approx([0.65, 1.25, 1.65])  # and not 0.3 s later each time


def test_pace_zero_never_waits(tmp_path: Path) -> None:
    hours = FakeTime()
    assert len(list(recognise(a_recording(tmp_path), CountingListener(), hours.pace(0.0)))) == 3
    assert hours.now() == 0.0
