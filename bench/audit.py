"""Auditing a ledger: how long it takes, and the memory that it takes.

``python -m bench.audit [--tasks 100000 1000000] [--at file|postgres] [--runs 3]``. A tenth of the tasks is completed,
failed and left queued by the ledger's own code; the rest are copies of their rows, trails and runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench._places import place
from bench._tables import show, spread
from leasehold.adapters.database.connection import Database, Sql
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.schema import METADATA
from leasehold.adapters.database.views import DatabaseViews
from leasehold.ports.ledger import Change, Ledger
from leasehold.ports.views import Views
from leasehold.testing.ledger_bench import Moves

GROUP = 1_000
COPIES = 10


class Filled:
    """A ledger to be filled, as ``Moves`` wants it."""

    def __init__(self, database: Database) -> None:
        self.ledger: Ledger = DatabaseLedger(database)
        self.views: Views = DatabaseViews(database)

    def another(self) -> Ledger:
        """Not needed here."""
        raise NotImplementedError

    def let_pass(self, ms: int) -> None:
        """Not needed here."""
        raise NotImplementedError


def fill(database: Database, tasks: int) -> None:
    """A tenth by the ledger's own code, then copies of that."""
    moves, first = Moves(Filled(database)), tasks // COPIES
    for _ in range(first // GROUP):
        ids = moves.out(GROUP)
        changes = [[Change(id, moves.started()), Change(id, moves.completed())] for id in ids[: GROUP * 8 // 10]]
        changes += [
            [Change(id, moves.started()), Change(id, moves.failed())] for id in ids[GROUP * 8 // 10 : -GROUP // 10]
        ]
        moves.ledger.apply([change for pair in changes for change in pair])
    while moves.ledger.fold_counters():
        pass
    for copy in range(1, COPIES):
        with database.write() as tx:
            for text in copies(copy * first, first):
                tx.run(Sql(text, ()))
    with database.write() as tx:
        tx.run(Sql(f"UPDATE counters SET tasks = tasks * {COPIES} WHERE substr(state, 1, 1) <> '+'", ()))  # noqa: S608 - names of our own schema


def copies(offset: int, first: int) -> Iterator[str]:
    """Statements that copy the first tasks once more, under other numbers and ids."""
    for name, number in (("tasks", "number"), ("audit", "task"), ("runs", "task")):
        columns = [column.name for column in METADATA.tables[name].columns]
        other: Mapping[str, str] = {number: f"{number} + {offset}", "id": f"id || '-{offset}'"}
        taken = ", ".join(other.get(column, f'"{column}"') for column in columns)
        given = ", ".join(f'"{column}"' for column in columns)
        yield f"INSERT INTO {name} ({given}) SELECT {taken} FROM {name} WHERE {number} <= {first}"  # noqa: S608 - names of our own schema


def address(ledger: str) -> str:
    """A file's path as an address."""
    return ledger if "://" in ledger else f"sqlite:///{ledger}"


def audited(settings: Mapping[str, str]) -> tuple[float, float, float]:
    """Seconds, those of them on the CPU, and peak memory in MiB, of ``leasehold audit`` as a process of its own."""
    environ = {**os.environ, **{f"LEASEHOLD_{name.upper()}": value for name, value in settings.items()}}
    began = time.perf_counter()
    command = [sys.executable, "-m", "leasehold", "audit", "--json"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), process.returncode
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--at", choices=("file", "postgres"), default="file")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    rows: list[dict[str, str]] = []
    for tasks in given.tasks:
        with tempfile.TemporaryDirectory(prefix="leasehold-bench-") as folder, place(given.at, Path(folder)) as where:
            database = open_database(address(where.settings["ledger"]))
            fill(database, tasks)
            database.close()
            runs = [audited(where.settings) for _ in range(given.runs)]
        seconds, cpu, peak = zip(*runs, strict=True)
        told = {"seconds": spread([*seconds], 1), "CPU s": spread([*cpu], 1), "peak MiB": spread([*peak], 1)}
        rows.append({"tasks": f"{tasks:,}", **told})
    show(f"auditing, {given.at}", rows, {row["tasks"]: row for row in rows})


if __name__ == "__main__":
    main()
