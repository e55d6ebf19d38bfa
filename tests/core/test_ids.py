import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.ids import RANDOMNESS, Tick, following, is_id, may_end, new_id, ordered_id

instants = st.integers(0, (1 << 48) - 1)
randomness = st.binary(min_size=RANDOMNESS, max_size=RANDOMNESS)


def test_the_example_of_the_standard() -> None:
    # RFC 9562, appendix A.6
    random = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(RANDOMNESS)
    assert new_id(0x017F22E279B0, random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(instants, randomness)
def test_an_id_is_a_canonical_uuid_of_version_7(at: int, random: bytes) -> None:
    for text in (new_id(at, random), ordered_id(Tick(at, 7), random)):
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert parsed.int >> 80 == at
        assert is_id(text)


@given(st.lists(instants, min_size=2), randomness)
def test_ids_of_one_maker_rise_also_when_the_clock_falls(clock: list[int], random: bytes) -> None:
    tick = Tick(0)
    made: list[str] = []
    for now in clock:
        tick = following(tick, now)
        made.append(ordered_id(tick, random))
    assert made == sorted(set(made))


def test_ids_follow_the_clock() -> None:
    assert following(Tick(1_000, 7), 1_001) == Tick(1_001)
    assert following(Tick(1_000, 7), 1_000) == Tick(1_000, 8)


def test_a_used_up_millisecond_borrows_from_the_next() -> None:
    tick = Tick(1_000)
    for _ in range(4_095):
        tick = following(tick, 1_000)
    assert tick == Tick(1_000, 4_095)
    assert following(tick, 1_000) == Tick(1_001)
    assert following(tick, 1_001) == Tick(1_001)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
    ],
)
def test_other_spellings_are_no_ids(text: str) -> None:
    assert not is_id(text)


@given(instants, randomness, st.integers(0, 35))
def test_every_end_of_an_id_is_one_that_some_id_may_have(at: int, random: bytes, length: int) -> None:
    assert may_end(new_id(at, random)[36 - length :])


@pytest.mark.parametrize(
    "part",
    [
        "0c07398g",
        "-0c07398f",
        "0dc0c0c07398f",
        "c0c-07398f",
        "98c4-dc0c0c07398f0",
        "0C07398F",
        "x" * 36,
        "0" * 40,
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    ],
)
def test_what_has_a_sign_where_no_id_has_it_ends_none(part: str) -> None:
    assert not may_end(part)
