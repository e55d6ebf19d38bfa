from __future__ import annotations

import random
from array import array
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from leasehold.demo.pauses import Bounds, Piece, cut_at_pauses
from tests.demo.sounds import hush, samples, tone

BOUNDS = Bounds(pause=0.2, speech=0.3, longest=3.0, hush=0.1)


def cut(sound: list[float], bounds: Bounds = BOUNDS, block: int = 700) -> list[Piece]:
    whole = samples(sound)
    return list(cut_at_pauses((whole[begin : begin + block] for begin in range(0, len(whole), block)), bounds))


def seconds(pieces: list[Piece]) -> list[float]:
    return [round(len(piece.samples) / 16_000, 2) for piece in pieces]


def test_a_piece_ends_within_the_pause_after_it() -> None:
    pieces = cut(tone(1.0) + hush(0.5) + tone(0.5) + hush(0.1))
    assert seconds(pieces) == [1.2, 0.9]
    assert all(piece.speech for piece in pieces)


def test_a_short_pause_or_too_little_speech_does_not_end_a_piece() -> None:
    assert seconds(cut(tone(1.0) + hush(0.1) + tone(1.0))) == [2.1]
    assert seconds(cut(tone(0.2) + hush(0.5) + tone(1.0))) == [1.7]


def test_where_nobody_pauses_it_is_cut_at_the_softest_place_before_the_limit() -> None:
    pieces = cut(tone(2.0) + tone(0.05, loud=0.1) + tone(3.0))
    assert 2.0 <= seconds(pieces)[0] <= 2.05
    assert max(seconds(pieces)) <= 3.0


def test_a_steady_background_is_no_speech_beside_a_voice() -> None:
    rng = random.Random(1)
    voice = tone(1.0) + hush(0.5) + tone(1.0) + hush(0.05)
    assert len(cut([sample + rng.uniform(-0.01, 0.01) for sample in voice])) == 2


def test_silence_is_a_piece_without_speech() -> None:
    pieces = cut(hush(4.0))
    assert not any(piece.speech for piece in pieces)
    assert sum(seconds(pieces)) == 4.0


def test_a_constant_offset_of_the_recorder_is_silence() -> None:
    assert not cut([0.2] * 16_000)[0].speech


def test_nothing_gives_nothing() -> None:
    assert cut([]) == []


parts = st.lists(
    st.tuples(st.sampled_from(["tone", "hush"]), st.floats(0.05, 1.5)).map(
        lambda part: tone(part[1]) if part[0] == "tone" else hush(part[1])
    ),
    max_size=6,
).map(lambda sounds: list(chain.from_iterable(sounds)))


# Seconds of sound, sample by sample: as many examples as the other properties have would take half an hour.
few = settings(max_examples=min(settings().max_examples, 300))


@few
@given(parts, st.integers(1, 20_000))
def test_the_pieces_are_all_of_the_sound_however_it_comes_and_none_is_too_long(sound: list[float], block: int) -> None:
    pieces = cut(sound, block=block)
    assert array("h", chain.from_iterable(piece.samples for piece in pieces)) == samples(sound)
    assert all(0 < length <= BOUNDS.longest for length in seconds(pieces) if length)


@few
@given(parts)
def test_from_any_cut_on_the_next_cuts_are_the_same(sound: list[float]) -> None:
    pieces = cut(sound)
    for done in range(len(pieces)):
        begin = sum(len(piece.samples) for piece in pieces[:done])
        assert cut(sound[begin:]) == pieces[done:]
