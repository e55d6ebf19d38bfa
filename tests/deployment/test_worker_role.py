"""Real processes: an owner's orchestrator, and a worker that logs in as the role that ``init`` made for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import psycopg
import pytest

from leasehold.adapters.bell import LocalBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.adapters.database.roles import quoted
from leasehold.ports.queue import Message
from leasehold.testing.sqs_server import SqsServer
from tests.deployment.policies import enforce
from tests.servers import aws
from tests.servers.clusters import Cluster, Clusters
from tests.tooling.repository import ROOT

PATIENCE = 90
LOOKS = 40
NAMES = (f"restricted-{number}" for number in count(1))
JOBS = """
from pathlib import Path
from leasehold import App, Retry
app = App("jobs")

@app.task(retry=Retry(attempts=1))
def work(number: int) -> int:
    if number == 1:
        raise ValueError("never")
    return number

@app.task(retry=Retry(attempts=3, backoff="100ms..200ms"))
def again(mark: str) -> str:
    if not Path(mark).exists():
        Path(mark).touch()
        raise ValueError("once")
    return mark
"""
DAMAGED = '{"this": "is of nobody"}'


class Deployment:
    """A ledger, its owner, a worker's role, and the command line of each."""

    def __init__(self, folder: Path, cluster: Cluster, topology: str, server: SqsServer | None) -> None:
        self.folder = folder
        self.cluster = cluster
        self.database = cluster.empty()
        self.role = next(NAMES)
        (folder / "jobs.py").write_text(JOBS, encoding="utf-8")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEASEHOLD_", "AWS_"))}
        self._environment = {
            **clean,
            **({} if server is None else aws.environment(server.url, folder)),
            "PYTHONPATH": str(ROOT / "src"),
            "LEASEHOLD_QUEUES": "embedded" if server is None else "sqs://acme",
            "LEASEHOLD_TOPOLOGY": topology,
            "LEASEHOLD_STORE": str(folder / "store"),
            "LEASEHOLD_LONG_POLL": "1s",
        }

    @property
    def url(self) -> str:
        """The owner's."""
        return self.cluster.url(self.database)

    def start(self, *words: str, worker: bool = False, topology: str = "") -> subprocess.Popen[str]:
        """Begin a command, as the owner or as the worker's role. ``topology``: another one than the deployment's."""
        other = {"LEASEHOLD_TOPOLOGY": topology} if topology else {}
        url = self.cluster.url(self.database, self.role) if worker else self.url
        key = "single-queue-worker" if worker else "orchestrator" if "orchestrator" in words else "administrator"
        return subprocess.Popen(
            [sys.executable, "-m", "leasehold", *words],
            cwd=self.folder,
            env={**self._environment, "LEASEHOLD_LEDGER": url, "AWS_ACCESS_KEY_ID": key, **other},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, *words: str, worker: bool = False) -> tuple[int, str, str]:
        """Run a command to its end: exit code, output, errors."""
        with self.start(*words, worker=worker) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert self.cluster.password not in out + err
        return process.returncode, out, err

    def run(self, *words: str) -> str:
        """Run a command of the owner's that has to succeed; what it printed."""
        code, out, err = self.ended(*words)
        assert code == 0, f"{words}\n{out}\n{err}"
        return out.strip()

    def set_up(self) -> None:
        """As docs/deployment.md tells an administrator to."""
        self.run("init", "--worker-role", self.role)
        self.owner(f"ALTER ROLE {quoted(self.role)} PASSWORD '{self.cluster.password}'")

    def owner(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def clean_up(self) -> None:
        self.cluster.drop(self.database)
        self.cluster.run(f"DROP ROLE IF EXISTS {quoted(self.role)}")


@pytest.fixture(params=["single-queue on SQS", "single-queue", pytest.param("two-queue", marks=pytest.mark.prove)])
def deployment(request: pytest.FixtureRequest, clusters: Clusters, tmp_path: Path) -> Iterator[Deployment]:
    topology, _, on_sqs = str(request.param).partition(" ")
    with ExitStack() as stack:
        server = stack.enter_context(SqsServer(region=aws.REGION)) if on_sqs else None
        deployment = Deployment(tmp_path, clusters["newest"], topology, server)
        stack.callback(deployment.clean_up)
        deployment.set_up()
        disturb(deployment, server)
        if server is not None:
            enforce(server, "single-queue-worker")
            enforce(server, "orchestrator")
        yield deployment


def disturb(deployment: Deployment, server: SqsServer | None) -> None:
    """A stranger sends something to the task queue."""
    if server is not None:
        import boto3

        client = boto3.client(
            "sqs",
            endpoint_url=server.url,
            region_name=aws.REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.send_message(QueueUrl=server.queue_url("acme-tasks-default"), MessageBody=DAMAGED)
        return
    database = open_database(deployment.url)
    bell = LocalBell()
    DatabaseQueue("tasks:default", database, clock=SystemClock(), bell=bell, topic="t").send([Message(DAMAGED)])
    database.close()


def test_a_worker_with_its_role_does_all_of_its_work(deployment: Deployment) -> None:
    with ExitStack() as stack:
        served = [
            stack.enter_context(deployment.start("orchestrator")),
            stack.enter_context(deployment.start("worker", "--app", "jobs.py", "--slots", "2", worker=True)),
        ]
        for process in served:
            stack.callback(process.send_signal, signal.SIGTERM)
        tasks = [deployment.run("submit", "jobs.py:work", f"number={number}") for number in range(4)]
        tasks.append(deployment.run("submit", "jobs.py:again", f"mark={deployment.folder / 'mark'}"))
        code, out, err = deployment.ended("wait", *tasks, "--timeout", "80s", "--json")
        assert code == 1, out + err  # one of them failed
        damaged = quarantined(deployment)
        for process in served:
            process.send_signal(signal.SIGTERM)
        told = [process.communicate(timeout=PATIENCE)[1] for process in served]
    assert [process.returncode for process in served] == [0, 0], told
    assert "lacks a grant" not in "".join(told)
    ended = {task["id"]: (task["status"], task["attempts"]) for task in lines(deployment.run("tasks", "ls", "--json"))}
    assert [ended[task] for task in tasks] == [
        ("completed", 0),
        ("failed", 1),
        ("completed", 0),
        ("completed", 0),
        ("completed", 1),
    ]
    assert damaged == 1
    assert json.loads(deployment.run("audit", "--json"))["ok"] is True


def quarantined(deployment: Deployment) -> int:
    """How many damaged messages are kept for people, once there is one: its report may still be on its way."""
    for _ in range(LOOKS):
        if found := lines(deployment.run("queue", "quarantine", "--json")):
            return len(found)
    return 0


def lines(said: str) -> list[dict[str, object]]:
    """One object per line."""
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize("deployment", ["single-queue"], indirect=True)
def test_a_worker_that_lacks_a_grant_says_which_and_does_not_begin(deployment: Deployment) -> None:
    deployment.owner(f"REVOKE INSERT ON audit FROM {quoted(deployment.role)}")
    code, _, err = deployment.ended("worker", "--app", "jobs.py", worker=True)
    assert code == 3
    assert err.count("\n") == 1
    assert f"role '{deployment.role}' lacks INSERT ON \"audit\"" in err
    assert f"Let the owner of the tables run: leasehold init --worker-role {deployment.role}" in err


@pytest.mark.parametrize("deployment", ["single-queue"], indirect=True)
def test_a_grant_that_is_taken_away_is_named_and_all_goes_on_once_it_is_back(deployment: Deployment) -> None:
    with ExitStack() as stack:
        orchestrator = stack.enter_context(deployment.start("orchestrator"))
        worker = stack.enter_context(deployment.start("worker", "--app", "jobs.py", worker=True))
        for process in (orchestrator, worker):
            stack.callback(process.kill)
        said_until(worker, "drains it")
        deployment.owner(f"REVOKE INSERT ON audit FROM {quoted(deployment.role)}")
        task = deployment.run("submit", "jobs.py:work", "number=2")
        told = said_until(worker, "permission denied for table audit")
        deployment.owner(f"GRANT INSERT ON audit TO {quoted(deployment.role)}")
        deployment.run("wait", task, "--timeout", "80s")
    assert "for a worker's role: leasehold init --worker-role" in told
    assert deployment.cluster.password not in told
    assert json.loads(deployment.run("audit", "--json"))["ok"] is True


def said_until(process: subprocess.Popen[str], what: str) -> str:
    """The line of a process's log that says this."""
    assert process.stderr is not None
    for line in process.stderr:
        if what in line:
            return line
    raise AssertionError(f"it ended and never said {what!r}")


@pytest.mark.parametrize("deployment", ["single-queue on SQS"], indirect=True)
@pytest.mark.parametrize("before", ["single-queue", pytest.param("two-queue", marks=pytest.mark.prove)])
def test_what_was_sent_in_one_topology_runs_in_the_other(deployment: Deployment, before: str) -> None:
    after = {"single-queue": "two-queue", "two-queue": "single-queue"}[before]
    with deployment.start("init", topology="two-queue") as made:  # the status queue too
        assert made.wait(PATIENCE) == 0
    tasks = {deployment.run("submit", "jobs.py:work", f"number={number}") for number in (0, 2)}
    with deployment.start("orchestrator", topology=before) as orchestrator:
        until_queued(deployment, tasks)
        orchestrator.send_signal(signal.SIGTERM)
        assert orchestrator.wait(PATIENCE) == 0
    with ExitStack() as stack:
        for words, worker in ((("orchestrator",), False), (("worker", "--app", "jobs.py"), after == "single-queue")):
            process = stack.enter_context(deployment.start(*words, worker=worker, topology=after))
            stack.callback(process.send_signal, signal.SIGTERM)
        deployment.run("wait", *tasks, "--timeout", "80s")
    assert json.loads(deployment.run("audit", "--json"))["ok"] is True


def until_queued(deployment: Deployment, tasks: set[str]) -> None:
    """Wait until all are on the queue."""
    for _ in range(LOOKS):
        queued = {task["id"] for task in lines(deployment.run("tasks", "ls", "--json")) if task["why"] == "queued"}
        if queued == tasks:
            return
    raise AssertionError(f"not queued: {deployment.run('tasks', 'ls')}")
