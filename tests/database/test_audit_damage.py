"""Whatever somebody wrote into the ledger behind its back, an audit names the task and goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Table

from leasehold.adapters.database.oddities import OF_RUN, OF_TASK, RUN_COLUMNS, Kinds
from leasehold.adapters.database.rows import TASK_COLUMNS
from leasehold.adapters.database.schema import runs, tasks
from leasehold.flow.audit import Problem, Verdict, audit
from leasehold.testing.ledger_bench import Moves
from tests.database.sqlite_bench import SqliteBench

TASKS = 4


@pytest.fixture
def moves(tmp_path: Path) -> Iterator[Moves]:
    """Tasks 1 to 4: completed after two runs, running, queued and due."""
    bench = SqliteBench(tmp_path)
    moves = Moves(bench)
    done, running, _ = moves.out(TASKS - 1)
    moves.given()
    moves.apply(done, moves.started(), moves.started(1, 2), moves.completed(1, 2))
    moves.apply(running, moves.started())
    yield moves
    bench.close()


def doctored(moves: Moves, folder: Path, *statements: str) -> Verdict:
    """What an audit says after this was done to the file by hand."""
    with closing(sqlite3.connect(folder / "jobs.db")) as connection, connection:
        for each in statements:
            assert connection.execute(each).rowcount > 0, f"{each} should change something"
    return audit(moves.views)


def ids(moves: Moves) -> list[str]:
    """By number."""
    return [task.id for chunk in moves.views.scan() for task in chunk]


@pytest.mark.parametrize(("table", "names", "kinds"), [(tasks, TASK_COLUMNS, OF_TASK), (runs, RUN_COLUMNS, OF_RUN)])
def test_what_is_odd_is_what_the_schema_forbids(table: Table, names: tuple[str, ...], kinds: Kinds) -> None:
    for name, kind in zip(names, kinds, strict=True):
        column = table.c[name]
        plain = int if isinstance(column.type, Boolean) else column.type.python_type
        assert kind == ((plain, type(None)) if column.nullable else (plain,)), name


def test_before_it_is_damaged_there_is_nothing_to_say(moves: Moves) -> None:
    assert audit(moves.views).ok


ODD_ROWS = {
    "state = 'bogus'": "state is 'bogus'",
    "state = ''": "state is ''",
    "state = 'pending'": "state is 'pending'",
    "attempts = 'many'": "attempts is 'many'",
    "n = 1.5": "n is 1.5",
    "open = 'perhaps'": "open is 'perhaps'",
    "name = x'00ff'": "name is b'\\x00\\xff'",
    "ended_at = 'yesterday'": "ended_at is 'yesterday'",
    "charged = 'run-1'": "charged is 'run-1'",
    "charged = '{\"a\": 1}'": "charged is '{\"a\": 1}'",
    "reason = x'00'": "reason is b'\\x00'",
}


@pytest.mark.parametrize(("damage", "told"), ODD_ROWS.items())
def test_a_row_that_cannot_be_read_is_named_and_the_rest_is_audited(
    moves: Moves, tmp_path: Path, damage: str, told: str
) -> None:
    task_id = ids(moves)[1]
    verdict = doctored(moves, tmp_path, f"UPDATE tasks SET {damage} WHERE number = 2")  # noqa: S608 - our own words
    found = {each.check: each for each in verdict.problems}
    assert found["row"] == Problem(
        "row", 1, task_id, f"the rows of 1 task hold what nothing writes, and cannot be read; the first: {told}"
    )
    assert found.keys() <= {"row", "counters"}
    assert (verdict.tasks, verdict.trails) == (TASKS, TASKS - 1)


def test_rows_that_cannot_be_read_are_counted_and_the_first_is_told(moves: Moves, tmp_path: Path) -> None:
    first = ids(moves)[0]
    verdict = doctored(moves, tmp_path, "UPDATE tasks SET state = 'bogus'")
    (row,) = [each for each in verdict.problems if each.check == "row"]
    assert (row.tasks, row.example, verdict.tasks) == (TASKS, first, TASKS)


def test_a_run_that_cannot_be_read_is_named_with_its_task(moves: Moves, tmp_path: Path) -> None:
    verdict = doctored(moves, tmp_path, "UPDATE runs SET started_at = 'noon' WHERE task = 1 AND r = 2")
    assert [(each.check, each.example) for each in verdict.problems] == [("run", ids(moves)[0])]
    assert "started_at is 'noon'" in verdict.problems[0].sentence


@pytest.mark.parametrize("column", ["attempts", "losses", "n", "r", "seen", "version"])
def test_a_count_below_zero_is_named_with_its_task(moves: Moves, tmp_path: Path, column: str) -> None:
    verdict = doctored(moves, tmp_path, f"UPDATE tasks SET {column} = -1 WHERE number = 2")  # noqa: S608 - our own words
    assert ("negative", ids(moves)[1]) in {(each.check, each.example) for each in verdict.problems}


def test_a_counter_below_zero_differs_from_its_tasks(moves: Moves, tmp_path: Path) -> None:
    verdict = doctored(moves, tmp_path, "UPDATE counter_deltas SET tasks = -tasks")
    assert [each.check for each in verdict.problems] == ["counters"]


def test_a_line_out_of_its_place_is_named_with_its_task(moves: Moves, tmp_path: Path) -> None:
    verdict = doctored(
        moves,
        tmp_path,
        "UPDATE audit SET seq = 99 WHERE task = 1 AND seq = 2",
        "UPDATE audit SET seq = 2 WHERE task = 1 AND seq = 3",
        "UPDATE audit SET seq = 3 WHERE task = 1 AND seq = 99",
    )
    assert [(each.check, each.example) for each in verdict.problems] == [("trail", ids(moves)[0])]


@pytest.mark.parametrize("damage", ["seq = 'two'", "seq = -2", "seq = 7"])
def test_a_line_with_a_number_that_it_cannot_have_is_named_with_its_task(
    moves: Moves, tmp_path: Path, damage: str
) -> None:
    statement = f"UPDATE audit SET {damage} WHERE task = 2 AND seq = 2"  # noqa: S608 - our own words
    verdict = doctored(moves, tmp_path, statement)
    assert [(each.check, each.example) for each in verdict.problems] == [("trail", ids(moves)[1])]


def test_a_line_of_an_unknown_kind_is_named_with_its_task(moves: Moves, tmp_path: Path) -> None:
    verdict = doctored(moves, tmp_path, "UPDATE audit SET kind = x'ff' WHERE task = 2 AND seq = 3")
    assert [(each.check, each.example) for each in verdict.problems] == [("rule", ids(moves)[1])]


def test_a_task_whose_trail_is_gone_is_named(moves: Moves, tmp_path: Path) -> None:
    verdict = doctored(moves, tmp_path, "DELETE FROM audit WHERE task = 4")
    assert [(each.check, each.example) for each in verdict.problems] == [("trail", ids(moves)[3])]


@pytest.mark.parametrize("number", range(1, TASKS + 1))
def test_a_trail_whose_task_is_gone_is_named_by_its_number(moves: Moves, tmp_path: Path, number: int) -> None:
    """Also below the first row and above the last."""
    verdict = doctored(moves, tmp_path, f"DELETE FROM tasks WHERE number = {number}")  # noqa: S608 - our own words
    found = {each.check: each for each in verdict.problems}
    assert found.keys() == {"stray", "counters"}
    assert found["stray"].sentence == (
        f"the ledger holds trails or runs of 1 task without a row; the first: task number {number}"
    )


def test_a_run_whose_task_never_was_is_named_by_its_number(moves: Moves, tmp_path: Path) -> None:
    verdict = doctored(moves, tmp_path, "INSERT INTO runs (task, n, r, run_id) VALUES (77, 1, 1, 'x')")
    assert [each.check for each in verdict.problems] == ["stray"]
    assert "task number 77" in verdict.problems[0].sentence
