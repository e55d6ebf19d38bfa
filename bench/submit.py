"""Submitting: one by one, and a stream of a million rows with the memory that it takes.

``python -m bench.submit [--rows 1000000] [--at file|postgres]``. Nobody serves the ledger: what is measured is the
client alone, each row committed with fsync.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._jobs import app, noop
from bench._places import place
from bench._system import SPEC
from bench._tables import show, spread
from leasehold.app.connection import Connection

SINGLES = 5_000
FEW = 10_000
RUNS = 3


def measured(rows: int, at: str, *, single: bool) -> dict[str, float]:
    """Rows per second, and the peak memory of this process in MiB."""
    with tempfile.TemporaryDirectory(prefix="leasehold-bench-") as folder, place(at, Path(folder)) as where:
        connection = Connection({**where.settings}, lambda: SPEC)
        with app.behind(connection):
            noop.submit(0)
            began = time.perf_counter()
            if single:
                for number in range(rows):
                    noop.submit(number)
            else:
                assert noop.submit_many({"number": number} for number in range(rows)).submitted == rows
            seconds = time.perf_counter() - began
        connection.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "rate": rows / seconds, "peak": peak}


def apart(rows: int, at: str, *, single: bool = False) -> dict[str, float]:
    """The same in a process of its own, so that its peak memory is its own."""
    told = [sys.executable, "-m", "bench.submit", "--child", str(rows), "--at", at, *(["--single"] if single else [])]
    return json.loads(subprocess.run(told, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--at", choices=("file", "postgres"), default="file")
    parser.add_argument("--child", type=int)
    parser.add_argument("--single", action="store_true")
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(measured(given.child, given.at, single=given.single)))
        return
    kinds = {
        f"submit, {SINGLES:,} one by one": [apart(SINGLES, given.at, single=True) for _ in range(given.runs)],
        f"submit_many, {FEW:,} rows": [apart(FEW, given.at) for _ in range(given.runs)],
        f"submit_many, {given.rows:,} rows": [apart(given.rows, given.at) for _ in range(given.runs)],
    }
    rows = [
        {
            "what": what,
            "tasks/s": spread([run["rate"] for run in runs]),
            "seconds": spread([run["seconds"] for run in runs], 1),
            "peak MiB": spread([run["peak"] for run in runs], 1),
        }
        for what, runs in kinds.items()
    ]
    show(f"submitting, {given.at}", rows, kinds)


if __name__ == "__main__":
    main()
