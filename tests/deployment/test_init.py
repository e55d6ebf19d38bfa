"""``leasehold init`` makes what is missing, shows what differs, and changes nothing that is there."""

from __future__ import annotations

import json
import shlex
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from leasehold.adapters.clock import SystemClock
from leasehold.backends import Backends
from leasehold.provision import State, Step, provide
from leasehold.settings import read_settings
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.deployment.conftest import Command, client

QUEUES = ["acme-dead", "acme-status", "acme-tasks-default"]


def attributes(server: SqsServer, queue: str) -> dict[str, str]:
    """What a queue is like."""
    found = client().get_queue_attributes(QueueUrl=server.queue_url(queue), AttributeNames=["All"])
    return {str(name): value for name, value in found["Attributes"].items()}


def queues() -> list[str]:
    """The names of all queues there are."""
    return sorted(url.rpartition("/")[2] for url in client().list_queues().get("QueueUrls", []))


def states(run: Command, *words: str, **settings: str) -> dict[str, str]:
    """What init says of each thing, by what it is called."""
    return {step["subject"]: step["state"] for step in run("init", "--json", *words, **settings).json["steps"]}


# ------------------------------------------------------------------------------------------------- the embedded default


def test_a_ledger_and_its_key_are_made_once(run: Command, tmp_path: Path) -> None:
    ledger = f"ledger {tmp_path}/leasehold.db"
    assert states(run) == {ledger: "made", "capability key": "made"}
    assert states(run) == {ledger: "ok", "capability key": "ok"}


def test_a_dry_run_makes_nothing(run: Command, tmp_path: Path) -> None:
    said = run("init", "--dry-run")
    assert (said.code, [line.split()[0] for line in said.out.splitlines()]) == (0, ["missing", "missing"])
    assert not (tmp_path / "leasehold.db").exists()


@pytest.mark.parametrize(("version", "mends"), [("0000", "leasehold migrate"), ("9999", "pip install --upgrade")])
def test_another_schema_is_shown_with_what_mends_it(run: Command, tmp_path: Path, version: str, mends: str) -> None:
    run("init")
    database = sqlite3.connect(tmp_path / "leasehold.db")
    with database:
        database.execute("UPDATE schema_version SET version_num = ?", [version])
    database.close()
    told = run("init", "--json")
    assert told.code == 1
    (step,) = told.json["steps"]
    assert (step["state"], version in step["sentence"], step["command"].startswith(mends)) == ("drifted", True, True)


def test_a_key_that_is_given_is_not_made(run: Command) -> None:
    said = run("init", capability_key="00" * 32)
    assert "ok       capability key: given by the setting" in said.out


# ------------------------------------------------------------------------------------------------------------------ SQS


def test_the_queues_of_a_deployment_are_made(run: Command, sqs: SqsServer) -> None:
    assert run("init").code == 0
    assert queues() == QUEUES
    dead, status, tasks = (attributes(sqs, queue) for queue in QUEUES)
    two_weeks = str(14 * 24 * 3_600)
    assert dead["MessageRetentionPeriod"] == status["MessageRetentionPeriod"] == two_weeks
    assert {each["SqsManagedSseEnabled"] for each in (dead, status, tasks)} == {"true"}
    assert {each["ReceiveMessageWaitTimeSeconds"] for each in (dead, status, tasks)} == {"20"}
    assert json.loads(tasks["RedrivePolicy"]) == {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 100}
    assert "RedrivePolicy" not in status


def test_each_named_queue_is_made(run: Command, sqs: SqsServer) -> None:
    run("init")
    assert states(run, "--queues", "default,media") == {
        **{f"queue {queue}": "ok" for queue in QUEUES},
        "queue acme-tasks-media": "made",
        **{key: state for key, state in states(run).items() if not key.startswith("queue ")},
    }


def test_a_single_queue_has_no_status_queue(run: Command, sqs: SqsServer) -> None:
    run("init", topology="single-queue")
    assert queues() == ["acme-dead", "acme-tasks-default"]


def test_fifo_queues_are_made_as_such(run: Command, sqs: SqsServer) -> None:
    run("init", queues="sqs://acme.fifo")
    assert queues() == ["acme-dead.fifo", "acme-status", "acme-tasks-default.fifo"]
    assert attributes(sqs, "acme-tasks-default.fifo")["FifoThroughputLimit"] == "perMessageGroupId"


def test_a_dry_run_on_sqs_only_asks(run: Command, sqs: SqsServer) -> None:
    said = run("init", "--dry-run")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines() if line[:1].strip()] == ["missing"] * 5
    assert said.out.count("\n         aws sqs create-queue ") == 3
    assert set(sqs.requests.actions()) <= {"GetQueueUrl", "GetQueueAttributes"}


def test_what_differs_is_shown_and_left(run: Command, sqs: SqsServer) -> None:
    run("init")
    url = sqs.queue_url("acme-status")
    client().set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})
    said = run("init")
    assert said.code == 1
    assert "differs  queue acme-status: MessageRetentionPeriod is 1 h and should be 14 d\n" in said.out
    assert "         aws sqs set-queue-attributes --region eu-central-1 --queue-url" in said.out
    assert attributes(sqs, "acme-status")["MessageRetentionPeriod"] == "3600"


def test_the_command_that_is_shown_mends_it(run: Command, sqs: SqsServer) -> None:
    run("init")
    url = sqs.queue_url("acme-tasks-default")
    client().set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": "", "VisibilityTimeout": "5"})
    commands = [step["command"] for step in run("init", "--json").json["steps"] if step["command"]]
    assert len(commands) == 2
    for command in commands:
        type_in(command)
    assert run("init").code == 0


def type_in(command: str) -> None:
    """Do what ``aws sqs set-queue-attributes`` does."""
    words = shlex.split(command)
    assert words[:3] == ["aws", "sqs", "set-queue-attributes"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    client().set_queue_attributes(QueueUrl=options["--queue-url"], Attributes=json.loads(options["--attributes"]))


def test_more_than_is_wanted_is_left_and_is_no_fault(run: Command, sqs: SqsServer) -> None:
    run("init")
    url = sqs.queue_url("acme-tasks-default")
    client().set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7200"})
    said = run("init")
    assert (said.code, "VisibilityTimeout is 2 h, more than 1 h: left alone" in said.out) == (0, True)


def test_two_at_once_do_no_harm(run: Command, sqs: SqsServer, tmp_path: Path) -> None:
    settings = read_settings(environ={"LEASEHOLD_QUEUES": "sqs://acme"}, folder=tmp_path)

    def init(seed: int) -> list[Step]:
        backends = Backends(settings, SystemClock(), Random(seed))
        try:
            return list(provide(backends))
        finally:
            backends.close()

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(init, range(4)))
    assert {step.state for steps in told for step in steps} <= {State.OK, State.MADE}
    assert queues() == QUEUES
    assert run("init").code == 0


# --------------------------------------------------------------------------------------------------------------- faults


def test_what_may_not_be_seen_is_named_and_the_rest_is_made(run: Command, sqs: SqsServer) -> None:
    sqs.faults.add(Fault("denied", queue="acme-tasks-media", action="GetQueueUrl"))
    said = run("init", "--queues", "default,media")
    assert said.code == 3
    (line,) = [line for line in said.out.splitlines() if line.startswith("unknown")]
    assert "queue acme-tasks-media: " in line
    assert ":user/test may not do sqs:GetQueueUrl in region eu-central-1. Allow it" in line
    assert queues() == QUEUES


def test_what_may_not_be_made_is_named(run: Command, sqs: SqsServer) -> None:
    sqs.faults.add(Fault("denied", action="CreateQueue"))
    said = run("init")
    assert said.code == 3
    assert "may not do sqs:CreateQueue in region eu-central-1" in said.out
    assert queues() == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("expired", "the AWS credentials have expired. Renew them"),
        ("unknown_key", "SQS does not know these AWS credentials"),
        ("wrong_region", "is not in region eu-central-1. Write the right region into the setting 'queues'"),
    ],
)
def test_what_is_wrong_with_every_queue_is_said_once(run: Command, sqs: SqsServer, fault: str, sentence: str) -> None:
    sqs.faults.add(Fault(fault))
    said = run("init")
    assert (said.code, said.out.count(sentence), said.out.count("unknown ")) == (3, 1, 1)


def test_without_a_region_nothing_is_asked(run: Command, sqs: SqsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    said = run("init")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "no AWS region is set" in said.err
    assert sqs.requests.total().requests == 0


# ----------------------------------------------------------------------------------------------- the platform's events


def test_the_events_queue_is_made_where_one_is_named_wherever_the_tasks_are(run: Command, sqs: SqsServer) -> None:
    assert states(run, queues="embedded", events="sqs://acme-events")["queue acme-events"] == "made"
    assert queues() == ["acme-events"]
    assert attributes(sqs, "acme-events")["MessageRetentionPeriod"] == "86400"
    assert states(run, events="sqs://acme-events")["queue acme-events"] == "ok"
    assert queues() == sorted([*QUEUES, "acme-events"])
