"""``leasehold doctor`` says of a deployment on SQS what is wrong with it, and for which role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from leasehold.testing import ManualClock
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.deployment.conftest import Command, client
from tests.servers import aws


class Told(NamedTuple):
    """What the doctor said."""

    code: int
    checks: list[dict[str, str]]

    def of(self, check: str, state: str | None = None) -> list[str]:
        """The sentences of one check."""
        return [each["sentence"] for each in self.checks if each["check"] == check and state in {None, each["state"]}]


def doctor(run: Command, *words: str, **settings: str) -> Told:
    """Ask it, without sending a task."""
    said = run("doctor", "--no-trip", "--json", *words, **settings)
    return Told(said.code, said.json["checks"])


@pytest.fixture
def behind(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsServer]:
    """SQS where it is another year."""
    monkeypatch.setenv("LEASEHOLD_QUEUES", "sqs://acme")
    with SqsServer(clock=ManualClock(), region=aws.REGION) as server:
        for name, value in aws.environment(server.url, tmp_path).items():
            monkeypatch.setenv(name, value)
        run("init")
        yield server


@pytest.fixture
def deployed(run: Command, sqs: SqsServer) -> SqsServer:
    """Queues as they should be."""
    run("init", "--queues", "default,media")
    return sqs


def test_queues_as_they_should_be_are_in_order(run: Command, deployed: SqsServer) -> None:
    told = doctor(run, store="s3://bucket/acme")
    assert told.of("queues") == [f"queue acme-{name}: as it should be" for name in ("dead", "tasks-default", "status")]
    assert [sentence.partition(":")[0] for sentence in told.of("allowed", "ok")] == [
        *("queue acme-tasks-default", "queue acme-status", "queue acme-dead"),
    ]
    assert told.of("clock", "ok")[-1] == "this machine's clock agrees with SQS's"
    assert told.of("dead", "ok") == ["acme-dead is empty"]
    assert deployed.peek("acme-tasks-default") == []


def test_a_missing_queue_is_one_sentence_with_what_makes_it(run: Command, deployed: SqsServer) -> None:
    told = doctor(run, "--role", "worker", worker_queues="default,films")
    (check,) = [each for each in told.checks if each["check"] == "queues" and each["state"] == "wrong"]
    assert check["sentence"] == ("queue acme-tasks-films does not exist, or these AWS credentials may not see it")
    assert check["command"] == "leasehold init --queues films"
    assert told.code == 1
    assert deployed.requests.total("SendMessageBatch").requests == 0


def test_a_queue_that_differs_is_shown_with_what_mends_it(run: Command, deployed: SqsServer) -> None:
    url = deployed.queue_url("acme-status")
    client().set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})
    told = doctor(run)
    assert told.of("queues", "warning") == ["queue acme-status: MessageRetentionPeriod is 1 h and should be 14 d"]
    assert told.code == 0


@pytest.mark.parametrize(
    ("role", "queue", "action"),
    [
        ("worker", "acme-tasks-default", "ReceiveMessage"),
        ("worker", "acme-tasks-default", "DeleteMessage"),
        ("worker", "acme-tasks-default", "ChangeMessageVisibility"),
        ("worker", "acme-status", "SendMessage"),
        ("orchestrator", "acme-tasks-default", "SendMessage"),
        ("orchestrator", "acme-status", "ReceiveMessage"),
        ("orchestrator", "acme-dead", "DeleteMessage"),
    ],
)
def test_what_a_role_may_not_do_is_named_with_queue_and_principal(
    run: Command, deployed: SqsServer, role: str, queue: str, action: str
) -> None:
    deployed.faults.add(Fault("denied", queue=queue, action=f"{action}*"))
    told = doctor(run, "--role", role)
    (sentence,) = [each for each in told.of("allowed", "wrong") if "may not do" in each]
    assert sentence == (
        f"queue {queue}: arn:aws:iam::000000000000:user/test may not do sqs:{action}. "
        "Allow it in the policy of that role"
    )
    assert told.code == 1


def test_a_worker_that_may_do_more_is_told_what(run: Command, deployed: SqsServer) -> None:
    deployed.faults.add(Fault("denied", action="SetQueueAttributes"), Fault("denied", action="ListQueueTags"))
    told = doctor(run, "--role", "worker")
    tasks, status = told.of("allowed", "wrong")
    assert tasks.startswith("queue acme-tasks-default: these AWS credentials may also do sqs:SendMessage, ")
    assert "sqs:ReceiveMessage, sqs:DeleteMessage" in status
    assert "SetQueueAttributes" not in tasks + status


def test_what_an_orchestrator_may_do_beyond_its_duty_is_its_own_affair(run: Command, deployed: SqsServer) -> None:
    assert doctor(run, "--role", "orchestrator").of("allowed", "wrong") == []
    assert deployed.requests.total("ReceiveMessage", "acme-tasks-default").requests == 0


def test_a_worker_in_single_queue_has_no_status_queue_to_check(run: Command, deployed: SqsServer) -> None:
    told = doctor(run, "--role", "worker", topology="single-queue")
    assert told.of("queues") == ["queue acme-tasks-default: as it should be"]
    assert deployed.requests.actions("acme-status").keys() <= {"CreateQueue", "GetQueueUrl", "GetQueueAttributes"}


def test_a_client_asks_nothing_of_the_queues(run: Command, deployed: SqsServer) -> None:
    deployed.requests.reset()
    told = doctor(run, "--role", "client")
    assert (told.code, told.of("allowed"), deployed.requests.total().requests) == (0, [], 0)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("expired", "the AWS credentials have expired. Renew them"),
        ("wrong_region", "is not in region eu-central-1. Write the right region into the setting 'queues'"),
        ("unknown_key", "SQS does not know these AWS credentials"),
    ],
)
def test_what_is_wrong_with_every_queue_is_said_once(
    run: Command, deployed: SqsServer, fault: str, sentence: str
) -> None:
    deployed.faults.add(Fault(fault))
    told = doctor(run)
    assert told.code == 1
    assert [sentence in each for each in told.of("queues")] == [True]
    assert told.of("allowed") == []


def test_a_server_that_is_not_there_is_one_sentence(run: Command, deployed: SqsServer) -> None:
    deployed.stop()
    (sentence,) = doctor(run).of("queues")
    assert "SQS cannot be reached at http://127.0.0.1" in sentence
    assert sentence.endswith("Check network, region and endpoint")


def test_dead_letters_that_wait_are_counted(run: Command, deployed: SqsServer) -> None:
    client().send_message(QueueUrl=deployed.queue_url("acme-dead"), MessageBody="{}")
    told = doctor(run, "--role", "orchestrator")
    assert told.of("dead")[0].startswith("acme-dead holds about 1 message that was received too often: ")


def test_a_visibility_below_a_lease_says_when_it_matters(run: Command, deployed: SqsServer) -> None:
    told = doctor(run, "--app", "jobs.py", "--role", "worker", worker_queues="default,media")
    (sentence,) = told.of("lease")
    assert sentence.startswith(
        "queue acme-tasks-default hides a message for 1 h, but handler 'transcribe' holds a lease of 2 h. "
    )
    assert "matters only to whoever receives by other means" in sentence
    url = deployed.queue_url("acme-tasks-default")
    client().set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7200"})
    assert doctor(run, "--app", "jobs.py", worker_queues="default,media").of("lease") == []


def test_handlers_whose_queue_is_not_served_are_named(run: Command, deployed: SqsServer) -> None:
    del deployed
    told = doctor(run, "--app", "jobs.py", "--role", "worker")
    assert told.of("app", "warning") == [
        "handler 'encode' waits on queue 'media', which worker_queues (default) leaves out: other workers must serve it"
    ]


def test_clocks_that_differ_are_told(run: Command, behind: SqsServer) -> None:
    told = doctor(run, "--role", "orchestrator")
    machine, ledger = told.of("clock")[1:]
    assert machine.startswith("this machine's clock and SQS's differ by ")
    assert ledger.startswith("the ledger's clock and SQS's differ by ")
    assert "a message is valid for 10 min by both" in ledger
    assert behind.requests.total("GetQueueAttributes").failed == 0


def test_an_application_that_cannot_be_loaded_spoils_no_other_check(run: Command, deployed: SqsServer) -> None:
    del deployed
    told = doctor(run, "--app", "gone.py")
    assert (told.of("app"), told.of("dead"), told.of("lease")) == (
        ["there is no file 'gone.py'"],
        ["acme-dead is empty"],
        [],
    )


# ------------------------------------------------------------------------------------------------------- contradictions


def test_a_file_as_ledger_does_not_do_for_workers_that_ask_it(run: Command, deployed: SqsServer) -> None:
    del deployed
    told = doctor(run, topology="single-queue")
    assert told.code == 1
    assert "workers elsewhere cannot ask it whether they may run" in told.of("settings", "wrong")[0]


def test_a_store_in_a_folder_is_seen_by_one_machine(run: Command, deployed: SqsServer) -> None:
    del deployed
    assert "machines that do not share it" in doctor(run).of("settings", "warning")[0]


def test_a_worker_in_two_queue_is_better_off_without_a_ledger(run: Command, deployed: SqsServer) -> None:
    del deployed
    told = doctor(run, "--role", "worker", ledger="postgresql://ann:secret@127.0.0.1:1/jobs")
    (sentence,) = told.of("settings", "wrong")
    assert sentence.startswith("a worker in two-queue needs no ledger, but postgresql://ann@127.0.0.1:1/jobs is set.")
    assert "secret" not in str(told)


def test_a_worker_in_two_queue_holds_no_key(run: Command, deployed: SqsServer) -> None:
    del deployed
    told = doctor(run, "--role", "worker", capability_key="ab" * 32)
    assert told.of("settings", "wrong") == [
        "a worker needs no capability_key, but it is set: with it, it could report for any task. Take it away"
    ]


def test_a_worker_in_two_queue_needs_no_ledger(run: Command, deployed: SqsServer) -> None:
    del deployed
    assert doctor(run, "--role", "worker").of("ledger") == ["this worker needs none, and none is set"]


def test_short_looks_at_sqs_show_on_the_bill(run: Command, deployed: SqsServer) -> None:
    del deployed
    assert any(sentence.startswith("long_poll is 0 ms: ") for sentence in doctor(run, long_poll="0s").of("settings"))


def test_a_worker_in_single_queue_opens_the_ledger_and_writes_nothing(
    run: Command, deployed: SqsServer, tmp_path: Path
) -> None:
    del deployed
    told = doctor(run, "--role", "worker", topology="single-queue")
    assert told.of("ledger", "ok") == [f"{tmp_path}/leasehold.db opens"]


# ----------------------------------------------------------------------------------------------- the platform's events


@pytest.mark.usefixtures("sqs")
def test_an_events_queue_that_is_named_and_not_there_recalls_nothing(run: Command) -> None:
    run("init")
    (said,) = doctor(run, "--role", "orchestrator", events="sqs://acme-events").of("events")
    assert "queue acme-events does not exist" in said
    assert doctor(run, "--role", "orchestrator").of("events") == []
    assert doctor(run, "--role", "client", events="sqs://acme-events").of("events") == []


def test_whoever_recalls_may_read_the_events(run: Command, sqs: SqsServer) -> None:
    run("init", events="sqs://acme-events")
    assert len(doctor(run, "--role", "orchestrator", events="sqs://acme-events").of("events", "ok")) == 2
    sqs.faults.add(Fault("denied", queue="acme-events", action="DeleteMessage*"))
    (said,) = doctor(run, "--role", "orchestrator", events="sqs://acme-events").of("events", "wrong")
    assert "sqs:DeleteMessage" in said
