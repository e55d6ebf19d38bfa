"""Which failures are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.grouping import GROUP_ID, LONGEST, error_group, normalised
from leasehold.core.model import Failure, FailureKind

FAILURE = Failure(FailureKind.EXCEPTION, "ValueError", "row 17 of 'a.csv' is damaged", "media.py:decode")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("row 17 of 300 is damaged", "row <n> of <n> is damaged"),
        ("took 1.5 s at 2024-01-02", "took <n> s at <n>"),
        ("took 1.5s, -3 left", "took <n>s, -<n> left"),
        ("no such key: 'speaker'", "no such key: <text>"),
        ('cannot parse "a b" as `int`', "cannot parse <text> as <text>"),
        ("it isn't there, is it? 'x'", "it isn't there, is it? <text>"),
        ("open /var/data/a.wav: no such file", "open <path>: no such file"),
        ("open C:\\data\\a.wav failed", "open <path> failed"),
        ("read ./a/b/c.txt", "read .<path>"),
        ("GET https://example.org/a?b=1 answered 503", "GET <url> answered <n>"),
        ("object s3://bucket/key/1.wav is gone", "object <url> is gone"),
        ("task 0190c1a2-7b3c-7def-8123-456789abcdef is lost", "task <uuid> is lost"),
        ("at 0x7f3a12bc", "at <hex>"),
        ("commit deadbeef01 of utf8", "commit <hex> of utf8"),
        ("bad1 is damaged, and chunk_0012.bin", "bad<n> is damaged, and chunk_<n>.bin"),
        ("x2y3 in v2", "x<n>y<n> in v<n>"),
        ("sha256, utf8 and MP3, but not sha256sum or mp3s2", "sha256, utf8 and MP3, but not sha<n>sum or mp<n>s<n>"),
        ("either/or is fine", "either/or is fine"),
        ("two\nlines   and\ttabs", "two lines and tabs"),
        ("", ""),
    ],
)
def test_what_varies_is_left_out(message: str, expected: str) -> None:
    assert normalised(message) == expected


def test_messages_that_differ_in_what_varies_are_one_group() -> None:
    other = FAILURE._replace(message="row 4 of 'b.csv' is damaged", traceback="another", exit_code=3)
    assert error_group("load", FAILURE) == error_group("load", other)


@pytest.mark.parametrize(
    "other",
    [
        FAILURE._replace(type="KeyError"),
        FAILURE._replace(message="row 17 of 'a.csv' is missing"),
        FAILURE._replace(frame="media.py:load"),
    ],
)
def test_type_message_and_frame_tell_groups_apart(other: Failure) -> None:
    assert error_group("load", FAILURE) != error_group("load", other)


def test_handlers_tell_groups_apart() -> None:
    assert error_group("load", FAILURE) != error_group("save", FAILURE)


@given(st.text(max_size=3_000))
def test_a_normalised_message_is_one_short_line(message: str) -> None:
    short = normalised(message)
    assert len(short) <= LONGEST
    assert "\n" not in short
    assert len(error_group("load", FAILURE._replace(message=message))) == GROUP_ID


def test_a_very_long_message_takes_no_long_time() -> None:
    """The patterns do not backtrack: this would never end."""
    for evil in ("'" * 100_000, "/a" * 50_000, "1-" * 50_000, "a" * 100_000 + "!", "0x" * 50_000, "a.b:" * 30_000):
        assert len(normalised(evil)) <= LONGEST
