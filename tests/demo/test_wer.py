from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.demo.wer import Score, edit_distance, overall, score

texts = st.lists(st.sampled_from(["north", "south", "wind"]), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("spoken", "heard", "edits"),
    [
        ("strong north wind", "strong north wind", 0),
        ("strong north wind", "Strong  North\nwind", 0),
        ("strong north wind", "strong south wind", 1),  # a substitution
        ("strong north wind", "strong wind", 1),  # a deletion
        ("strong north wind", "strong north north wind", 1),  # an insertion
        ("strong north wind", "", 3),
        ("", "strong wind", 2),
        ("send the pilot at noon", "the pilot at noon send", 2),  # order counts
        ("a b c d", "x a b d", 2),
    ],
)
def test_each_wrong_missing_or_invented_word_is_one_error(spoken: str, heard: str, edits: int) -> None:
    assert score(spoken, heard) == Score(edits, len(spoken.split()))


def test_the_rate_is_errors_per_word_said_and_may_exceed_one() -> None:
    assert score("wind", "west wind from the west").rate == 4.0
    assert score("", "wind").rate == 1.0
    assert score("", "").rate == 0.0


def test_overall_weighs_by_words_not_by_files() -> None:
    assert overall([Score(1, 1), Score(0, 9)]).rate == 0.1
    assert overall([]) == Score(0, 0)


@given(texts, texts)
def test_the_distance_is_symmetric_and_bounded(left: str, right: str) -> None:
    said, heard = left.split(), right.split()
    distance = edit_distance(said, heard)
    assert distance == edit_distance(heard, said)
    assert abs(len(said) - len(heard)) <= distance <= max(len(said), len(heard))
    assert (distance == 0) == (said == heard)


@given(texts, texts, texts)
def test_the_distance_obeys_the_triangle_inequality(one: str, two: str, three: str) -> None:
    a, b, c = one.split(), two.split(), three.split()
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
