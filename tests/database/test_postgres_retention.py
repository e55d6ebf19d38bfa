"""Forgetting on a real PostgreSQL: killed at any place, and beside everybody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.memory import MemoryStore
from leasehold.adapters.store import FolderStore
from leasehold.core.events import Retried
from leasehold.core.reports import Payload
from leasehold.core.retention import Keep
from leasehold.core.units import DAY
from leasehold.flow.audit import audit
from leasehold.flow.retention import Pruner, Terms
from leasehold.ports.ledger import Accepted, Change
from leasehold.testing.ledger_bench import Moves, decided
from tests.database.postgres_bench import PostgresBench

PRUNERS = Path(__file__).with_name("pruners.py")
ROOT = Path(__file__).parents[2]
TERMS = Terms(Keep(completed=DAY, failed=DAY), archive=True)


@pytest.fixture
def bench(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


def archived(store: FolderStore | MemoryStore) -> list[str]:
    """The ids in the archive."""
    values = [store.get(key) or b"" for key in store.keys("archive")]
    return [json.loads(line)["id"] for value in values for line in value.splitlines()]


@pytest.mark.parametrize("cluster", ["newest"], indirect=True)
def test_a_pruner_that_is_killed_anywhere_loses_nothing_and_leaves_nothing(
    bench: PostgresBench, tmp_path: Path
) -> None:
    """At every word to the ledger or the store; the next round finishes what it began."""
    moves, store = Moves(bench), FolderStore(tmp_path / "store")
    waiting, kills = {*moves.given()}, list[int]()
    bench.let_pass(400 * DAY)
    bench.clock.jump(-300 * DAY)

    with killed_at(bench.address, tmp_path / "store", bench.clock.now() + 300 * DAY) as says:
        for fuse in range(1, 200):
            ids = old_tasks(moves, store)
            killed = says(fuse)
            there = {row.task.id for row in moves.views.tasks("", limit=200).rows}
            assert set(ids) <= there | set(archived(store)), f"lost by a kill before word {fuse}"
            assert says(0) == 0
            waiting.add(ids[-1])
            assert {row.task.id for row in moves.views.tasks("", limit=200).rows} == waiting
            assert set(ids[:-1]) <= set(archived(store))
            assert DatabaseRetention(bench.database).leftovers(9) == []
            assert store.keys("checkpoints") == []
            moves.assert_accounted_for()
            if killed == 0:
                break
            assert killed == -9
            kills.append(fuse)
        assert len(kills) > 30
    assert audit(moves.views, now=bench.clock.now()).problems == []


@contextmanager
def killed_at(url: str, folder: Path, now: int) -> Generator[Callable[[int], int]]:
    """One round in a process that is killed before its so-manieth word (0: never); how it ended."""
    command = [sys.executable, str(PRUNERS), url, str(folder), str(now)]
    path = os.pathsep.join(filter(None, ["src", os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    ) as child:

        def says(fuse: int) -> int:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(f"{fuse}\n")
            child.stdin.flush()
            return int(child.stdout.readline())

        yield says


def old_tasks(moves: Moves, store: FolderStore) -> list[str]:
    """Two that are completed, one that failed and left a checkpoint, and one that is the newest of all."""
    ids = moves.given(3, batch="november")
    ids += moves.given(1)
    moves.dispatch(limit=5)
    payload = Payload(result_ref=f"results/{ids[0]}/1")
    moves.ledger.apply([Change(ids[0], moves.completed(), "s", payload), Change(ids[1], moves.completed(), "s")])
    moves.apply(ids[2], moves.failed())
    store.create(f"checkpoints/{ids[2]}/1", b"{}")
    return ids


def test_it_waits_for_nobody_and_nobody_for_it(bench: PostgresBench) -> None:
    """A task that somebody else holds stays; who wants one of the others is answered at once."""
    moves, retention = Moves(bench), DatabaseRetention(bench.database)
    ids = moves.out(4)
    for task_id in ids[:3]:
        moves.complete(task_id)
    chosen = [each.task for each in retention.aged(moves.task(ids[0]).status, 0, 9)]
    with psycopg.connect(bench.address) as other:
        other.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", (ids[1],))
        assert retention.forget(chosen, trails=True, archived=False) == [ids[0], ids[2]]
    assert retention.forget(chosen, trails=True, archived=False) == [ids[1]]
    moves.assert_accounted_for()


ROUNDS = 30
EACH = 12


def prune_beside(works: Sequence[Future[None]], bench: PostgresBench, store: MemoryStore) -> None:
    """As long as any of these goes on, and once more."""

    def prune() -> None:
        bench.clock.advance(2 * DAY)
        for _ in Pruner(DatabaseRetention(bench.database), store, bench.clock, TERMS).round():
            pass

    while not all(each.done() for each in works):
        prune()
    prune()


def test_two_pruners_beside_everybody_else_lose_nothing(bench: PostgresBench) -> None:
    """Submits with keys that are used again, dispatches, records, retries by hand, folding; all at once."""
    ledger, store = bench.ledger, MemoryStore()
    accepted: set[str] = set()

    def work(nth: int) -> None:
        moves = Moves(bench)
        for turn in range(ROUNDS):
            new = [
                moves.new(key=f"{nth}-{key}", batch=f"b{turn % 3}")._replace(arguments=f"{nth}") for key in range(EACH)
            ]
            fresh = [each._replace(task=each.task._replace(id=f"{each.task.id[:-8]}{nth:02}{turn:03}{key:03}"))
                     for key, each in enumerate(new)]  # fmt: skip
            accepted.update(each.task_id for each in ledger.submit(fresh) if isinstance(each, Accepted))
            out = moves.dispatch(limit=2 * EACH)
            ledger.apply([Change(each.task.id, moves.started(each.task.n), f"{each.task.n}s") for each in out])
            ends = [moves.failed(each.task.n) if i % 4 else moves.completed(each.task.n) for i, each in enumerate(out)]
            ledger.apply([Change(each.task.id, end, f"{each.task.n}e") for each, end in zip(out, ends, strict=True)])
            failed = [row.task.id for row in bench.views.tasks("status:failed", limit=3).rows]
            decided(ledger.apply([Change(task_id, Retried("ada")) for task_id in failed]))
            ledger.fold_counters()

    with ThreadPoolExecutor(4) as threads:
        works = [threads.submit(work, 1), threads.submit(work, 2)]
        for done in [*works, *(threads.submit(prune_beside, works, bench, store) for _ in range(2))]:
            done.result(timeout=300)
    there = {row.task.id for row in bench.views.tasks("", limit=10_000).rows}
    gone = accepted - there
    assert gone <= set(archived(store))
    assert len(gone) > EACH
    bench.clock.advance(1)
    verdict = audit(bench.views, now=bench.clock.now() - 365 * DAY)
    assert verdict.problems == []
    assert verdict.tasks == len(there)
