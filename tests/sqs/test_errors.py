"""What goes wrong on SQS is told in one sentence, and everything goes on by itself once the cause is gone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from leasehold.adapters.sqs.errors import Place, failure
from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.core.errors import BadSettings, QueueUnavailable
from leasehold.ports.queue import Message, NotSent, Sent
from leasehold.testing.queue_bench import LONG, given, take_one
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.sqs.conftest import Deployment

HERE = Place("jobs-tasks-default", "ReceiveMessage", "eu-central-1", "https://sqs.eu-central-1.amazonaws.com")
ENDPOINT = {"endpoint_url": HERE.endpoint}


def refused(code: str, message: str = "", status: int = 400) -> sdk.ClientError:
    answered: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return sdk.ClientError(answered, HERE.action)


# -- on the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("denied", "user/test may not do sqs:ReceiveMessage in region eu-central-1. Allow it"),
        ("expired", "the AWS credentials have expired. Renew them"),
        ("unknown_key", r"does not know these AWS credentials \(InvalidClientTokenId\). Check them"),
        ("wrong_region", "is not in region eu-central-1. Write the right region"),
        ("throttle", "SQS throttles ReceiveMessage"),
        ("throttling_exception", "SQS throttles ReceiveMessage"),
        ("error_500", r"SQS had an internal error \(InternalFailure, HTTP 500\) in ReceiveMessage"),
        ("error_503", r"SQS had an internal error \(ServiceUnavailable, HTTP 503\) in ReceiveMessage"),
        ("drop_before", "the reply to ReceiveMessage was lost"),
    ],
)
def test_each_trouble_is_one_sentence_and_passes_by_itself(
    queues: SqsQueues, server: SqsServer, fault: str, sentence: str
) -> None:
    queue = queues.tasks("default")
    given(queue, "a")
    server.faults.add(Fault(fault))
    with pytest.raises(QueueUnavailable, match=sentence) as raised:
        queue.receive(1, wait=0, visibility=LONG)
    assert "queue 'jobs-tasks-default'" in str(raised.value)
    server.faults.clear()
    assert take_one(queue).body == "a"


def test_a_queue_that_does_not_exist_says_how_to_make_it_and_is_found_once_it_is_made(deployment: Deployment) -> None:
    queue = deployment.queues().tasks("default")
    sentence = "queue 'jobs-tasks-default' does not exist in region eu-central-1.*Run: leasehold init"
    with pytest.raises(QueueUnavailable, match=sentence):
        queue.send([Message("a")])
    with pytest.raises(QueueUnavailable, match=sentence):
        queue.receive(1, wait=1_000, visibility=LONG)
    deployment.set_up()
    given(queue, "a")
    assert take_one(queue).body == "a"


def test_a_queue_that_was_deleted_and_made_again_is_looked_up_again(deployment: Deployment) -> None:
    queues = deployment.set_up()
    queue, server = queues.tasks("default"), deployment.server
    client = queues.transport().client(queue.name)
    client.delete_queue(QueueUrl=server.queue_url(queue.name))
    with pytest.raises(QueueUnavailable, match="does not exist"):
        queue.delete(["any"])
    deployment.clock.advance(60_000)  # SQS makes no queue of this name earlier
    client.create_queue(QueueName=queue.name)
    server.requests.reset()
    given(queue, "a")
    assert take_one(queue).body == "a"
    assert server.requests.actions()["GetQueueUrl"] == 1


def test_a_server_that_is_away_is_named_and_found_again(queues: SqsQueues, server: SqsServer) -> None:
    queue = queues.tasks("default")
    server.stop()
    with pytest.raises(QueueUnavailable, match=f"SQS cannot be reached at {server.url}"):
        queue.send([Message("a")])
    server.start()
    given(queue, "a")
    assert take_one(queue).body == "a"


def test_credentials_that_were_renewed_are_used(
    queues: SqsQueues, server: SqsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = queues.tasks("default")
    server.faults.add(Fault("expired", key="test"))
    with pytest.raises(QueueUnavailable, match="expired"):
        queue.depth()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
    assert queue.depth().visible == 0


def test_credentials_may_come_later(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.set_up()
    queue = deployment.queues().tasks("default")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(QueueUnavailable, match="no AWS credentials were found"):
        queue.depth()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "here")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "they are")
    assert queue.depth().visible == 0


def test_a_send_whose_address_is_not_found_is_known_not_to_be_made(deployment: Deployment) -> None:
    deployment.set_up()
    queue = deployment.queues().tasks("default")
    deployment.server.faults.add(Fault("drop_after", action="GetQueueUrl"))
    with pytest.raises(SqsFailure) as raised:
        queue.send([Message("a")])
    assert not raised.value.unknown


def test_without_a_region_it_says_where_to_write_one(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(BadSettings, match=r"no AWS region is set: .* sqs://REGION/PREFIX"):
        deployment.queues().tasks("default").depth()


def test_a_region_that_was_given_wins(deployment: Deployment) -> None:
    queues = SqsQueues("jobs", "sa-east-1", clock=deployment.clock, random=deployment.random)
    with pytest.raises(QueueUnavailable, match="does not exist in region sa-east-1"):
        queues.tasks("default").depth()
    queues.close()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("AWS_PROFILE", "nobody", r"the AWS configuration of this machine cannot be used: .*\(nobody\)"),
        ("AWS_DEFAULT_REGION", "not a region", "SQS has no region"),
        ("AWS_ENDPOINT_URL", "no address", "SQS cannot be used as it is configured: .*no address"),
    ],
)
def test_a_configuration_that_cannot_work_ends_the_process(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=sentence):
        deployment.queues().tasks("default").depth()


def test_without_boto3_it_says_what_to_install(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "leasehold.adapters.sqs.transport", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(BadSettings, match=r"pip install 'leasehold\[aws\]'"):
        deployment.queues().tasks("default").depth()


def test_boto3_is_imported_only_when_a_queue_is_used() -> None:
    program = """
import sys
from random import Random
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.sqs.queues import SqsQueues
queues = SqsQueues("jobs", clock=SystemClock(), random=Random())
queues.tasks("default"), queues.status(), queues.dead()
queues.close()
assert not {"boto3", "botocore"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("prefix", ["with space", "ünïcode", "x" * 80, "a.b"])
def test_a_prefix_that_sqs_would_not_take_is_refused(deployment: Deployment, prefix: str) -> None:
    with pytest.raises(BadSettings, match="letters, digits"):
        deployment.queues(prefix).tasks("default")


# -- what the test server does not do --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (refused("OverLimit"), r"as many messages in flight as SQS allows \(120,000\)"),
        (refused("AWS.SimpleQueueService.PurgeQueueInProgress"), "was purged less than 60 seconds ago"),
        (refused("AWS.SimpleQueueService.QueueDeletedRecently"), "was deleted less than 60 seconds ago"),
        (refused("ReceiptHandleIsInvalid"), "a receipt is not one of this queue"),
        (refused("InvalidAddress"), "looked up again by itself"),
        (refused("KmsAccessDenied", "no key"), r"its encryption key cannot be used \(KmsAccessDenied: no key\)"),
        (refused("KMS.DisabledException"), "its encryption key cannot be used"),
        (refused("SignatureDoesNotMatch", "Signature expired: 20261121T1 is"), "its clock is wrong. Set the clock"),
        (refused("RequestTimeTooSkewed"), "its clock is wrong. Set the clock"),
        (refused("AccessDenied", "Access to the resource is denied."), "these AWS credentials do not allow to do sqs:"),
        (refused("SomethingNew", "and why"), "SQS refused ReceiveMessage: SomethingNew: and why"),
        (sdk.CredentialRetrievalError(provider="sso", error_msg="log in"), "credentials cannot be had: .*log in"),
        (sdk.PartialCredentialsError(provider="env", cred_var="KEY"), "no AWS credentials were found .*KEY"),
        (
            sdk.SSLError(error=OSError("CERTIFICATE_VERIFY_FAILED"), **ENDPOINT),
            "cannot be reached at https://sqs.*CERTIFICATE",
        ),
        (sdk.ProxyConnectionError(proxy_url="http://proxy"), "cannot be reached .*proxy"),
    ],
)
def test_what_is_known_to_have_failed_says_so(error: Exception, sentence: str) -> None:
    found = failure(error, HERE)
    with pytest.raises(QueueUnavailable, match=sentence):
        raise found
    assert not found.unknown
    assert str(found).startswith("queue 'jobs-tasks-default'")


@pytest.mark.parametrize(
    "error",
    [
        sdk.ReadTimeoutError(**ENDPOINT),
        sdk.ConnectionClosedError(**ENDPOINT),
        sdk.SSLError(error=OSError("EOF in the middle"), **ENDPOINT),
        sdk.HTTPClientError(error="anything"),
        sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseParserError("not JSON"),
        refused("InternalError", status=500),
    ],
)
def test_what_may_have_been_done_is_unknown(error: Exception) -> None:
    assert failure(error, HERE).unknown


def test_an_answer_that_forgets_entries_leaves_their_fate_unknown(queues: SqsQueues) -> None:
    queue, client = queues.tasks("default"), queues.transport().client("x", patient=True)

    def forget(parsed: dict[str, list[object]], **_: object) -> None:
        parsed["Successful"] = parsed["Successful"][:1]

    client.meta.events.register("after-call.sqs.SendMessageBatch", forget)
    answers = queue.send([Message("a"), Message("b")])
    assert isinstance(answers[0], Sent)
    assert isinstance(answers[1], NotSent)
    assert answers[1].unknown
