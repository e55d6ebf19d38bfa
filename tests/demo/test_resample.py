from __future__ import annotations

import math
from array import array
from itertools import chain

import pytest

from leasehold.demo.resample import resample
from tests.demo.sounds import samples, tone


def at_model_rate(sound: array[int], rate: int, block: int = 1_000) -> array[int]:
    blocks = [sound[begin : begin + block] for begin in range(0, len(sound), block)]
    return array("h", chain.from_iterable(resample(blocks, rate)))


def middle(sound: array[int]) -> array[int]:
    """Without the ends, where there is no sound on one side."""
    return sound[len(sound) // 4 : -len(sound) // 4]


def decibels(sound: array[int], other: array[int]) -> float:
    """How far the first is above the second, by energy."""
    energy, reference = (math.fsum(sample * sample for sample in each) + 1e-9 for each in (sound, other))
    return 10 * math.log10(energy / reference)


RATES = [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000]


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_stays_the_same_tone_in_time_pitch_and_loudness(rate: int) -> None:
    made = at_model_rate(samples(tone(0.25, rate, hertz=1_000)), rate)
    wanted = samples(tone(0.25, hertz=1_000))
    assert abs(len(made) - len(wanted)) <= 1
    error = array("h", [a - b for a, b in zip(middle(made), middle(wanted), strict=False)])
    assert decibels(error, middle(wanted)) < -55


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_what_the_model_rate_cannot_carry_does_not_fold_back_into_speech(rate: int) -> None:
    heard = at_model_rate(samples(tone(0.25, rate, hertz=11_000)), rate)  # would fold to 5,000 Hz
    assert decibels(middle(heard), middle(samples(tone(0.25)))) < -50


def test_steady_input_stays_exactly_as_loud() -> None:
    assert set(middle(at_model_rate(array("h", [1_000] * 4_410), 44_100))) == {1_000}


@pytest.mark.parametrize("block", [1, 37, 4_096, 100_000])
def test_how_the_sound_is_cut_into_blocks_changes_nothing(block: int) -> None:
    sound = samples(tone(0.05, 22_050))
    assert at_model_rate(sound, 22_050, block) == at_model_rate(sound, 22_050)


def test_full_scale_does_not_wrap_around() -> None:
    square = array("h", ([32_767] * 20 + [-32_768] * 20) * 40)
    made = at_model_rate(square, 44_100)
    assert max(made) == 32_767
    assert min(made) == -32_767


def test_sound_at_the_model_rate_passes_untouched_and_nothing_stays_nothing() -> None:
    sound = samples(tone(0.1))
    assert at_model_rate(sound, 16_000) == sound
    assert not at_model_rate(array("h"), 44_100)
