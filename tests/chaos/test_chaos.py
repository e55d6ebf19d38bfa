"""Handlers that are not safe to run at least once are found out; those that are, are not accused."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from leasehold.chaos.outputs import difference
from leasehold.chaos.runs import Kill, Subject, Task
from leasehold.chaos.trials import MOST_SAVES, Experiment, Report, Terms, chosen
from leasehold.cli.program import outcome
from tests.acceptance.processes import scrubbed
from tests.chaos.careless import SPEC
from tests.tooling.repository import ROOT

TIMEOUT = 60_000


def subject(name: str, folder: Path, *, timeout: int = TIMEOUT, **arguments: object) -> Subject:
    return Subject(SPEC, name, json.dumps(arguments), timeout, scrubbed(folder))


def tried(name: str, folder: Path, *, timeout: int = TIMEOUT, kills: int = 0, **arguments: object) -> Report:
    files = folder / "files"
    files.mkdir()
    (files / "input").write_text("input\n")
    terms = Terms(files, (), kills, 1, overlap=False)
    return Experiment(subject(name, folder, timeout=timeout, **arguments), terms, folder / "root").run()


@pytest.mark.parametrize(
    ("name", "trial", "told"),
    [
        (
            "appends",
            "run twice in a row",
            "file log has 10 bytes instead of 5; the first difference is at byte 5",
        ),
        ("counts_in_a_file", "run twice in a row", "file count has 1 bytes; the first difference is at byte 0, line 1"),
        ("insists_on_being_first", "run twice in a row", "it did not succeed: FileExistsError"),
        ("takes_its_input_away", "run twice in a row", "it did not succeed: FileNotFoundError"),
        ("numbers_its_outputs", "run twice in a row", "file out-1 (1 bytes) is not there after an undisturbed run"),
        ("returns_its_token", "run twice in a row", "the result is 1048578 instead of 1048577"),
        ("counts_twice_after_a_checkpoint", "killed at save 1, after it was kept", "the result is 4 instead of 3"),
        (
            "trusts_a_file_that_is_half_written",
            "killed at save 1, before it was kept",
            "file out has 12 bytes instead of",
        ),
        ("leaves_temporary_files", "killed at save 1, before it was kept", "is not there after an undisturbed run"),
        ("cannot_read_its_own_checkpoint", "killed at save 1, after it was kept", "it did not succeed: KeyError"),
        ("leaves_its_lock_behind", "killed at save 1, before it was kept", "it did not succeed: FileExistsError"),
        ("appends_between_checkpoints", "killed at save 1, before it was kept", "file lines has 6 bytes instead of 4"),
    ],
)
def test_what_is_unsafe_is_found_with_the_trial_and_the_difference(
    name: str, trial: str, told: str, tmp_path: Path
) -> None:
    report = tried(name, tmp_path)
    assert report.verdict == "unsafe"
    assert told in {each.what: each.difference for each in report.trials}[trial]
    assert "is NOT safe to run at least once" in report.sentence


def test_a_run_that_hangs_when_it_is_resumed_is_found(tmp_path: Path) -> None:
    report = tried("waits_for_ever_when_resumed", tmp_path, timeout=3_000)
    told = {each.what: each.difference for each in report.trials}
    assert told["killed at save 1, after it was kept"] == "it did not succeed: it took longer than --timeout"
    assert told["killed at save 1, before it was kept"] == ""


@pytest.mark.parametrize("name", ["takes_a_random_name", "writes_the_time"])
def test_of_what_differs_undisturbed_nothing_is_claimed(name: str, tmp_path: Path) -> None:
    report = tried(name, tmp_path)
    assert (report.verdict, report.trials) == ("unknown", [])
    assert "two undisturbed runs already differ" in report.sentence


def test_of_what_fails_undisturbed_nothing_is_claimed(tmp_path: Path) -> None:
    report = tried("fails", tmp_path)
    assert report.verdict == "unknown"
    assert "undisturbed, it did not succeed: ValueError: no good" in report.sentence


def test_a_careful_handler_is_killed_everywhere_and_found_safe(tmp_path: Path) -> None:
    report = tried("is_careful", tmp_path, kills=2)
    assert report.verdict == "safe", report.sentence
    assert [(trial.what, trial.killed) for trial in report.trials[:6]] == [
        ("run twice in a row", 0),
        ("run again from its last checkpoint", 0),
        ("killed at save 1, before it was kept", 1),
        ("killed at save 1, after it was kept", 1),
        ("killed at save 2, before it was kept", 1),
        ("killed at save 2, after it was kept", 1),
    ]
    assert len(report.trials) == 8
    assert (tmp_path / "files" / "input").read_text() == "input\n"


def test_async_handlers_and_arguments_are_tried_too(tmp_path: Path) -> None:
    assert tried("is_careful_too", tmp_path, text="hello").verdict == "safe"


def test_a_killed_run_is_resumed_in_a_new_process_from_what_was_kept(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    task = Task(subject("is_careful", tmp_path), tmp_path, scratch)
    assert task.run(Kill(2)).how == "killed"
    assert (task.state, task.kept) == ("1", 1)
    ended = task.run()
    assert (ended.how, ended.saves, task.state) == ("returned", 1, "2")


def test_two_runs_at_once_are_tried_when_asked_for(tmp_path: Path) -> None:
    terms = Terms(None, (), 0, 1, overlap=True)
    report = Experiment(subject("insists_on_being_first", tmp_path), terms, tmp_path / "root").run()
    assert "FileExistsError" in report.trials[-1].difference
    assert report.trials[-1].what == "two runs at once"


def test_of_many_checkpoints_the_first_the_last_and_some_between_are_tried() -> None:
    places = chosen(1_000, Random(1))
    assert (places[0], places[-1], len(set(places))) == (1, 1_000, MOST_SAVES)
    assert chosen(3, Random(1)) == [1, 2, 3]


def test_only_the_outputs_that_are_named_are_compared(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for place, text in ((one, "a\nb\n"), (other, "a\nc\n")):
        (place / "deep").mkdir(parents=True)
        (place / "deep" / "out.txt").write_text(text)
        (place / "same").write_text("x")
        (place / place.name).touch()
    assert difference(one, other, ["same"]) is None
    assert difference(one, other, ["deep"]) == difference(one, other, ["**/*.txt"])
    assert difference(one, other, ["*.txt", "deep/*"]) == (
        "file deep/out.txt has 4 bytes; the first difference is at byte 2, line 2: 'c' instead of 'b'"
    )
    assert difference(one, other, ["o*"]) == "file one is missing"
    (other / "same").unlink()
    (other / "same").symlink_to("x")
    assert difference(one, other, ["same"]) == "same is a link, or leads elsewhere, and was a file"


# -------------------------------------------------------------------------------------------- the command and its docs


EXAMPLE = ROOT / "examples" / "chaos.py"


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = outcome(["chaos", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_safe_example_is_safe_and_the_other_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "talk.txt").write_text("one two\nthree\n")
    common = ("--files", str(tmp_path), "--kills", "1", "--seed", "7")
    code, out, err = command(capsys, f"{EXAMPLE}:count_words", "source=talk.txt", *common)
    assert (code, "count_words is safe to run at least once, as far as 7 trials show" in out) == (0, True)
    assert "really happens" in err
    text = json.dumps({"source": "talk.txt"})
    code, out, _ = command(capsys, f"{EXAMPLE}:log_words", "--args", text, *common, "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["seed"], told["trials"][0]["same"]) == (1, "unsafe", 7, False)
    assert not (tmp_path / "talk.txt.count").exists()


def test_a_shell_command_is_tried_like_a_handler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names").write_text("b\na\n")
    common = ("source=names", "--files", str(tmp_path), "--kills", "0")
    assert command(capsys, "sort {source} -o {source}.sorted", *common)[0] == 0
    code, out, _ = command(capsys, "--shell", "cat {source} >> all", *common)
    assert (code, "file all has 8 bytes instead of 4" in out) == (1, True)


@pytest.mark.parametrize("words", [[f"{EXAMPLE}:nobody"], [f"{EXAMPLE}:count_words", "nonsense=1"], []])
def test_a_wrong_command_tries_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, *words)[0] == 2
