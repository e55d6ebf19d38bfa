from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table

from leasehold.demo.report import End, Mishap, RunRow, TaskRow, mishaps, mishaps_table, tally, transcripts_table

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
MISHEARD = PLAIN._replace(file="misheard.wav", heard="blue heron arrives at sunset")
DAMAGED = TaskRow(
    "damaged.wav",
    completed=False,
    runs=(RunRow("a", End.FAILED, 0.0, 0.1, "damaged.wav is not readable audio: cut short"),),
)
TWICE = PLAIN._replace(
    file="twice.wav",
    runs=(
        RunRow("a", End.FAILED, 1.0, 1.1, "run 1 fails, as planned"),
        RunRow("b", End.FAILED, 1.5, 1.6, "run 2 fails, as planned"),
        RunRow("b", End.COMPLETED, 2.6, 4.6),
    ),
    starts=(0.0, 0.0, 0.0),
)
SLOT = PLAIN._replace(
    file="slot.wav",
    runs=(RunRow("b", End.KILLED, 3.0, 4.0, "its process died by SIGKILL"), RunRow("b", End.COMPLETED, 4.3, 5.0)),
    starts=(0.0, 1.7),
)
NODE = PLAIN._replace(
    file="node.wav",
    runs=(RunRow("a", End.LOST, 0.0, 8.0), RunRow("b", End.COMPLETED, 8.2, 9.0)),
    starts=(0.0, 1.2),
)
BESIDE = NODE._replace(file="beside.wav", starts=(0.0,))  # lost before its first checkpoint was kept
ALL = [PLAIN, MISHEARD, DAMAGED, TWICE, SLOT, NODE, BESIDE]


def shown(table: Table) -> str:
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_tally_counts_what_happened() -> None:
    counted = tally(ALL)
    assert counted._replace(wer=None)._asdict() == {
        "tasks": 7,
        "completed": 6,
        "failed": 1,
        "retried": 1,
        "slots_killed": 1,
        "workers_killed": 1,
        "lapsed": 2,
        "resumed": 2,
        "duplicates": 0,
        "wer": None,
        "as_planned": True,
    }
    assert counted.wer == pytest.approx(1 / 30)


def test_a_second_success_is_a_duplicate_and_an_unplanned_end_is_told() -> None:
    both = (RunRow("a", End.COMPLETED, 0.0, 2.0), RunRow("b", End.COMPLETED, 0.0, 2.0))
    assert tally([PLAIN._replace(runs=both)]).duplicates == 1
    assert not tally([PLAIN, DAMAGED._replace(as_planned=False)]).as_planned


def test_without_known_words_there_is_no_error_rate() -> None:
    assert tally([PLAIN._replace(spoken=None)]).wer is None


def test_each_mishap_is_told_with_its_remedy_in_the_order_of_their_coming_to_light() -> None:
    assert mishaps(ALL) == [
        Mishap("damaged.wav", "damaged.wav is not readable audio: cut short", "failed for good, with this reason"),
        Mishap("twice.wav", "run 1 fails, as planned", "ran again on b 0.4 s later, from the beginning"),
        Mishap("twice.wav", "run 2 fails, as planned", "ran again on the same node 1.0 s later, from the beginning"),
        Mishap(
            "slot.wav", "its process died by SIGKILL", "ran again on the same node 0.3 s later, from second 1.7 of 2.5"
        ),
        Mishap(
            "node.wav",
            "its node a was lost: no word from it until the lease lapsed",
            "ran again on b 0.2 s later, from second 1.2 of 2.5",
        ),
        Mishap(
            "beside.wav",
            "its node a was lost: no word from it until the lease lapsed",
            "ran again on b 0.2 s later, from the beginning",
        ),
    ]


def test_the_table_of_transcripts_shows_both_texts_where_they_differ() -> None:
    text = shown(transcripts_table(ALL))
    assert text.count(SAID) == 6
    assert f"said:  {SAID}" in text
    assert "heard: blue heron arrives at sunset" in text
    assert "1 of 5" in text
    assert "1.7 s" in text
    assert "not readable audio: cut short" in text


def test_the_table_of_mishaps_has_a_row_for_each() -> None:
    text = shown(mishaps_table(ALL))
    assert text.count("ran again") == 5
    assert "failed for good" in text
