"""What there is to judge by: the history of the handlers, of the client and of the blows, and the ledger's own rows.

Nothing here or beside it imports anything of the system: the tables are read with plain SQL, the files as they are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

SECOND = 1_000_000_000
"""Instants of histories are ns; those of the ledger ms."""
MS = 1_000_000
FENCE_BITS = 20
Row = dict[str, Any]


@dataclass
class Execution:
    """One run as it wrote its own history."""

    run: str
    task: str
    number: int
    kind: str
    n: int
    r: int
    pid: int
    worker: str
    generation: int
    began: int
    last: int
    """Its last sign of life."""
    end: str | None = None
    """``returned``, ``raised``, ``interrupted``, ``dying``, or nothing."""
    end_at: int = 0
    error: str = ""
    steps: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """What it did with its checkpoint, what it had done by then, and when."""

    @property
    def token(self) -> tuple[int, int]:
        """By which runs of a task are ordered."""
        return self.n, self.r


@dataclass(frozen=True)
class Blow:
    """Something that the soak did on purpose, from when to when."""

    kind: str
    target: str
    generation: int
    pids: frozenset[int]
    start: int
    end: int


@dataclass
class Evidence:
    """All of it."""

    topology: str
    lease: int
    """ns."""
    executions: dict[str, list[Execution]]
    """By task, in the order in which they began."""
    meant: set[str]
    accepted: dict[str, str | None]
    """By key, the id that the submit returned, where it returned one."""
    blows: list[Blow]
    log: list[Row]
    """Everything else that the soak noted."""
    tasks: list[Row]
    runs: dict[str, list[Row]]
    trails: dict[str, list[Row]]
    counted: dict[str, int]
    """What the counters say: tasks by state."""
    torn: list[str]
    """Lines of the histories that cannot be read."""
    store: Path

    def all_executions(self) -> Iterator[Execution]:
        """Every run of every task."""
        for executions in self.executions.values():
            yield from executions

    def noted(self, what: str) -> list[Row]:
        """Lines of the soak's log of one kind."""
        return [line for line in self.log if line["what"] == what]


def gathered(folder: Path, ledger: str) -> Evidence:
    """Everything that a soak left in its folder and its ledger."""
    terms = json.loads((folder / "terms.json").read_text())
    torn: list[str] = []
    log = [*lines(folder / "chaos.jsonl", torn)]
    submits = [*lines(folder / "submits.jsonl", torn)]
    runs = [*lines(folder / "runs.jsonl", torn)]
    with psycopg.connect(ledger) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return Evidence(
            topology=terms["topology"],
            lease=round(terms["lease"] * SECOND),
            executions=executions(runs),
            meant={line["key"] for line in submits if line["what"] == "meant"},
            accepted={key: line["task"] for line in submits if line["what"] == "accepted" for key in line["keys"]},
            blows=blows(log),
            log=log,
            tasks=cursor.execute(TASKS).fetchall(),
            runs=by_task(cursor.execute(RUNS).fetchall()),
            trails=by_task(cursor.execute(TRAILS).fetchall()),
            counted={row["state"]: int(row["tasks"]) for row in cursor.execute(COUNTERS).fetchall()},
            torn=torn,
            store=folder / "store",
        )


TASKS = """
SELECT t.*, b.key, r.result, r.result_ref, r.task IS NOT NULL AS has_result
FROM tasks t LEFT JOIN bodies b ON b.task = t.number LEFT JOIN results r ON r.task = t.number ORDER BY t.number
"""
RUNS = "SELECT t.id, r.* FROM runs r JOIN tasks t ON t.number = r.task ORDER BY r.task, r.n, r.r"
TRAILS = "SELECT t.id, a.* FROM audit a JOIN tasks t ON t.number = a.task ORDER BY a.task, a.seq"
COUNTERS = """
SELECT state, sum(tasks) AS tasks FROM (
  SELECT state, tasks FROM counters UNION ALL SELECT state, tasks FROM counter_deltas
) AS every GROUP BY state HAVING state NOT LIKE '+%' AND sum(tasks) <> 0
"""


def lines(file: Path, torn: list[str]) -> Iterator[Row]:
    """Each line of a history; what cannot be read goes to ``torn``."""
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            torn.append(line)


def by_task(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by the task's id."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["id"]].append(row)
    return found


def executions(noted: Iterable[Row]) -> dict[str, list[Execution]]:
    """Lines of the handlers, run by run."""
    known: dict[str, Execution] = {}
    for line in sorted(noted, key=lambda line: line["at"]):
        if line["what"] == "began":
            known[line["run"]] = begun(line)
            continue
        execution = known[line["run"]]
        execution.last = max(execution.last, line["at"])
        if line["what"] in {"returned", "raised", "interrupted", "dying"}:
            execution.end, execution.end_at = line["what"], line["at"]
            execution.error = line.get("error", "")
        elif line["what"] in {"loaded", "saves", "saved"}:
            execution.steps.append((line["what"], line["done"], line["at"]))
    found: dict[str, list[Execution]] = defaultdict(list)
    for execution in sorted(known.values(), key=lambda execution: execution.began):
        found[execution.task].append(execution)
    return found


def begun(line: Row) -> Execution:
    """A run, by its first line."""
    worker, _, generation = line["worker"].partition("/")
    n, r = line["token"] >> FENCE_BITS, line["token"] & (1 << FENCE_BITS) - 1
    at = line["at"]
    who = (line["run"], line["task"], line["number"], line["kind"])
    return Execution(*who, n, r, line["pid"], worker, int(generation), at, at)


def blows(log: Iterable[Row]) -> list[Blow]:
    """Each blow with its end; one that never ended lasts for ever."""
    log = [*log]
    over = {line["id"]: line["at"] for line in log if line["what"] == "over"}
    return [
        Blow(
            line["kind"],
            line.get("target", ""),
            line.get("generation", 0),
            frozenset(line.get("pids", ())),
            line["at"],
            over.get(line["id"], 1 << 63),
        )
        for line in log
        if line["what"] == "blow"
    ]
