"""A fleet: two orchestrators as real processes, and hundreds of worker nodes in a few light ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any, NamedTuple

import psycopg

from bench._places import Place, place
from bench._processes import cpu_seconds
from leasehold.assemble import Parts
from leasehold.core.model import Policy
from leasehold.flow.client import Order
from leasehold.settings import read_settings

ROOT = Path(__file__).parents[1]
BOUND = 300.0
"""s after which something will never happen, on a busy machine too."""
LEASE = 30_000
POLICY = Policy(LEASE, attempts=5, losses=20, backoff_base=1_000, backoff_cap=5_000)
TERMS = {"LEASEHOLD_LEASE_MARGIN": "5s", "LEASEHOLD_TERM_GRACE": "1s", "LEASEHOLD_VALIDITY": "120s"}


class Crew:
    """One process of many nodes."""

    def __init__(self, first: int, count: int, environment: Mapping[str, str], log: Path) -> None:
        self.count = count
        command = [sys.executable, "-m", "bench._nodes", str(first), str(count)]
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )

    def heard(self, word: str) -> None:
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        assert said == word, f"a crew said {said!r} instead of {word!r}"

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


class Gauge(NamedTuple):
    """One look at the task queue."""

    at: float
    visible: int
    in_flight: int


class Fleet:
    """What a scenario works with."""

    def __init__(self, folder: Path, at: Place, *, nodes: int, slots: int, crews: int) -> None:
        self.folder = folder
        self.place = at
        self.nodes, self.slots = nodes, slots
        self.sizes = [nodes // crews + (number < nodes % crews) for number in range(crews)]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")},
            **TERMS,
            **{f"LEASEHOLD_{name.upper()}": value for name, value in at.settings.items()},
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "LEASEHOLD_WORKER_SLOTS": str(slots),
            "LEASEHOLD_APP": "bench._jobs:app",
            "LEASEHOLD_LOG_LEVEL": "warning",
        }
        self.parts = Parts(read_settings(environ=self.environment))
        self.crews: list[Crew] = []
        self.orchestrators: list[subprocess.Popen[bytes]] = []
        self._logs = 0

    # ------------------------------------------------------------ processes

    def orchestrate(self, number: int = 2) -> None:
        for nth in range(number):
            log = (self.folder / f"orchestrator-{nth}.log").open("w")
            command = [sys.executable, "-m", "leasehold", "orchestrator"]
            self.orchestrators.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))

    def ready(self) -> None:
        """Every crew is there; nobody works yet."""
        first = 0
        for size in self.sizes:
            self._logs += 1
            self.crews.append(Crew(first, size, self.environment, self.folder / f"crew-{self._logs}.log"))
            first += size
        for crew in self.crews:
            crew.heard("ready")

    def go(self) -> None:
        """All nodes start at once."""
        for crew in self.crews:
            crew.tell("go")
        for crew in self.crews:
            crew.heard("up")

    def drain(self) -> float:
        """All are asked to stop at once; s until the last one is gone."""
        began = time.monotonic()
        for crew in self.crews:
            crew.tell("stop")
        for crew in self.crews:
            crew.heard("over")
            crew.process.wait()
        self.crews.clear()
        return time.monotonic() - began

    def kill(self) -> None:
        """All die at once."""
        for crew in self.crews:
            crew.process.kill()
        for crew in self.crews:
            crew.process.wait()
        self.crews.clear()

    def close(self) -> None:
        self.kill()
        for process in self.orchestrators:
            process.terminate()
        for process in self.orchestrators:
            process.wait(60)
        self.parts.close()
        for log in sorted(self.folder.glob("*.log")):
            if said := log.read_text().strip():
                print(f"{log.name}: {said[-2_000:]}", file=sys.stderr)

    # ------------------------------------------------------------ work

    def submit(
        self,
        batch: str,
        durations: Sequence[int],
        tenant: str | None = None,
        *,
        queue: str = "default",
        priority: int = 0,
    ) -> None:
        common = Order("noop", "", POLICY, queue=queue, priority=priority, batch=batch, tenant=tenant)
        orders = ((None, common._replace(arguments=json.dumps({"ms": ms}))) for ms in durations)
        for _ in self.parts.client.submit_many(orders):
            pass

    def counts(self, batch: str) -> Counter[str]:
        counts = Counter[str]()
        for cell in self.parts.views.counts(batch=batch):
            counts[str(cell.status)] += cell.tasks
        return counts

    def until(self, batch: str, look: Callable[[Counter[str]], bool]) -> float:
        """Wait for this; when it was seen (``time.monotonic``)."""
        end = time.monotonic() + BOUND
        while not look(counts := self.counts(batch)):
            if time.monotonic() > end:
                raise TimeoutError(f"{batch}: it never came to this: {counts}")
            time.sleep(0.1)
        return time.monotonic()

    def completed(self, batch: str, tasks: int) -> float:
        return self.until(batch, lambda counts: counts["completed"] >= tasks)

    # ------------------------------------------------------------ figures

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each part so far."""
        return {
            "orchestrators": sum(cpu_seconds(process.pid) for process in self.orchestrators),
            "nodes": sum(cpu_seconds(crew.process.pid) for crew in self.crews),
            **{name: cpu_seconds(pid) for name, pid in self.place.servers.items()},
        }

    def ask(self, statement: str, *given: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.parts.settings.ledger) as connection:
            return connection.execute(statement, given).fetchall()  # type: ignore[arg-type] - statements of this folder

    def server(self) -> dict[str, float]:
        """What PostgreSQL has done so far; its statistics are a second old at most."""
        ((wal, size),) = self.ask(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, pg_database_size(current_database())"
        )
        ((commits, connections),) = self.ask(
            """SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
                      (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())"""
        )
        return {"WAL bytes": wal, "bytes": size, "commits": commits, "connections": connections}

    def audit(self) -> dict[str, Any]:
        """What ``leasehold audit`` says; anything unexplained ends the benchmark."""
        command = [sys.executable, "-m", "leasehold", "audit", "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode in {0, 1}, done.stderr
        verdict = json.loads(done.stdout)
        assert verdict["ok"], json.dumps(verdict["problems"], indent=1)
        return verdict

    @contextmanager
    def gauged(self) -> Iterator[list[Gauge]]:
        """Looks at the task queue about four times a second."""
        looks: list[Gauge] = []
        over = Event()

        def look() -> None:
            while not over.wait(0.25):
                if (sqs := self.place.sqs) is not None:
                    counts = sqs.queues()["bench-tasks-default"]
                    looks.append(Gauge(time.monotonic(), counts["visible"], counts["in_flight"]))

        thread = Thread(target=look, daemon=True)
        thread.start()
        try:
            yield looks
        finally:
            over.set()
            thread.join()


@contextmanager
def fleet(*, topology: str, nodes: int, slots: int, crews: int) -> Iterator[Fleet]:
    """A fleet that is not running yet, on servers of its own."""
    with TemporaryDirectory(prefix="leasehold-fleet-") as folder, ExitStack() as stack:
        where = stack.enter_context(place("postgres+sqs", Path(folder), topology, connections=1_000))
        made = Fleet(Path(folder), where, nodes=nodes, slots=slots, crews=crews)
        stack.callback(made.close)
        yield made
