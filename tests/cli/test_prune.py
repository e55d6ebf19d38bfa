"""``leasehold prune`` on a real ledger in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.views import DatabaseViews
from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from leasehold.core.units import DAY
from leasehold.ports.ledger import Ledger
from leasehold.ports.views import Views
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import Moves
from tests.cli.conftest import Said


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.database = open_database("sqlite:///leasehold.db", clock=self.clock)
        self.ledger: Ledger = DatabaseLedger(self.database)
        self.views: Views = DatabaseViews(self.database)

    def another(self) -> Ledger:
        raise NotImplementedError

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)


@pytest.fixture
def moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moves]:
    """Three tasks that are completed and one that failed, years ago; one that waits."""
    monkeypatch.chdir(tmp_path)
    bench = Bench()
    moves = Moves(bench)
    ids = moves.out(4, batch="november")
    for task_id in ids[:3]:
        moves.complete(task_id)
    moves.apply(ids[3], moves.failed())
    moves.given()
    yield moves
    bench.database.close()


@pytest.fixture
def prune(moves: Moves, capsys: pytest.CaptureFixture[str]) -> object:
    pauses: list[float] = []

    def command(*words: str) -> Said:
        tools = Tools(pause=pauses.append, zone=UTC)
        code = outcome(["prune", *words], obj=tools)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return command


def run(prune: object, *words: str) -> Said:
    assert callable(prune)
    said = prune(*words)
    assert isinstance(said, Said)
    return said


def left(moves: Moves) -> int:
    return len(moves.views.tasks("").rows)


def test_a_dry_run_counts_and_does_nothing(moves: Moves, prune: object) -> None:
    said = run(prune, "--before", "30d", "--dry-run")
    assert (said.code, said.out) == (0, "Found 3 completed, 1 failed, 0 cancelled; nothing was done.\n")
    assert left(moves) == 5


def test_what_is_old_goes(moves: Moves, prune: object) -> None:
    said = run(prune, "--before", "30d", "--yes")
    assert (said.code, said.out) == (0, "Forgot 4 tasks.\n")
    assert left(moves) == 1
    moves.assert_accounted_for()
    assert outcome(["audit"], obj=Tools(pause=lambda _: None)) in (0, 1)


def test_only_what_is_asked_for_goes(moves: Moves, prune: object) -> None:
    assert run(prune, "--before", "2025-01-01", "--status", "failed", "-y").out == "Forgot 1 task.\n"
    assert left(moves) == 4
    assert (
        run(prune, "--before", "2023-11-14", "-y").out
        == "Found 0 completed, 0 failed, 0 cancelled; nothing was done.\n"
    )


def test_an_archive_holds_what_went(moves: Moves, prune: object) -> None:
    said = run(prune, "--before", "30d", "--archive", "--yes", "--json")
    told = json.loads(said.out)
    assert (told["forgotten"], told["archived"], told["found"]["completed"]) == (4, 4, 3)
    files = [path for path in Path("leasehold.store/archive").rglob("*") if path.is_file()]
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
    assert len({json.loads(line)["id"] for line in lines}) == 4
    assert left(moves) == 1


def test_nobody_is_pruned_without_being_asked(moves: Moves, prune: object) -> None:
    said = run(prune, "--before", "30d")
    assert said.code == 2
    assert "add --yes to do it, or --dry-run to look first" in said.err
    assert left(moves) == 5


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("soon", "--before takes an age (30d) or a day (2026-10-01), not 'soon'"),
        ("59m", "leave at least an hour"),
        ("9999-01-01", "leave at least an hour"),
    ],
)
def test_what_makes_no_sense_is_said(moves: Moves, prune: object, before: str, told: str) -> None:
    said = run(prune, "--before", before, "--yes")
    assert said.code == 2
    assert told in said.err
    assert left(moves) == 5


def test_a_key_is_a_promise(moves: Moves, prune: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASEHOLD_KEEP_KEYS", "3650d")
    keyed = moves.new(key="a.wav")
    moves.submit(keyed, moves.new())
    for each in moves.dispatch():
        moves.complete(each.task.id)
    assert moves.ledger.now() + 3650 * DAY > 0
    run(prune, "--before", "30d", "--yes")
    assert moves.view(keyed.task.id).key == "a.wav"
