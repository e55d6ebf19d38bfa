"""One system through one round: its servers, its client in its own environment, and what each process used.

CPU seconds are read from /proc/PID/stat: user and system time of each process, and for trees those of all living
descendants and of the children that they have waited for (cutime, cstime). They are counted from just before the
first submit to half a second after the last task was done, so that what trails behind (acknowledgements) is paid for.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench._lineup import PEERS, Contestant, python_of
from bench._processes import cpu_seconds, own_cpu_seconds, proportional_mebibytes, tree
from leasehold.testing.postgres import PostgresServer
from leasehold.testing.sqs_server import SqsServerProcess

BOUND = 120
"""s in which the tasks of one step must be done."""

TRAIL = 0.5
"""s after the last task that still count."""

SRC = PEERS.parents[1] / "src"


class Failed(Exception):
    """The system did not do what was asked."""


class Servers(NamedTuple):
    """What runs beside a system."""

    folder: Path
    environment: Mapping[str, str]
    pids: Mapping[str, int]
    sqs: SqsServerProcess | None
    redis: Path | None
    """Redis's client program, if there is a Redis."""
    port: int
    database: PostgresServer | None

    def asked(self) -> Counter[str]:
        """Requests so far: SQS's by action, Redis's commands, PostgreSQL's transactions."""
        counts = Counter[str]()
        if self.sqs is not None:
            for (action, _), tally in self.sqs.requests().items():
                counts[f"sqs {action}"] += tally.requests
                counts["sqs requests"] += tally.requests
        if self.redis is not None:
            said = subprocess.run([self.redis, "-p", str(self.port), "info", "stats"], capture_output=True, check=True)
            line = next(line for line in said.stdout.split() if line.startswith(b"total_commands_processed:"))
            counts["redis commands"] = int(line.partition(b":")[2])
        if self.database is not None:
            done = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'bench'"
            counts["postgres transactions"] = self.database.run(done)[0][0]
        return counts


@contextmanager
def servers(contestant: Contestant) -> Generator[Servers]:
    """Fresh ones, on this machine, with what they keep in a folder of the same disk."""
    pids: dict[str, int] = {}
    environment: dict[str, str] = {}
    sqs = redis = database = None
    port = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leasehold-compare-")))
        if "postgres" in contestant.servers:
            database = stack.enter_context(PostgresServer())
            environment["BENCH_DATABASE"] = database.url(database.create("bench"))
            pids["postgres"] = database.pid
        if "sqs" in contestant.servers:
            sqs = stack.enter_context(SqsServerProcess())
            environment |= sqs.environment()
            pids["sqs"] = sqs.pid
        if "redis" in contestant.servers:
            port, pids["redis"] = stack.enter_context(redis_server(folder, contestant.appendfsync))
            redis = redis_program("redis-cli")
            environment["BENCH_REDIS"] = f"redis://127.0.0.1:{port}"
        yield Servers(folder, environment, pids, sqs, redis, port, database)


@contextmanager
def redis_server(folder: Path, appendfsync: str) -> Generator[tuple[int, int]]:
    """Debian's Redis with an append-only file and no snapshots: its port and process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    durable = ("--appendonly", "yes", "--appendfsync", appendfsync, "--save", "")
    command = [redis_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *durable]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.01)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def redis_program(name: str) -> Path:
    """From ``BENCH_REDIS_BIN`` (a folder) or the path. Raises ``Failed``."""
    found = shutil.which(name, path=os.environ.get("BENCH_REDIS_BIN")) or shutil.which(name)
    if found is None:
        raise Failed(f"there is no {name}: install Debian's redis-server, or name its folder in BENCH_REDIS_BIN")
    return Path(found)


def ready(contestant: Contestant) -> bool:
    """Whether it can take part on this machine; says so if not."""
    try:
        python_of(contestant)
        if contestant.appendfsync:
            redis_program("redis-server")
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"{contestant.name} is left out: {error}", file=sys.stderr)
        return False
    return True


class Driver:
    """A system's client, which obeys orders; see ``peers/_driver.py``."""

    def __init__(self, contestant: Contestant, at: Servers) -> None:
        path = [contestant.folder, PEERS, *([SRC] if contestant.is_leasehold else [])]
        environment = {**os.environ, **at.environment, "BENCH_PLACE": contestant.place, "BENCH_FOLDER": str(at.folder)}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
        self.errors = at.folder / "client.log"
        with self.errors.open("wb") as log:
            self.process = subprocess.Popen(
                [python_of(contestant), contestant.folder / "peer.py"],
                cwd=at.folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.at = at
        self.workers: list[int] = []
        self.others: dict[str, int] = {}

    def order(self, order: str, **details: float | str) -> dict[str, Any]:
        """Say it and hear the answer. Raises ``Failed``."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"order": order, **details}) + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline() or '{"error": "it ended"}')
        if "error" in answer:
            raise Failed(f"{order}: {answer['error']}\n{self.said()}")
        return answer

    def said(self) -> str:
        """The last lines of the client's and the workers' logs."""
        logs = [log for log in (self.errors, self.at.folder / "workers.log") if log.exists()]
        return "\n".join(f"-- {log.name}\n{log.read_text(errors='replace')[-2_000:]}" for log in logs)

    def start(self) -> None:
        """Start the workers."""
        started = self.order("start")
        self.workers, self.others = started["workers"], started["others"]

    def wait(self) -> float:
        """Wait until everything is done; the instant at which it was. Raises ``Failed`` if it is not."""
        answer = self.order("wait", limit=BOUND)
        if answer["done"] != answer["submitted"]:
            raise Failed(f"{answer['done']} of {answer['submitted']} tasks are done\n{self.said()}")
        return answer["at"]

    def used(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {
            "client": own_cpu_seconds(self.process.pid),
            "workers": sum(map(cpu_seconds, self.workers)),
            **{name: cpu_seconds(pid) for name, pid in self.others.items()},
            **{name: cpu_seconds(pid) for name, pid in self.at.pids.items()},
        }

    def signal(self, number: signal.Signals) -> None:
        """To the workers and whoever helps them, with all their children."""
        for root in (*self.workers, *self.others.values()):
            for pid in tree(root):
                os.kill(pid, number)

    def memory(self) -> dict[str, float]:
        """MiB: the workers' whole trees, and each other process, shared pages divided among those who share them."""
        trees = {"workers": self.workers, **{name: [pid] for name, pid in self.others.items()}}
        return {
            name: sum(proportional_mebibytes(each) for root in roots for each in tree(root))
            for name, roots in trees.items()
        }

    def close(self) -> None:
        """End the workers, then the client."""
        try:
            if self.workers:
                self.order("stop")
        finally:
            self.process.communicate()


@contextmanager
def contest(contestant: Contestant) -> Generator[Driver]:
    """The system, started and warm: every process has run something, and each of those tasks exactly once."""
    with servers(contestant) as at:
        driver = Driver(contestant, at)
        try:
            driver.start()
            warm_up(driver)
            yield driver
        finally:
            driver.close()


def warm_up(driver: Driver, tasks: int = 100) -> None:
    stamps = driver.at.folder / "warm"
    driver.order("submit", kind="stamp", count=tasks, path=str(stamps))
    driver.wait()
    check_stamps(stamps, tasks)


def check_stamps(stamps: Path, tasks: int) -> dict[int, float]:
    """When each task began, by number; each must have run exactly once."""
    lines = [line.split() for line in stamps.read_text().splitlines()]
    began = {int(number): float(instant) for number, instant in lines}
    if len(lines) != tasks or len(began) != tasks:
        raise Failed(f"{tasks} tasks were submitted, {len(lines)} runs of {len(began)} tasks were seen")
    return began


# -- what is measured --------------------------------------------------------------------------------------------------


def throughput(driver: Driver, kind: str, tasks: int) -> dict[str, float]:
    """Tasks per second, and per 1,000 tasks the CPU seconds of each, and requests per task."""
    before, asked = driver.used(), driver.at.asked()
    submit = driver.order("submit", kind=kind, count=tasks)
    submitted = driver.used()["client"]
    seconds = driver.wait() - submit["began"]
    time.sleep(TRAIL)
    used, requests = driver.used(), driver.at.asked() - asked
    used["client"] = submitted  # what it does from here on is looking whether all is done
    return {
        "tasks": tasks,
        "rate": tasks / seconds,
        "submit rate": tasks / (submit["ended"] - submit["began"]),
        **{f"cpu {name}": (used[name] - before[name]) * 1_000 / tasks for name in used},
        **{f"{name}/task": count / tasks for name, count in requests.items()},
    }


def backlog(driver: Driver, tasks: int) -> dict[str, float]:
    """As ``throughput`` of no-op tasks that all wait already when the workers set out.

    Where submits are slower than work, only a backlog shows what the workers can do, and how few requests they need.
    """
    driver.signal(signal.SIGSTOP)
    asked = driver.at.asked()
    try:
        driver.order("submit", kind="noop", count=tasks)
    finally:
        driver.signal(signal.SIGCONT)
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    seconds = driver.wait() - began
    time.sleep(TRAIL)
    requests = driver.at.asked() - asked
    return {"tasks": tasks, "rate": tasks / seconds, **{f"{name}/task": n / tasks for name, n in requests.items()}}


def latency(driver: Driver, tasks: int, per_second: float) -> list[float]:
    """Milliseconds from before the submit of each task to the first line of its handler."""
    stamps = driver.at.folder / f"stamps-{tasks}"
    submits = driver.order("pace", kind="stamp", count=tasks, per_second=per_second, path=str(stamps))["submits"]
    driver.wait()
    began = check_stamps(stamps, tasks)
    return [round((began[number] - submit) * 1_000, 2) for number, submit in enumerate(submits)]


def idle(driver: Driver, seconds: float) -> dict[str, float]:
    """Requests a minute and per cent of a core, with nothing to do."""
    time.sleep(5)  # what was done before is tidied up
    before, asked = driver.used(), driver.at.asked()
    time.sleep(seconds)
    used, requests = driver.used(), driver.at.asked() - asked
    return {
        **{f"{name}/min": count * 60 / seconds for name, count in requests.items()},
        **{f"% {name}": (used[name] - before[name]) * 100 / seconds for name in used if name != "client"},
    }
