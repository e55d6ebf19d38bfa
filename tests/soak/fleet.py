"""The deployment under the soak: each process on ways that can be cut, and started again when it has ended."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.acceptance.deployment import Deployment, Place
from tests.acceptance.processes import Process
from tests.soak.handlers import HISTORY, SPEC, WORKER
from tests.soak.history import note
from tests.soak.network import Network

ORCHESTRATORS = ("orchestrator-1", "orchestrator-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
SLOTS = 2
AGAIN = 1.0
"""s after which a process that has ended by itself is started again, as a service manager does it."""


class Fleet(Deployment):
    """Orchestrators and workers under somebody who starts them again."""

    def __init__(self, folder: Path, place: Place, network: Network, scratch: Path) -> None:
        super().__init__(folder, place, SPEC)
        self.generations: Counter[str] = Counter()
        self.network = network
        self.scratch = scratch
        self.log = str(folder / "chaos.jsonl")
        self.history = str(folder / "runs.jsonl")
        self._due: dict[str, float] = {}
        """When what has ended is to be started again."""

    def environment(self, role: str, name: str = "operator") -> dict[str, str]:
        """As in any deployment, by the ways of the role."""
        found = super().environment(role, name)
        if role in {"orchestrator", "worker"}:
            found["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{self.network.port(f'{role}s-queues')}"
        if role == "worker":
            found |= {
                "TMPDIR": str(self.scratch),
                HISTORY: self.history,
                WORKER: f"{name}/{self.generations[name]}",
                "LEASEHOLD_WORKER_ENVIRONMENT": f"{HISTORY},{WORKER}",
            }
        return found

    def begin(self, name: str) -> None:
        """Start the process of that name."""
        self.generations[name] += 1
        number = int(name.rpartition("-")[2])
        process = self.orchestrator(number) if name in ORCHESTRATORS else self.worker(number, slots=SLOTS)
        note(self.log, "started", process=name, generation=self.generations[name], pid=process.popen.pid)

    def keep(self) -> None:
        """Note who has ended, and start again whose time has come."""
        for name, process in self.processes.items():
            if not process.running and name not in self._due:
                self.note_end(name, monotonic() + AGAIN)
        for name in [name for name, due in self._due.items() if due <= monotonic()]:
            del self._due[name]
            self.begin(name)

    def note_end(self, name: str, again: float) -> None:
        """It has ended; it is started again at that instant."""
        process = self.processes[name]
        code, known = process.popen.wait(), process.expected
        last = "" if known else process.output[-2_000:]
        note(self.log, "ended", process=name, generation=self.generations[name], code=code, expected=known, last=last)
        self._due[name] = again

    def all_again(self) -> None:
        """Start at once whatever waits for it."""
        for name in [*self._due]:
            del self._due[name]
            self.begin(name)

    def running(self, names: tuple[str, ...]) -> list[str]:
        """Those of them that run."""
        return [name for name in names if (process := self.processes.get(name)) is not None and process.running]


def below(pid: int) -> list[list[int]]:
    """The processes below one, generation by generation: a worker's guards, their children, what those started."""
    found: list[list[int]] = []
    layer = [pid]
    while layer := [child for each in layer for child in children(each)]:
        found.append(layer)
    return found


def children(pid: int) -> list[int]:
    """The children of a process; none once it is gone."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found.extend(map(int, path.read_text().split()))
    return found


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def stop_all(process: Process) -> list[int]:
    """Stop it with everything below it, as a machine is paused; the processes."""
    send(process.popen.pid, signal.SIGSTOP)
    pids = [process.popen.pid, *(pid for layer in below(process.popen.pid) for pid in layer)]
    for pid in pids:
        send(pid, signal.SIGSTOP)
    return pids
