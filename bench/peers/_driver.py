"""What a system does to take part: a client that obeys orders, one line of JSON each, until its input ends.

It runs in the system's own environment and imports nothing but the standard library. A system is one module that
subclasses ``Peer`` and calls ``serve``. The program that measures (``bench.compare``) starts it, reads its CPU seconds
and its workers' from /proc, and brings the servers up beforehand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.request import urlopen

PROCESSES = 2
"""Processes that run tasks, for every system."""

SHORTEST, LONGEST = 0.005, 0.25
"""s between two looks at what is done: seldom while much is left, so that looking costs the servers little."""

Arguments = Mapping[str, Any]


class Peer(ABC):
    """One system, as it is measured."""

    def __init__(self) -> None:
        self.place = os.environ["BENCH_PLACE"]
        """Which of the module's variants."""
        self.folder = Path(os.environ["BENCH_FOLDER"])
        self.submitted = 0
        self.workers: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def prepare(self) -> None:
        """Make schema and queues, and open the client's connections."""

    @abstractmethod
    def start(self) -> None:
        """Start the processes that run tasks: ``self.run(...)`` for each root."""

    @abstractmethod
    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        """Submit many tasks in the best documented way; they are accepted when it returns."""

    @abstractmethod
    def done(self) -> int:
        """How many tasks are done since ``prepare``: outcome stored where there is one, and acknowledged."""

    def submit_one(self, kind: str, arguments: Arguments) -> None:
        """Submit one task, as a web request would."""
        self.submit(kind, [arguments])

    def roots(self) -> Sequence[int]:
        """Process ids of the workers; what they start is found from there."""
        return [worker.pid for worker in self.workers]

    def others(self) -> Mapping[str, int]:
        """Process ids of what is neither client, worker nor server, by name."""
        return {}

    def stop(self) -> None:
        """End what ``start`` started."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            end(worker)

    def run(self, *command: str, **environment: str) -> None:
        """Start a worker of this environment: the name of a script of its own, or ``python``."""
        program = Path(sys.executable).with_name(command[0])
        with (self.folder / "workers.log").open("ab") as log:
            self.workers.append(
                subprocess.Popen(
                    [program, *command[1:]],
                    env=os.environ | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )


def end(worker: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was asked to end; kill its session if it does not."""
    try:
        worker.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def left_on_sqs() -> int:
    """Messages on all queues of the test server, whatever their state. It is not counted as a request."""
    with urlopen(f"{os.environ['AWS_ENDPOINT_URL_SQS']}/_leasehold/queues") as reply:  # noqa: S310 - this machine's
        return sum(sum(counts.values()) for counts in json.load(reply).values())


# -- orders ------------------------------------------------------------------------------------------------------------


def start(peer: Peer) -> dict[str, Any]:
    peer.prepare()
    peer.start()
    return {"workers": [*peer.roots()], "others": dict(peer.others())}


def submit(peer: Peer, kind: str, count: int, **arguments: str) -> dict[str, Any]:
    tasks = [{"number": number, **arguments} for number in range(count)]
    began = clock()
    peer.submit(kind, tasks)
    peer.submitted += count
    return {"began": began, "ended": clock()}


def pace(peer: Peer, kind: str, count: int, per_second: float, **arguments: str) -> dict[str, Any]:
    """Submit one by one at a steady rate; says when each submit began."""
    began, instants = clock(), []
    for number in range(count):
        time.sleep(max(0.0, began + number / per_second - clock()))
        instants.append(clock())
        peer.submit_one(kind, {"number": number, **arguments})
    peer.submitted += count
    return {"submits": instants}


def wait(peer: Peer, limit: float) -> dict[str, Any]:
    """Wait until everything is done; says how much was, and when that was seen."""
    began, first, looked = clock(), peer.done(), 0.0
    done = first
    while done < peer.submitted and looked - began < limit:
        rate = (done - first) / (looked - began) if done > first else 0.0
        left = (peer.submitted - done) / rate if rate else LONGEST
        time.sleep(min(LONGEST, max(SHORTEST, left / 4)))
        if any(worker.poll() is not None for worker in peer.workers):
            raise RuntimeError("a worker ended")
        done, looked = peer.done(), clock()
    return {"done": done, "submitted": peer.submitted, "at": clock()}


def stop(peer: Peer) -> dict[str, Any]:
    peer.stop()
    return {}


ORDERS = {each.__name__: each for each in (start, submit, pace, wait, stop)}


def clock() -> float:
    """Seconds on the clock that all processes of this machine share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def serve(peer: Peer) -> NoReturn:
    """Obey until the input ends. What the system prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = ORDERS[order.pop("order")](peer, **order)
        except Exception:  # noqa: BLE001 - whoever measures is told
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)
    sys.exit()
