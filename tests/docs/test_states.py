"""The drawn states are those of the transition table."""

from __future__ import annotations

import pytest

from leasehold.core.transitions import TABLE, Transition
from scripts.draw_states import PAGE, PARTS, arrows, drawn, page, section


def test_the_committed_page_is_up_to_date() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "the transition table has changed; run: python scripts/draw_states.py"


def test_what_stands_around_the_drawing_is_kept() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text.replace("`failed`", "`FAILED`")).count("`FAILED`") < text.count("`failed`")
    assert page(text).startswith("# The states of a task")


def test_a_kind_that_no_diagram_shows_is_an_error() -> None:
    with pytest.raises(LookupError, match="vanished"):
        drawn([*TABLE, Transition("vanished", ("completed",), ("failed",))])


def test_two_kinds_that_take_the_same_way_share_an_arrow() -> None:
    rows = [Transition("one", ("pending/due",), ("failed",)), Transition("two", ("pending/due",), ("failed",))]
    assert list(arrows(rows)) == ["due --> failed : one, two"]


def test_every_line_of_the_table_is_drawn() -> None:
    text = "\n".join(line for part in PARTS for line in section(part, TABLE))
    assert text.count("\n| `") == len(TABLE)
