"""Beside a private PostgreSQL: when the pipe to whoever started it ends, stop it and remove its folder.

A program of its own, started with ``python -I -S``: ``postgres_guard.py FOLDER``. Every cluster lies in a folder of
FOLDER.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 30.0
"""s that a server gets to end before it is killed."""
STEP = 0.01
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def running(folder: Path) -> list[int]:
    """The process ids of the servers whose clusters lie in the folder."""
    found: list[int] = []
    for file in folder.glob("*/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            found.append(int(file.read_text().split()[0]))
    return found


def is_over(process: int) -> bool:
    """Whether a process has ended, though whoever adopted it may not have looked at its end yet (Linux)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def stop(process: int) -> None:
    """End a server at once, without a checkpoint; kill it when it does not listen."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGQUIT)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not is_over(process):
            os.kill(process, 0)
            time.sleep(STEP)
        os.kill(process, signal.SIGKILL)


def main(folder: Path) -> None:
    """Wait for the end of the pipe, then clean up."""
    for each in IGNORED:
        signal.signal(each, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for process in running(folder):
        stop(process)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
