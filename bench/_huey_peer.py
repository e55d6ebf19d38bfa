"""The same work with Huey: run by its own Python, as ``_huey_peer.py FOLDER TASKS``; prints one line of JSON.

Settings, all from Huey's documentation: SQLite in WAL mode with fsync=True, results stored, worker processes as many
as the other side has slots, no periodic tasks, and the consumer's poll delay and back-off at their smallest, so that
idle polling costs it no throughput.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _processes import cpu_seconds
from huey import SqliteHuey  # pyright: ignore[reportMissingImports] - installed in the peer's environment only

FOLDER = Path(os.environ.setdefault("HUEY_BENCH", sys.argv[1]))
huey = SqliteHuey(filename=str(FOLDER / "huey.db"), fsync=True, results=True, timeout=30)


@huey.task()
def noop(number: int) -> int:
    return number


def consumer(kind: str, workers: str) -> subprocess.Popen[bytes]:
    script = Path(sys.executable).with_name("huey_consumer")
    how = ["-k", kind, "-w", workers, "-n", "-d", "0.001", "-m", "0.01", "-q"]
    return subprocess.Popen(
        [sys.executable, script, "_huey_peer.huey", *how],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main(tasks: int, kind: str = "process", workers: str = "4") -> None:
    process = consumer(kind, workers)
    try:
        results: list[Any] = [noop(number) for number in range(200)]
        for result in results:
            result.get(blocking=True, timeout=60, backoff=1, max_delay=0.01)
        before = cpu_seconds(os.getpid())
        began = time.perf_counter()
        for number in range(tasks):
            noop(number)
        while huey.result_count() < tasks:
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        # The consumer is this process's child: its CPU is counted with it.
        used = cpu_seconds(os.getpid()) - before
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    print(json.dumps({"rate": tasks / seconds, "all": used * 1000 / tasks}))


if __name__ == "__main__":
    import _huey_peer  # the tasks under the name by which the consumer knows them

    _huey_peer.main(int(sys.argv[2]), *sys.argv[3:])
