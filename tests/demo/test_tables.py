from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table

from leasehold.demo.report import End, RunRow, TaskRow
from leasehold.demo.tables import compared, mishaps_table, transcripts_table

SAID = "blue heron arrives at sunrise"
PLAIN = TaskRow(
    "plain.wav",
    completed=True,
    runs=(RunRow("a", End.COMPLETED, 0.0, 2.0),),
    spoken=SAID,
    heard=SAID,
    seconds=2.5,
    starts=(0.0,),
)
RESUMED = PLAIN._replace(
    file="resumed.wav",
    runs=(RunRow("b", End.KILLED, 3.0, 4.0, "killed"), RunRow("b", End.COMPLETED, 4.3, 5.0)),
    starts=(0.0, 1.7),
)
DAMAGED = TaskRow(
    "damaged.wav",
    completed=False,
    runs=(RunRow("a", End.FAILED, 0.0, 0.1, "damaged.wav is not readable audio: cut short"),),
)
UNKNOWN = PLAIN._replace(file="unknown.wav", spoken=None)
ALL = [PLAIN, PLAIN._replace(file="misheard.wav", heard="blue heron arrives at sunset"), RESUMED, DAMAGED, UNKNOWN]


def shown(table: Table, width: int = 120) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_transcripts_show_what_differs_and_what_was_resumed() -> None:
    text = shown(transcripts_table(ALL, 120))
    assert text.count(SAID) == 3
    assert "blue heron arrives at [sunrise/sunset]" in text
    assert "1 of 5" in text
    assert "1.7 s" in text
    assert "not readable audio: cut short" in text


def test_a_narrow_screen_shows_what_matters_most() -> None:
    wide, narrow = (shown(transcripts_table(ALL, width), width) for width in (100, 80))
    assert "length" in wide
    assert "length" not in narrow
    assert "resumed at" in narrow
    assert max(map(len, narrow.splitlines())) <= 80


def test_the_mishaps_have_a_row_each() -> None:
    text = shown(mishaps_table(ALL, 120))
    assert text.count("ran again") == 1
    assert "failed for good" in text


@pytest.mark.parametrize(
    ("said", "heard", "shows"),
    [
        ("a b c", "a b c", "a b c"),
        ("a b c", "a x c", "a [b/x] c"),
        ("a b c", "a c", "a [b/-] c"),
        ("a c", "a b c", "a [-/b] c"),
        ("a", "", "[a/-]"),
        ("", "", ""),
    ],
)
def test_words_that_differ_are_shown_both(said: str, heard: str, shows: str) -> None:
    assert " ".join(text.plain for text in compared(said.split(), heard.split())) == shows
