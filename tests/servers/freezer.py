"""A machine that is paused: processes that stand still together, while every clock goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

AGAIN = 0.002
"""Seconds between two signals to what a guard's timer would let go on."""


def below(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for each in found:  # the list grows while it is walked
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def everybody_below(pid: int) -> Iterator[int]:
    """The same, each once, and whoever is born while those before it are seen to; some may have ended meanwhile."""
    seen: set[int] = set()
    while new := set(below(pid)) - seen:
        yield from new
        seen |= new


def stands_still(pid: int) -> bool:
    """Whether a process is stopped, or is none any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TtZX"
    except OSError:
        return True


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """While this lasts, nothing of that process's tree runs: frozen by the kernel, or stopped again and again."""
    root = freezer()
    with stopped(pid) if root is None else frozen(root, pid):
        yield


def freezer() -> Path | None:
    """Where this process may make a group that can be frozen."""
    for root in (Path("/sys/fs/cgroup/freezer"), Path("/sys/fs/cgroup")):
        folder = root / f"leasehold-test-{os.getpid()}"
        try:
            folder.mkdir(exist_ok=True)
        except OSError:
            continue
        if (folder / "freezer.state").exists() or (folder / "cgroup.freeze").exists():
            return folder
        folder.rmdir()
    return None


@contextmanager
def frozen(folder: Path, pid: int) -> Iterator[None]:
    """In a cgroup, of either version."""
    first = (folder / "freezer.state").exists()
    switch, on, off = ("freezer.state", "FROZEN", "THAWED") if first else ("cgroup.freeze", "1", "0")
    for each in everybody_below(pid):
        with suppress(ProcessLookupError):
            (folder / "cgroup.procs").write_text(str(each))
    (folder / switch).write_text(on)
    told, says = (switch, "FROZEN") if first else ("cgroup.events", "frozen 1")
    try:
        while says not in (folder / told).read_text():
            os.sched_yield()
        yield
    finally:
        (folder / switch).write_text(off)
        for each in (folder / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (folder.parent / "cgroup.procs").write_text(each)
        with suppress(OSError):  # the dead whom nobody has waited for yet hold it
            folder.rmdir()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """By signals."""
    over = Event()

    def stop() -> None:
        for each in everybody_below(pid):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)

    def hold() -> None:
        while not over.wait(AGAIN):
            stop()

    holder = Thread(target=hold, daemon=True)
    holder.start()
    try:
        while not all(map(stands_still, below(pid))):
            os.sched_yield()
        yield
    finally:
        over.set()
        holder.join()
        for each in below(pid):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)
