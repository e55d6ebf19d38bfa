"""What killed a child that nobody meant to kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from leasehold.adapters.slots.process import Death
from leasehold.core.model import Failure, FailureKind


def classify(death: Death, *, oom: bool) -> Failure:
    """The failure of the one run that had begun. ``oom``: the kernel killed for memory meanwhile."""
    if death.why == "memory":
        return Failure(FailureKind.MEMORY, "MemoryLimit", "the run's processes used more memory than a slot may have")
    if death.why == "late":
        return Failure(
            FailureKind.LEASE,
            "LeaseOverrun",
            "the run was stopped: its lease was over; a longer lease= or checkpoints let it end",
        )
    if death.status is None:
        return Failure(FailureKind.SIGNAL, "GuardKilled", "something killed the slot's guard, and the run with it")
    if os.WIFSIGNALED(death.status):
        return killed(os.WTERMSIG(death.status), oom=oom)
    code = os.WEXITSTATUS(death.status)
    return Failure(FailureKind.EXIT, "Exit", f"the run ended its process with exit code {code}", exit_code=code)


def killed(number: int, *, oom: bool) -> Failure:
    """A death by signal."""
    if number == signal.SIGKILL and oom:
        message = "the kernel killed the run's process: the machine or its cgroup was out of memory"
        return Failure(FailureKind.MEMORY, "OutOfMemory", message, signal=number)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return Failure(FailureKind.SIGNAL, name, f"the run's process was killed by {name}", signal=number)


class OutOfMemory:
    """Whether the kernel has killed for memory since the last look: in our cgroup, or where that is unknown, at all."""

    def __init__(self, sources: tuple[Path, ...] | None = None) -> None:
        self._sources = counters() if sources is None else sources
        self._seen = self._count()

    def again(self) -> bool:
        """Whether the count rose since the last look."""
        before, self._seen = self._seen, self._count()
        return self._seen > before

    def _count(self) -> int:
        for source in self._sources:
            try:
                text = source.read_text()
            except OSError:
                continue
            for line in text.splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return 0


def counters() -> tuple[Path, ...]:
    """Where the kernel counts, nearest first: cgroup v2, cgroup v1, the whole machine."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ()
    paths = {kind: path.lstrip("/") for _, kind, path in (line.split(":", 2) for line in lines)}
    root = Path("/sys/fs/cgroup")
    found = [root / paths.get("", "") / "memory.events", root / "memory.events"]
    if "memory" in paths:
        found = [root / "memory" / paths["memory"] / "memory.oom_control", root / "memory" / "memory.oom_control"]
    return (*found, Path("/proc/vmstat"))
