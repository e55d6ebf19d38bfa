"""People write durations and sizes in many ways; one number comes of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.suggest import did_you_mean
from leasehold.core.units import GIB, KIB, MIB, brief, byte_count, milliseconds, say_bytes, say_count, say_duration


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("30m", 1_800_000),
        ("30 min", 1_800_000),
        ("1h30m", 5_400_000),
        ("1h 30m", 5_400_000),
        ("250ms", 250),
        ("1.5s", 1_500),
        ("2D", 172_800_000),
        ("90", 90_000),
        (" 0.5 ", 500),
        (90, 90_000),
        (0.25, 250),
        (0, 0),
    ],
)
def test_a_duration_is_read(written: str | float, ms: int) -> None:
    assert milliseconds(written) == ms


@pytest.mark.parametrize(
    "written", ["", "soon", "5 weeks", "-3s", "m", "3s!", "9" * 400 + "d", -1, 1e308, float("inf"), float("nan")]
)
def test_what_is_no_duration_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        milliseconds(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [("64MiB", 64 * MIB), ("1.5 GB", 1_500_000_000), ("48kib", 48 * KIB), ("4096", 4096), (7, 7), ("2GiB", 2 * GIB)],
)
def test_a_size_is_read(written: str | int, size: int) -> None:
    assert byte_count(written) == size


@pytest.mark.parametrize("written", ["", "big", "-1", "4 TiBs", "MiB"])
def test_what_is_no_size_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        byte_count(written)


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (2_550, "2.5 s"),
        (9_999, "9.9 s"),
        (42_400, "42 s"),
        (60_000, "1 min"),
        (200_000, "3 min 20 s"),
        (3_600_000, "1 h"),
        (7_500_000, "2 h 5 min"),
        (356_400_000, "4 d 3 h"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(ms: int, said: str) -> None:
    assert say_duration(ms) == said


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0ms"),
        (250, "250ms"),
        (2_500, "2.5s"),
        (42_900, "42s"),
        (200_000, "3m20s"),
        (180_000, "3m"),
        (7_500_000, "2h05m"),
        (4 * 86_400_000 + 3 * 3_600_000, "4d03h"),
    ],
)
def test_a_duration_is_said_briefly_in_narrow_places(ms: int, said: str) -> None:
    assert brief(ms) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (1023, "1023 B"), (48 * KIB, "48 KiB"), (1_572_864, "1.5 MiB"), (25 * MIB + 1, "25 MiB")],
)
def test_a_size_is_said_in_powers_of_1024(size: int, said: str) -> None:
    assert say_bytes(size) == said


@given(st.integers(0, 10**12))
def test_what_is_said_can_be_read_again_within_two_units(ms: int) -> None:
    assert milliseconds(say_duration(ms)) <= ms < milliseconds(say_duration(ms)) * 1.1 + 1


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("worker_slot", " Did you mean 'worker_slots'?"),
        ("SLOTS", " Did you mean 'worker_slots'?"),
        ("ledgr", " Did you mean 'ledger'?"),
        ("work", ""),
        ("xyz", ""),
    ],
)
def test_a_mistyped_word_gets_a_hint_where_one_word_comes_close(word: str, hint: str) -> None:
    assert did_you_mean(word, ["ledger", "worker_slots", "worker_queues_of_all_kinds"]) == hint


def test_counts_say_where_counting_stopped() -> None:
    assert (say_count(1_234), say_count(0, 10), say_count(10, 10), say_count(11, 10)) == ("1,234", "0", "10", "10+")
