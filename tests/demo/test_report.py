from __future__ import annotations

import pytest

from leasehold.demo.report import End, Happening, Mishap, RunRow, TaskRow, happenings, mishaps, tally

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
    runs=(
        RunRow("b", End.KILLED, 3.0, 4.0, "its process died by SIGKILL"),
        RunRow("b", End.COMPLETED, 4.3, 5.0, note="from second 1.7 of 2.5"),
    ),
    starts=(0.0, 1.7),
)
NODE = PLAIN._replace(
    file="node.wav",
    runs=(
        RunRow("a", End.LOST, 0.0, 8.0, lapsed=True),
        RunRow("b", End.COMPLETED, 8.2, 9.0, note="from second 1.2 of 2.5"),
    ),
    starts=(0.0, 1.2),
)
BESIDE = NODE._replace(  # lost before its first checkpoint was kept
    file="beside.wav", starts=(0.0,), runs=(NODE.runs[0], RunRow("b", End.COMPLETED, 8.2, 9.0))
)
ALL = [PLAIN, MISHEARD, DAMAGED, TWICE, SLOT, NODE, BESIDE]


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


def test_a_run_that_was_thought_lost_and_spoke_again_has_lapsed_but_no_node_died_of_it() -> None:
    late = (RunRow("a", End.COMPLETED, 0.0, 9.0, lapsed=True),)
    counted = tally([PLAIN._replace(runs=late)])
    assert (counted.lapsed, counted.workers_killed) == (1, 0)


def test_what_has_not_ended_is_neither_completed_nor_failed_nor_as_planned() -> None:
    counted = tally([PLAIN._replace(completed=False, ended=False, as_planned=False)])
    assert (counted.tasks, counted.completed, counted.failed, counted.as_planned) == (1, 0, 0, False)


LOST = "its node a was lost: no word from it until the lease lapsed"


def test_each_mishap_is_told_with_its_remedy_in_the_order_of_their_coming_to_light() -> None:
    assert mishaps(ALL) == [
        Mishap("damaged.wav", "not readable audio: cut short", "failed for good, with this reason", mended=False),
        Mishap("twice.wav", "run 1 fails, as planned", "ran again on b 0.4 s later, from the beginning"),
        Mishap("twice.wav", "run 2 fails, as planned", "ran again on b 1.0 s later, from the beginning"),
        Mishap("slot.wav", "its process died by SIGKILL (on b)", "ran again on b 0.3 s later, from second 1.7 of 2.5"),
        Mishap("node.wav", LOST, "ran again on b 0.2 s later, from second 1.2 of 2.5"),
        Mishap("beside.wav", LOST, "ran again on b 0.2 s later, from the beginning"),
    ]


def test_what_happens_is_told_as_it_comes_to_light() -> None:
    lost, again = NODE.runs
    assert list(happenings(NODE._replace(runs=(lost,), ended=False))) == [Happening(8.0, "node.wav", LOST)]
    silent = again._replace(under_way=False)
    assert len(list(happenings(NODE._replace(runs=(lost, silent), ended=False)))) == 1, "where it goes on is not known"
    assert list(happenings(NODE)) == [
        Happening(8.0, "node.wav", LOST),
        Happening(8.2, "node.wav", "ran again on b 0.2 s later, from second 1.2 of 2.5", 1, good=True),
    ]


def test_what_happens_keeps_its_number_when_more_becomes_known() -> None:
    numbers = [happening.number for happening in happenings(TWICE)]
    assert numbers == sorted(set(numbers))
    assert [h.number for h in happenings(TWICE._replace(runs=TWICE.runs[:2], ended=False))] == numbers[:3]


def test_a_failure_for_good_is_told_as_such() -> None:
    assert [happening.told for happening in happenings(DAMAGED)] == [
        "not readable audio: cut short",
        "failed for good, with this reason",
    ]
