"""How soon what a worker held runs elsewhere: after a spot notice (R11), and after its machine died (R13).

``python -m bench.departures [--drains 100] [--recalls 50] [--at-once 5] [--at file|file+sqs]``. Real workers, each with
an instance metadata service of its own that gives it a notice, or killed with all that it started and then declared
terminated by an event on the events queue. Their leases are 30 minutes. Of each task: when the next run of it began on
another worker, from the records in the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypeVar
from unittest.mock import patch

from bench._departing import app
from bench._tables import show
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.assemble import Parts
from leasehold.core.model import Status, Task
from leasehold.flow.client import Order, Refused
from leasehold.ports.queue import Message, Sent
from leasehold.ports.views import RunView
from leasehold.settings import read_settings
from leasehold.testing.imds import ImdsServer
from leasehold.testing.sqs_server import SqsServerProcess

T = TypeVar("T")
BOUND = 300.0
"""s after which something will never happen, on a busy machine too."""
ROOT = Path(__file__).parents[1]
TERMINATED = json.loads((ROOT / "tests/core/platform_events/instance-terminated.json").read_text("utf-8"))


class Departure(NamedTuple):
    """One task whose worker left: the ms until its next run began."""

    told: int
    """From the notice, or from the death of its machine."""
    ended: int | None
    """From the end of its first run; ``None`` where nobody told that."""
    attempts: int
    losses: int


class Machine:
    """One worker on an instance of its own."""

    def __init__(self, number: int, folder: Path, environment: dict[str, str], stack: ExitStack) -> None:
        self.instance = f"i-{number:017x}"
        self.imds = stack.enter_context(ImdsServer(self.instance))
        self.log = (folder / f"{self.instance}.log").open("w+")
        stack.callback(self.log.close)
        command = [sys.executable, "-m", "leasehold", "worker", "--app", "bench._departing:app", "--slots", "1"]
        self.process = subprocess.Popen(
            command,
            env={**environment, **self.imds.environment()},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(self.die)

    @property
    def up(self) -> bool:
        """Whether it receives."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.instance} ended: {Path(self.log.name).read_text()}")
        return "Worker with" in Path(self.log.name).read_text()

    def die(self) -> None:
        """SIGKILL for its whole session; the guards end what they hold."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Fleet:
    """An orchestrator, and machines that come and go."""

    def __init__(self, folder: Path, at: str, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.sqs = stack.enter_context(SqsServerProcess())
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEASEHOLD_", "AWS_"))}
        common = {
            **clean,
            **self.sqs.environment(),
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "LEASEHOLD_QUEUES": "sqs://spot" if at == "file+sqs" else "embedded",
            "LEASEHOLD_STORE": str(folder / "store"),
            "LEASEHOLD_LOG_LEVEL": "info",
        }
        ledger = {"LEASEHOLD_LEDGER": str(folder / "jobs.db"), "LEASEHOLD_EVENTS": "sqs://spot-events"}
        shared = {} if at == "file+sqs" else {"LEASEHOLD_LEDGER": ledger["LEASEHOLD_LEDGER"]}
        self.worker_environment = {**common, **shared}
        self.environment = {**common, **ledger}
        stack.enter_context(patch.dict(os.environ, self.sqs.environment()))  # for our own client of the events queue
        init = [sys.executable, "-m", "leasehold", "init"]
        subprocess.run(init, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.parts = Parts(read_settings(environ=self.environment))
        stack.callback(self.parts.close)
        self.events = SqsQueues("", clock=SystemClock(), random=self.parts.random).events("spot-events")
        self._numbers = count(1)
        self._orchestrator()

    def _orchestrator(self) -> None:
        log = self.stack.enter_context((self.folder / "orchestrator.log").open("w"))
        process = subprocess.Popen(
            [sys.executable, "-m", "leasehold", "orchestrator"], env=self.environment, stdout=log, stderr=log
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)

    def machines(self, number: int) -> list[Machine]:
        """So many workers, up and waiting."""
        made = [Machine(next(self._numbers), self.folder, self.worker_environment, self.stack) for _ in range(number)]
        for machine in made:
            until(lambda machine=machine: machine.up or None, "a worker is up")
        return made

    def tasks(self, number: int) -> list[str]:
        """So many tasks, each running on the machines that are up."""
        policy = app.registry.get("hold").policy
        orders = [Order("hold", json.dumps({"number": each}), policy) for each in range(number)]
        ids = [
            answer.task_id
            for _, answer in self.parts.client.submit_many((None, order) for order in orders)
            if not isinstance(answer, Refused)
        ]
        for id_ in ids:
            until(lambda id_=id_: self.run(id_, 1), "a first run")
        return ids

    def run(self, id_: str, nth: int) -> RunView | None:
        """The nth run of a task, once its beginning is recorded."""
        runs = [run for run in self.parts.views.runs(id_) if run.started_at is not None]
        return runs[nth - 1] if len(runs) >= nth else None

    def declare(self, machine: Machine) -> None:
        """The platform says that it is terminated."""
        event = {**TERMINATED, "detail": {"instance-id": machine.instance, "state": "terminated"}}
        (answer,) = self.events.send([Message(json.dumps(event))])
        assert isinstance(answer, Sent), answer

    def departure(self, id_: str, told: int) -> Departure:
        """What became of a task."""
        second = until(lambda: self.run(id_, 2), "a second run")
        until(lambda: self.view_of(id_).status is Status.COMPLETED or None, "its end")
        first, task = self.run(id_, 1), self.view_of(id_)
        assert first is not None
        assert first.worker != second.worker
        assert second.started_at is not None
        ended = None if first.ended_at is None else second.started_at - first.ended_at
        return Departure(second.started_at - told, ended, task.attempts, task.losses)

    def view_of(self, id_: str) -> Task:
        """The task as it stands."""
        view = self.parts.views.task(id_)
        assert view is not None
        return view.task

    def drained(self, number: int) -> list[Departure]:
        """Give so many machines work, then a notice; what became of it on as many others."""
        old, young, ids = self.turn(number)
        told = self.parts.ledger.now()
        for machine in old:
            machine.imds.interrupt("terminate", in_ms=120_000)
        departures = [self.departure(id_, told) for id_ in ids]
        for machine in old:
            if machine.process.wait(BOUND):
                raise RuntimeError(Path(machine.log.name).read_text())
        for machine in young:
            machine.die()
        return departures

    def recalled(self, number: int) -> list[Departure]:
        """Give so many machines work, kill them, and declare them terminated; what became of it on as many others."""
        old, young, ids = self.turn(number)
        told = self.parts.ledger.now()
        for machine in old:
            machine.die()
            self.declare(machine)
        departures = [self.departure(id_, told) for id_ in ids]
        for machine in young:
            machine.die()
        return departures

    def turn(self, number: int) -> tuple[list[Machine], list[Machine], list[str]]:
        """Machines that run one task each, and as many that wait for work. All are fresh: none has seen short runs."""
        old = self.machines(number)
        ids = self.tasks(number)
        return old, self.machines(number), ids


@contextmanager
def fleet(at: str) -> Iterator[Fleet]:
    """A fleet in a folder of its own; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="departures-") as folder, ExitStack() as stack:
        yield Fleet(Path(folder), at, stack)


def until(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something to see."""
    end = time.monotonic() + BOUND
    while (found := look()) is None:
        if time.monotonic() > end:
            raise TimeoutError(f"it never came to this: {what}")
        time.sleep(0.05)
    return found


def percentiles(values: Sequence[int]) -> dict[str, str]:
    """p50, p90, p99 and the largest, in s."""
    line = sorted(values)
    at = {f"p{p}": line[min(len(line) - 1, int(len(line) * p / 100))] for p in (50, 90, 99)}
    return {name: f"{ms / 1_000:.2f}" for name, ms in {**at, "max": line[-1]}.items()}


def measure(total: int, at_once: int, turn: Callable[[int], list[Departure]]) -> list[Departure]:
    """Departures until there are enough."""
    found: list[Departure] = []
    while len(found) < total:
        found += turn(at_once)
        print(f"{len(found)} of {total}: {found[-at_once:]}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drains", type=int, default=100)
    parser.add_argument("--recalls", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--at", choices=["file", "file+sqs"], default="file+sqs")
    given = parser.parse_args()
    rows: list[dict[str, object]] = []
    figures: dict[str, object] = {}
    with fleet(given.at) as crowd:
        for name, total, turn in (("drain", given.drains, crowd.drained), ("recall", given.recalls, crowd.recalled)):
            if not total:
                continue
            found = measure(total, given.at_once, turn)
            spans = {"since it was told": [each.told for each in found]}
            if name == "drain":
                spans["since its run ended"] = [each.ended for each in found if each.ended is not None]
            for span, values in spans.items():
                rows.append({"what": f"{name}, {span}", "number": len(values), **percentiles(values)})
            charged = [sum(each.attempts for each in found), sum(each.losses for each in found)]
            figures[name] = {"ms": spans, "attempts and losses": charged}
    show(f"departures, {given.at}, {given.at_once} at once (s until the next run began elsewhere)", rows, figures)


if __name__ == "__main__":
    main()
