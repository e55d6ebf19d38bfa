"""What processes cost: CPU seconds and memory of whole trees, read from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> list[int]:
    """A process and all its living descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds (user and system) of a process, its living descendants, and those that it has waited for."""
    return sum(own_cpu_seconds(each, waited=True) for each in tree(pid))


def own_cpu_seconds(pid: int, *, waited: bool = False) -> float:
    """CPU seconds of one process; ``waited``: with those of the children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(fields[at]) for at in ((11, 12, 13, 14) if waited else (11, 12))) / TICKS


def resident_mebibytes(pid: int) -> float:
    """Resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / (1 << 20)


def proportional_mebibytes(pid: int) -> float:
    """Memory of one process: its own pages, and of each page that it shares its share (PSS)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
