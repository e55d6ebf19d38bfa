"""What the laws notice: each of them can be broken."""

from __future__ import annotations

from tests.crash.board import Note
from tests.crash.laws import Ended, of_checkpoints, of_processes


def note(kind: str, run: str = "r1", **said: object) -> Note:
    return Note(kind, 0, {"name": "plain", "run": run, **said})


def processes(*notes: Note) -> list[str]:
    return [*of_processes(Ended({}, notes))]


def test_two_runs_of_one_task_at_once_are_noticed() -> None:
    said = processes(note("began"), note("began", "r2"), note("returned"))
    assert len(said) == 1
    assert "two runs at once" in said[0]


def test_a_run_that_never_ended_is_noticed() -> None:
    assert processes(note("began")) == ["still alive at the end: {'plain': 'r1'}"]


def test_a_run_dies_with_its_worker_and_with_nobody_else() -> None:
    assert processes(note("began"), note("died", role="worker"), note("began", "r2"), note("returned", "r2")) == []
    assert processes(note("began"), note("died", role="client"), note("began", "r2"), note("returned", "r2")) != []


def test_a_checkpoint_that_was_kept_and_is_gone_is_noticed() -> None:
    kept = (note("loaded", state=0), note("saved", state=1))
    assert [*of_checkpoints("plain", Ended({}, (*kept, note("loaded", "r2", state=1))))] == []
    assert [*of_checkpoints("plain", Ended({}, (*kept, note("loaded", "r2", state=0))))] != []
