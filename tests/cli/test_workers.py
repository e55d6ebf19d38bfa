"""``leasehold workers``: who runs what, and what a person says of a dead machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.cli.program import outcome
from leasehold.core.events import Started
from leasehold.testing.ledger_bench import Moves
from tests.database.sqlite_bench import SqliteBench


@pytest.fixture
def moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moves]:
    """Three tasks run on two workers of one machine, one on another."""
    monkeypatch.chdir(tmp_path)
    bench = SqliteBench.around(SqliteDatabase(f"{tmp_path}/leasehold.db"))
    moves = Moves(bench)
    workers = ("i-1/5-a", "i-1/5-a", "i-1/6-b", "build-7/9-c")
    for task_id, worker in zip(moves.out(len(workers)), workers, strict=True):
        moves.apply(task_id, Started(moves.run(worker=worker)))
    yield moves
    bench.close()


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert outcome(words) == code
    told = capsys.readouterr()
    return told.out + told.err


@pytest.mark.usefixtures("moves")
def test_workers_are_listed_with_what_they_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in said(capsys, "workers", "ls", "--json").splitlines()]
    assert [(line["worker"], line["tasks"]) for line in lines] == [("build-7/9-c", 1), ("i-1/5-a", 2), ("i-1/6-b", 1)]
    assert [line.split()[:2] for line in said(capsys, "workers", "ls").splitlines()[1:]][1:] == [
        ["i-1/5-a", "2"],
        ["i-1/6-b", "1"],
    ]


def test_a_machine_is_recalled_with_all_its_workers_by_their_whole_names(
    moves: Moves, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that is started again under the same name has other workers: they are left alone."""
    assert said(capsys, "workers", "recall", "i-1") == "2 workers counted as gone; 3 tasks will run elsewhere.\n"
    assert [each.name for each in moves.ledger.gone()] == ["i-1/5-a", "i-1/6-b"]
    assert json.loads(said(capsys, "workers", "recall", "build-7/9-c", "--json")) == {
        "recalled": ["build-7/9-c"],
        "tasks": 1,
    }


def test_a_name_that_runs_nothing_is_a_slip(moves: Moves, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no worker called 'build-8' runs anything. Did you mean 'build-7'?" in said(
        capsys, "workers", "recall", "build-8", code=2
    )
    assert moves.ledger.gone() == []
