"""Throughput of good tasks beside poison (L4): the same work with and without, by turns.

One task in so many is poison and is tried ``ATTEMPTS`` times; the one that hangs comes first, once. A slot that a run
of poison occupies is that run's own: it is taken off, as the time from the beginning of each run to its end. What is
left over is what poison costs the others: the start of a new process, the cleaning up, the reports.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench._places import place
from bench._poison_jobs import ATTEMPTS, app
from bench._tables import show, spread
from leasehold.app.connection import Connection
from leasehold.embedded import EmbeddedSystem

SPEC = str(Path(__file__).with_name("_poison_jobs.py"))
KINDS = ("crash", "killed", "out_of_memory", "full_disk", "fork_bomb", "hang")
SLOTS = 4
GOOD, SECONDS = 200, 0.2
ONE_IN = 50
ROUNDS = 5
PATIENCE = 300


class Rounds:
    """A warm system, and batches in it, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.number = 0

    def submit(self, kind: str | None) -> str:
        """Good tasks, and poison spread evenly among them; the batch of the good ones."""
        self.number += 1
        batch = f"round-{self.number}"
        for first in range(0, GOOD, ONE_IN):
            if kind is not None and (kind != "hang" or first == 0):
                app[kind].options(batch=f"{batch}-poison").submit()
            rows = [{"number": number, "seconds": SECONDS} for number in range(first, first + ONE_IN)]
            app["good"].submit_many(rows, batch=batch)
        return batch

    def until_over(self, batch: str, tasks: int) -> float:
        """When the last of them had an outcome, within 10 ms."""
        late = time.perf_counter() + PATIENCE
        while self.over(batch) < tasks:
            if time.perf_counter() > late:
                raise TimeoutError(f"{self.over(batch)} of {tasks} tasks of {batch} after {PATIENCE} s")
            time.sleep(0.01)
        return time.perf_counter()

    def over(self, batch: str) -> int:
        cells = self.connection.client.views.counts(batch=batch)
        return sum(cell.tasks for cell in cells if cell.status in {"completed", "failed"})

    def occupied(self, batch: str, until_ms: int) -> float:
        """Seconds of slots that runs of poison had for themselves up to then."""
        views = self.connection.client.views
        runs = [run for row in views.tasks(f"batch:{batch}").rows for run in views.runs(row.task.id)]
        spans = [(run.started_at, min(run.ended_at, until_ms)) for run in runs if run.started_at and run.ended_at]
        return sum(max(0, end - began) for began, end in spans) / 1_000

    def run(self, kind: str | None) -> dict[str, float]:
        """Good tasks per second, as measured and for each slot that poison left them."""
        began, began_ms = time.perf_counter(), time.time() * 1_000
        batch = self.submit(kind)
        seconds = self.until_over(batch, GOOD) - began
        taken = 0.0
        if kind is not None:
            self.until_over(f"{batch}-poison", 1 if kind == "hang" else GOOD // ONE_IN)
            taken = self.occupied(f"{batch}-poison", int(began_ms + seconds * 1_000))
        left = 1 - taken / (SLOTS * seconds)
        return {"rate": GOOD / seconds, "of what was left": GOOD / seconds / left, "taken": taken}


def main() -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="leasehold-bench-") as folder, place("file", Path(folder)) as where:
        given = {**where.settings, "worker_slots": SLOTS, "log_level": "error"}
        connection = Connection(given, lambda: SPEC)
        with app.behind(connection):
            connection.serve_with(EmbeddedSystem(connection.settings, SPEC, workers=1))
            try:
                report(Rounds(connection), load)
            finally:
                connection.close()


def report(rounds: Rounds, load: float) -> None:
    """By turns, so that whatever else the machine does meets all alike."""
    rounds.run(None)
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in ("none", *KINDS)}
    for _ in range(ROUNDS):
        for kind, rates in found.items():
            rates.append(rounds.run(None if kind == "none" else kind))
    rows: list[dict[str, object]] = []
    base = [each["rate"] for each in found["none"]]
    for kind, each in found.items():
        shares = [one["of what was left"] / beside * 100 for one, beside in zip(each, base, strict=True)]
        rows.append(
            {
                "poison": kind,
                "good tasks/s": spread([one["rate"] for one in each], 1),
                "slot s of its own": f"{median(one['taken'] for one in each):.1f}",
                "% of what is possible": spread(shares, 1),
            }
        )
    title = f"{GOOD} tasks of {SECONDS} s in {SLOTS} slots, one in {ONE_IN} poison, {ATTEMPTS} runs of each"
    show(title, rows, {"rounds": found, "load_before": load})


if __name__ == "__main__":
    sys.exit(main())
