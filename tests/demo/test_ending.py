from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from leasehold.demo.ending import Ending, figures, show_ending, summary
from leasehold.demo.plan import Plan
from leasehold.demo.report import End, RunRow, TaskRow, tally
from leasehold.flow.audit import Problem, Verdict

DONE = TaskRow(
    "a.wav", completed=True, runs=(RunRow("w", End.COMPLETED, 0, 2),), spoken="one two", heard="one too", seconds=2.5
)
KILLED = DONE._replace(
    file="b.wav",
    runs=(RunRow("w", End.KILLED, 0, 1, "killed"), RunRow("w", End.COMPLETED, 1, 2)),
    heard="one two",
    starts=(0.0, 1.5),
)
FAILED = TaskRow("c.wav", completed=False, runs=(RunRow("w", End.FAILED, 0, 1, "c.wav is damaged"),))
WAITS = TaskRow("d.wav", completed=False, ended=False, as_planned=False, runs=())
VERDICT = Verdict(
    tasks=3, states={"completed": 3}, standings=[], problems=[], notes=[], trails=3, overlaps=0, quarantined=0
)
PROBLEM = Problem("trail", 1, "id", "the audit trails of 1 task have gaps")


def ending(*rows: TaskRow, **more: object) -> Ending:
    plain = Ending(
        plan=Plan("demo", []),
        rows=list(rows),
        tally=tally(rows),
        verdict=VERDICT,
        seconds=29.04,
        ledger="/x/demo.db",
        interrupted=False,
    )
    return plain._replace(**more)


def shown(what: Ending) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        show_ending(what, console)
    return capture.get()


def test_programs_read_exactly_these_figures() -> None:
    assert figures(ending(DONE, KILLED, FAILED)) == {
        "tasks": 3,
        "completed": 2,
        "failed": 1,
        "retried": 0,
        "slots_killed": 1,
        "workers_killed": 0,
        "lapsed": 0,
        "resumed": 1,
        "duplicates": 0,
        "wer": 0.25,
        "seconds": 29.0,
        "audit": "ok",
        "ledger": "/x/demo.db",
    }


def test_an_audit_that_found_something_is_said_in_its_words() -> None:
    found = VERDICT.__class__(**{**vars(VERDICT), "problems": [PROBLEM]})
    assert figures(ending(DONE, verdict=found))["audit"] == "Not everything is explained: trail."
    assert "Unexplained: the audit trails of 1 task have gaps." in shown(ending(DONE, verdict=found))


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (ending(DONE, FAILED), 0),
        (ending(DONE, FAILED._replace(as_planned=False)), 1),
        (ending(DONE, WAITS), 1),
        (ending(DONE, verdict=VERDICT.__class__(**{**vars(VERDICT), "problems": [PROBLEM]})), 1),
        (ending(DONE, WAITS, interrupted=True), 130),
    ],
)
def test_the_exit_code_tells_how_it_went(what: Ending, code: int) -> None:
    assert what.code == code


def test_the_summary_leaves_out_what_did_not_happen() -> None:
    assert summary(ending(DONE)) == "1 task in 29.0 s: 1 completed. Of the words said, 50.0 % were heard wrongly."
    assert summary(ending(DONE, KILLED, FAILED)) == (
        "3 tasks in 29.0 s: 2 completed, 1 failed as it should. 1 slot killed, 1 task resumed in the middle, "
        "none completed twice. Of the words said, 25.0 % were heard wrongly."
    )
    unplanned = FAILED._replace(as_planned=False)
    assert summary(ending(unplanned)) == "1 task in 29.0 s: 0 completed, 1 failed."


def test_whoever_stopped_it_is_told_how_to_go_on() -> None:
    said = shown(ending(DONE, WAITS, interrupted=True)).splitlines()
    assert said[0] == "2 tasks in 29.0 s: 1 completed, 1 not ended yet."
    assert said[1].startswith("Audit: Nothing is lost")
    assert said[2:] == [
        "Go on:       leasehold demo --ledger /x/demo.db",
        "Look around: leasehold tasks ls --ledger /x/demo.db",
    ]


def test_ones_own_recordings_come_with_a_word_about_accuracy_and_are_named_for_going_on() -> None:
    plan = Plan("/my sounds", [], Path("/my sounds"))
    assert "expect many wrong words" in shown(ending(DONE, plan=plan))
    stopped = shown(ending(DONE, WAITS, plan=plan, interrupted=True))
    assert "leasehold demo --input '/my sounds' --ledger /x/demo.db" in stopped
