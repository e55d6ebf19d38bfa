"""The policies in docs/deployment.md are what the roles need, and no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from leasehold.adapters.sqs.probe import DUTIES
from leasehold.testing.sqs_server import SqsServer
from tests.deployment.conftest import JOBS, Command
from tests.deployment.policies import POLICIES, QUEUES, allowed, enforce
from tests.servers import aws
from tests.tooling.repository import ROOT

SELDOM = {"GetQueueAttributes", "ChangeMessageVisibility"}
"""On some queues asked for by doctor and audit, or when something is given back; not in every run."""
PATIENCE = 90


@pytest.fixture
def deployed(run: Command, sqs: SqsServer) -> SqsServer:
    """Queues as they should be, and every role held to its policy."""
    run("init")
    for role in POLICIES:
        enforce(sqs, role)
    sqs.requests.reset()
    return sqs


@pytest.mark.parametrize("kind", QUEUES)
@pytest.mark.parametrize("role", ["worker", "orchestrator"])
def test_a_policy_allows_what_the_probes_ask_for(role: str, kind: str) -> None:
    duty = DUTIES.get((role, kind))
    found = allowed(role, QUEUES[kind])
    if duty is None:
        assert found == set()
    else:
        assert duty.needs <= found <= duty.needs | (duty.may or set())


@pytest.mark.parametrize("role", ["worker", "orchestrator", "client"])
def test_the_doctor_is_content_with_a_role_that_has_its_policy(
    run: Command, deployed: SqsServer, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", role)
    said = run("doctor", "--role", role, "--app", "jobs.py", "--json", worker_queues="default")
    assert [check["sentence"] for check in said.json["checks"] if check["state"] == "wrong"] == []
    assert said.code == 0
    assert deployed.requests.total().requests == 0 if role == "client" else deployed.requests.total().requests > 0


def test_a_worker_of_single_queue_is_one_that_sends_no_reports_there() -> None:
    statements = [each for each in POLICIES["worker"]["Statement"] if each["Sid"] != "Report"]
    assert POLICIES["single-queue-worker"] == {**POLICIES["worker"], "Statement": statements}


def test_the_doctor_is_content_with_a_worker_of_single_queue(
    run: Command, deployed: SqsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    del deployed
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "single-queue-worker")
    said = run("doctor", "--role", "worker", "--json", topology="single-queue")
    found = [check for check in said.json["checks"] if check["check"] == "allowed"]
    assert [check["state"] == "wrong" for check in found] == [False]
    assert "acme-tasks-default" in found[0]["sentence"]


def test_the_roles_work_under_their_policies_and_use_all_of_them(deployed: SqsServer, tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")
    shell = Fleet(tmp_path, deployed)
    with ExitStack() as stack:
        for words in (("worker", "--app", "jobs.py", "--slots", "1"), ("orchestrator",)):
            process = stack.enter_context(shell.start(words[0], *words))
            stack.callback(process.send_signal, signal.SIGTERM)
        tasks = [shell.run("client", "submit", "jobs.py:transcribe", f"source={number}") for number in range(3)]
        shell.run("client", "wait", *tasks, "--timeout", "80s")
    assert deployed.requests.total().failed == 0
    for kind in ("tasks", "status"):
        used = {action.removesuffix("Batch") for action in deployed.requests.actions(QUEUES[kind])}
        policies = allowed("worker", QUEUES[kind]) | allowed("orchestrator", QUEUES[kind])
        assert used <= policies
        assert policies - used <= SELDOM


class Fleet:
    """Processes on one machine, each with the key of its role; workers without a ledger."""

    def __init__(self, folder: Path, server: SqsServer) -> None:
        self._folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEASEHOLD_", "AWS_"))}
        self._environment = {
            **clean,
            **aws.environment(server.url, folder),
            "PYTHONPATH": str(ROOT / "src"),
            "LEASEHOLD_QUEUES": "sqs://acme",
            "LEASEHOLD_STORE": str(folder / "store"),
            "LEASEHOLD_LONG_POLL": "1s",
        }

    def start(self, role: str, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        ledger = {} if role == "worker" else {"LEASEHOLD_LEDGER": str(self._folder / "leasehold.db")}
        return subprocess.Popen(
            [sys.executable, "-m", "leasehold", *words],
            cwd=self._folder,
            env={**self._environment, **ledger, "AWS_ACCESS_KEY_ID": role},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, role: str, *words: str) -> str:
        """Run a command that has to succeed; what it printed."""
        with self.start(role, *words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, f"{words}\n{out}\n{err}"
        return out.strip()
