"""How things look: tables that fit, numbers that are read at a glance, nothing that moves the cursor."""

from __future__ import annotations

import pytest

from leasehold.cli.meter import Lines, Speed, line
from leasehold.cli.output import LEAST, Column, clean, plural, widths
from leasehold.flow.progress import eta, say_rate

Row = tuple[str, ...]


def fitted(room: int, *cells: str) -> list[int]:
    """The widths of a table of one row; what is written in small letters gives way."""

    def column(place: int) -> Column[Row]:
        return Column("", lambda row: row[place], give=cells[place].islower())

    return widths([column(place) for place in range(len(cells))], [cells], room)


def test_a_table_that_has_room_is_as_wide_as_its_cells() -> None:
    assert fitted(80, "A" * 10, "b" * 20) == [10, 20]


def test_where_there_is_no_room_what_may_give_way_is_cut() -> None:
    assert fitted(40, "A" * 10, "b" * 50) == [10, 26]


def test_of_several_that_give_way_the_widest_is_cut_first() -> None:
    assert fitted(60, "A" * 10, "b" * 12, "c" * 90) == [10, 12, 32]
    assert fitted(60, "A" * 10, "b" * 90, "c" * 90) == [10, 22, 22]


def test_nothing_is_cut_to_nothing() -> None:
    assert fitted(20, "A" * 30, "b" * 50) == [30, LEAST]


def test_wide_characters_take_two_places() -> None:
    assert fitted(80, "東京") == [4]


def test_what_users_write_cannot_move_the_cursor() -> None:
    assert clean("a\tb\nc\x1b[2J\x07") == "a b c\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("count", "ceiling", "said"),
    [
        (1, None, "1 task"),
        (0, None, "0 tasks"),
        (1_234, None, "1,234 tasks"),
        (10_000, 10_000, "10,000 tasks"),
        (10_001, 10_000, "10,000+ tasks"),
    ],
)
def test_counts_agree_with_their_noun(count: int, ceiling: int | None, said: str) -> None:
    assert plural(count, "task", ceiling) == said


def test_rates_are_said_so_that_one_can_picture_them() -> None:
    assert [say_rate(speed) for speed in (1_200.0, 1.25, 0.05)] == ["1,200.0 tasks/s", "1.2 tasks/s", "3.0 tasks/min"]
    assert eta(90, 1.5) == "1.5 tasks/s, about 1 min to go"
    assert eta(90, 0) == "none has ended yet"


def test_the_progress_line_says_what_is_done_what_runs_and_what_is_left() -> None:
    counts = {"completed": 409, "failed": 3, "in_progress": 4, "pending": 784}
    assert line(counts, 1.5) == "412 of 1,200 ended (3 failed), 4 running, 1.5 tasks/s, about 8 min 45 s to go"
    assert line({"completed": 2}, 0) == "2 of 2 ended"


def test_the_rate_is_that_of_the_last_minute() -> None:
    speed = Speed()
    assert speed.look(0, 0) == 0
    assert speed.look(30_000, 30) == 1
    assert speed.look(60_000, 120) == 2
    assert speed.look(90_000, 210) == 3  # the first half minute counts no more
    assert speed.look(90_000, 210) == 3


def test_where_more_is_retried_than_ends_the_rate_is_nothing() -> None:
    speed = Speed()
    speed.look(0, 500)
    assert speed.look(1_000, 20) == 0


def test_where_nobody_watches_a_line_is_printed_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0
    lines = Lines(lambda: now)
    for now in (1_000, 9_000, 10_000, 11_000, 25_000):
        lines.show({"completed": now // 1_000, "pending": 100})
    assert [said.split(",")[0] for said in capsys.readouterr().err.splitlines()] == [
        "10 of 110 ended",
        "25 of 125 ended",
    ]
