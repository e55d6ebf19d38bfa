"""A process that dies in the middle of writing leaves nothing half-written, and nobody waiting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from leasehold.testing.ledger_bench import Moves
from tests.database.sqlite_bench import SqliteBench

ROOT = Path(__file__).parents[2]
WRITERS = Path(__file__).with_name("writers.py")
CHUNK = 20


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path)
    yield bench
    bench.close()


class Writer:
    """A child process that writes to the ledger, and says how far it has come."""

    def __init__(self, bench: SqliteBench, what: str, *arguments: str) -> None:
        path = os.pathsep.join(filter(None, ["src", os.environ.get("PYTHONPATH")]))
        self.child = subprocess.Popen(
            [sys.executable, WRITERS, what, bench.database.path, *arguments],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
        )

    def says(self) -> str:
        stdout: IO[str] | None = self.child.stdout
        assert stdout is not None
        return stdout.readline().strip()

    def kill(self) -> None:
        self.child.kill()
        self.child.communicate(timeout=60)


def test_a_submit_that_is_killed_in_the_middle_leaves_nothing(bench: SqliteBench) -> None:
    moves = Moves(bench)
    kept = moves.given(3)
    writer = Writer(bench, "half-submit")
    assert writer.says() == "in the middle"
    writer.kill()
    assert [cell.tasks for cell in moves.views.counts()] == [3]
    assert len(moves.given(2)) == 2  # the lock is free
    assert [view.task.id for view in moves.views.tasks("batch:half").rows] == []
    assert len(moves.dispatch()) == len(kept) + 2
    moves.assert_accounted_for()


def test_a_record_that_is_killed_in_the_middle_leaves_nothing(bench: SqliteBench) -> None:
    moves = Moves(bench)
    (task_id,) = moves.out()
    writer = Writer(bench, "half-record", task_id)
    assert writer.says() == "in the middle"
    writer.kill()
    assert moves.state(task_id) == "pending/queued"
    assert moves.views.runs(task_id) == []
    moves.assert_accounted_for()
    moves.complete(task_id)
    assert moves.state(task_id) == "completed"


@pytest.mark.parametrize("commits", [1, 3, 10])
def test_what_was_acknowledged_before_a_kill_is_there_and_in_whole_transactions(
    bench: SqliteBench, commits: int
) -> None:
    """The kill comes at any instant of the next transactions (S1)."""
    writer = Writer(bench, "submit-for-ever", str(CHUNK))
    for done in range(1, commits + 1):
        assert writer.says() == str(done * CHUNK)
    writer.kill()
    moves = Moves(bench)
    there = sum(cell.tasks for cell in moves.views.counts())
    assert there >= commits * CHUNK
    assert there % CHUNK == 0
    moves.assert_accounted_for()


def test_two_processes_that_dispatch_at_once_never_share_a_task(bench: SqliteBench) -> None:
    moves = Moves(bench)
    ids = moves.given(300)
    writers = [Writer(bench, "dispatch") for _ in range(3)]
    for writer in writers:
        assert writer.says() == "ready"
    for writer in writers:
        assert writer.child.stdin is not None
        writer.child.stdin.write("go\n")
        writer.child.stdin.flush()
    taken = [line for writer in writers for line in writer.child.communicate(timeout=60)[0].split()]
    assert sorted(taken) == sorted(ids)
    moves.assert_accounted_for()
