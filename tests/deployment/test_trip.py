"""The doctor's round trip goes through the real ledger and queues, and nobody else meets it."""

from __future__ import annotations

import pytest

from leasehold.testing.sqs_server import Fault, SqsServer
from tests.deployment.conftest import Command, client


def trip(run: Command, *words: str, **settings: str) -> tuple[str, str]:
    """How the doctor's task fared: state and sentence."""
    checks = run("doctor", "--json", *words, **settings).json["checks"]
    (found,) = [(check["state"], check["sentence"]) for check in checks if check["check"] == "task"]
    return found


def queues() -> list[str]:
    """The names of all queues there are."""
    return sorted(url.rpartition("/")[2] for url in client().list_queues().get("QueueUrls", []))


@pytest.fixture
def deployed(run: Command, sqs: SqsServer) -> SqsServer:
    """Queues as they should be, a message of the fleet's on each, and a task of the fleet's that is due."""
    run("init")
    for queue in ("acme-tasks-default", "acme-dead"):
        client().send_message(QueueUrl=sqs.queue_url(queue), MessageBody="the fleet's")
    run("submit", "jobs.py:transcribe", "source=a")
    return sqs


def test_a_task_goes_all_the_way_and_the_fleet_is_left_alone(run: Command, deployed: SqsServer) -> None:
    state, sentence = trip(run)
    assert (state, "a task went through ledger, queue, worker and back" in sentence) == ("ok", True)
    assert queues() == ["acme-dead", "acme-status", "acme-tasks-default"]
    assert [copy.body for copy in deployed.peek("acme-tasks-default")] == ["the fleet's"]
    assert deployed.peek("acme-status") == []
    tasks = {line["handler"]: line for line in run("tasks", "ls", "--json").lines}
    assert (tasks["doctor"]["status"], tasks["doctor"]["queue"]) == ("completed", "doctor")
    assert (tasks["transcribe"]["status"], tasks["transcribe"]["why"]) == ("pending", "due")
    assert run("audit", "--json").json["ok"] is True


def test_in_single_queue_a_task_goes_all_the_way_without_a_status_queue(run: Command, sqs: SqsServer) -> None:
    run("init", topology="single-queue")
    state, sentence = trip(run, topology="single-queue")
    assert (state, "a task went through ledger, queue, worker and back" in sentence) == ("ok", True)
    assert queues() == ["acme-dead", "acme-tasks-default"]
    assert run("audit", "--json", topology="single-queue").json["ok"] is True
    assert sqs.peek("acme-dead") == []


def test_the_queue_of_the_trip_is_paused_for_everybody_else(run: Command, deployed: SqsServer) -> None:
    del deployed
    trip(run)
    paused = {line["queue"]: line["paused"] for line in run("queue", "ls", "--json").lines}
    assert (paused["doctor"], paused["default"]) == (True, False)


def test_without_the_right_to_make_a_queue_no_task_is_sent(run: Command, deployed: SqsServer) -> None:
    deployed.faults.add(Fault("denied", action="CreateQueue", queue="acme-tasks-doctor-*"))
    state, sentence = trip(run)
    assert state == "warning"
    assert sentence.startswith("no task was sent: it needs a queue of its own for some seconds")
    assert "may not do sqs:CreateQueue" in sentence
    assert [line["handler"] for line in run("tasks", "ls", "--json").lines] == ["transcribe"]


def test_a_role_sends_no_task(run: Command, deployed: SqsServer) -> None:
    del deployed
    assert trip(run, "--role", "orchestrator")[1].startswith("left out: ")


def test_what_is_wrong_is_put_right_first(run: Command, sqs: SqsServer) -> None:
    assert trip(run) == ("warning", "no task was sent: put right first what is wrong above")
    assert sqs.requests.total("CreateQueue").requests == 0


def test_a_trip_that_fails_leaves_no_queue_and_no_open_task(run: Command, deployed: SqsServer) -> None:
    deployed.faults.add(Fault("denied", action="SendMessageBatch", queue="acme-tasks-doctor-*"))
    state, sentence = trip(run)
    assert (state, "may not do sqs:SendMessage" in sentence) == ("wrong", True)
    assert queues() == ["acme-dead", "acme-status", "acme-tasks-default"]
    statuses = {line["handler"]: line["status"] for line in run("tasks", "ls", "--json").lines}
    assert statuses == {"doctor": "cancelled", "transcribe": "pending"}


def test_a_task_goes_all_the_way_on_postgresql_alone(run: Command, postgres_url: str) -> None:
    run("init", ledger=postgres_url)
    state, sentence = trip(run, ledger=postgres_url, store="objects")
    assert (state, "a task went through ledger, queue, worker and back" in sentence) == ("ok", True)


def test_a_task_goes_through_sqs_and_postgresql(run: Command, sqs: SqsServer, postgres_url: str) -> None:
    run("init", ledger=postgres_url)
    assert trip(run, ledger=postgres_url, store="objects")[0] == "ok"
    assert sqs.requests.total().failed == sqs.requests.total("GetQueueUrl").failed
