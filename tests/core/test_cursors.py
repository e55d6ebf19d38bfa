"""Places in lists: what a list gives out it takes back, and takes nothing else."""

from __future__ import annotations

import base64
import json

import pytest

from leasehold.core.cursors import LARGEST, LONGEST, PAGE, Listing
from leasehold.core.errors import BadCursor

NUMBERS = Listing[int]("numbers", (int,), lambda number: (number,))
NAMES = Listing[str]("names", (str,), lambda name: (name,))


def test_a_list_goes_on_behind_the_row_that_its_cursor_is_of() -> None:
    assert NUMBERS.read(NUMBERS.cursor(7)) == (7,)
    assert NAMES.read(NAMES.cursor('ä \0 "')) == ('ä \0 "',)
    for largest in (LARGEST, -LARGEST):
        assert NUMBERS.read(NUMBERS.cursor(largest)) == (largest,)
    assert NUMBERS.read(None) is None


def test_a_page_has_a_cursor_where_there_is_more() -> None:
    assert NUMBERS.cut([1, 2, 3], 2) == ([1, 2], NUMBERS.cursor(2))
    assert NUMBERS.cut([1, 2], 2) == ([1, 2], None)
    assert NUMBERS.cut([], 2) == ([], None)


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(BadCursor, match="none of names"):
        NAMES.read(NUMBERS.cursor(7))
    with pytest.raises(BadCursor, match="none of numbers"):
        NUMBERS.read(Listing[str]("numbers", (str,), lambda name: (name,)).cursor("7"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ä",
        "not a cursor",
        "A" * (LONGEST + 1),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(json.dumps([7]).encode()).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 7_000).decode(),
        base64.urlsafe_b64encode(b'["numbers", [7]]').decode(),
        base64.urlsafe_b64encode(b'["numbers", 1e999]').decode(),
        NUMBERS.cursor(LARGEST + 1),
        NUMBERS.cursor(-(10**40)),
        NAMES.cursor("half a pair: \ud800"),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor, match="no page cursor"):
        NUMBERS.read(text)


@pytest.mark.parametrize("limit", [0, 1, PAGE, PAGE + 1, 3 * PAGE])
def test_a_walk_takes_each_row_once_and_no_more_than_is_wanted(limit: int) -> None:
    rows = range(2 * PAGE + 10)

    def page(wanted: int, cursor: str | None) -> list[int]:
        assert wanted <= PAGE + 1
        (after,) = NUMBERS.read(cursor) or (-1,)
        return [row for row in rows if row > int(after)][:wanted]

    assert list(NUMBERS.walk(page, limit)) == list(rows)[:limit]
