"""What a deployment stands on fails while it works: nothing is lost, and all goes on by itself afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import boto3
import pytest

from leasehold.testing.postgres import free_port
from leasehold.testing.sqs_server import SqsServer
from tests.acceptance.accounts import BATCH, SmallBatch
from tests.acceptance.deployment import Deployment, deployed
from tests.acceptance.sites import PREFIX, Site, site
from tests.acceptance.small_tasks import SPEC
from tests.servers.aws import REGION, environment
from tests.servers.clusters import Clusters
from tests.servers.commit_cutter import cutting_commits

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within

TASKS = 120
PACE = 0.05
"""Seconds of each task: with four slots, trouble finds them in their middle."""
UNDER_WAY = 20
"""Tasks after whose end the trouble begins."""


@pytest.fixture(params=["two-queue", pytest.param("single-queue", marks=pytest.mark.prove)])
def standing(request: pytest.FixtureRequest, tmp_path: Path, clusters: Clusters) -> Iterator[Site]:
    """SQS and the newest PostgreSQL, in each topology."""
    with site(tmp_path, clusters["newest"], request.param, "sqs") as found:
        yield found


@pytest.fixture
def deployment(standing: Site, tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, standing.place, SPEC) as deployment:
        yield deployment


def under_way(deployment: Deployment, standing: Site) -> SmallBatch:
    """Two orchestrators and two workers in the middle of a batch."""
    batch = SmallBatch(deployment, TASKS, PACE)
    standing.set_up(deployment)
    deployment.start()
    batch.submit()
    deployment.until_ended(BATCH, UNDER_WAY)
    return batch


def test_a_database_that_crashes_and_comes_back(deployment: Deployment, standing: Site) -> None:
    batch = under_way(deployment, standing)
    standing.cluster.stop("immediate")
    try:
        for name in ("orchestrator-1", "orchestrator-2"):
            deployment.processes[name].says("WARNING")
    finally:
        standing.cluster.start()
    batch.check()


def test_a_queue_service_that_restarts(tmp_path: Path, clusters: Clusters) -> None:
    with (
        SqsServer(free_port(), region=REGION) as server,
        site(tmp_path, clusters["oldest"], "two-queue", "embedded") as standing,
    ):
        place = standing.place._replace(queues=PREFIX, aws=environment(server.url, tmp_path), worker_ledger=None)
        with deployed(tmp_path, place, SPEC) as deployment:
            batch = under_way(deployment, standing)
            server.stop()
            try:
                for process in deployment.processes.values():
                    process.says("WARNING")
            finally:
                server.start()
            batch.check()


def test_commits_whose_result_nobody_knows(standing: Site, tmp_path: Path) -> None:
    with cutting_commits(standing.cluster.port, Random(7), rate=0.05, most=40) as cutter:
        standing.services_by_way_of(cutter.port)
        with deployed(tmp_path, standing.place, SPEC) as deployment:
            batch = SmallBatch(deployment, TASKS, PACE)
            standing.set_up(deployment)
            deployment.start()
            batch.submit()
            batch.check()
        assert min(cutter.cuts) > 0, cutter.cuts


FAULTS = {
    "duplicate": 0.2,
    "lose_reply_receive": 0.05,
    "lose_send": 0.05,
    "lose_reply_send": 0.1,
    "lose_reply_delete": 0.1,
    "fail_entry": 0.1,
    "throttle": 0.1,
    "error_503": 0.05,
    "drop_before": 0.05,
    "drop_after": 0.05,
}
"""How likely each is, by request or by message. The first one of its kind is certain, or a batch might be spared it."""
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
LOST_IN_TURN = 240.0
"""Seconds of patience: each lost reply hides a message for a lease, and several may be lost in turn."""


@pytest.mark.timeout(600)  # a bound for what hangs: longer than those within
@pytest.mark.parametrize("topology", [pytest.param("two-queue", marks=pytest.mark.prove), "single-queue"])
@pytest.mark.parametrize(
    "seed",
    [
        0,
        pytest.param(1, marks=pytest.mark.prove),
        *(pytest.param(seed, marks=[pytest.mark.prove, pytest.mark.more]) for seed in (2, 3)),
    ],
)
def test_a_queue_service_that_misbehaves_in_every_way(
    tmp_path: Path, clusters: Clusters, topology: str, seed: int
) -> None:
    with (
        site(tmp_path, clusters["newest"], topology, "sqs", seed=seed) as standing,
        deployed(tmp_path, standing.place, SPEC) as deployment,
    ):
        sqs = standing.sqs
        assert sqs is not None
        batch = SmallBatch(deployment, TASKS, PACE)
        standing.set_up(deployment)
        sqs.misbehave(*({"kind": kind, "times": 1} for kind in FAULTS))
        sqs.misbehave(*({"kind": kind, "rate": rate} for kind, rate in FAULTS.items()))
        deployment.start()
        batch.submit()
        deployment.patience = LOST_IN_TURN
        deployment.until(
            lambda: set(sqs.fired()) >= set(FAULTS) or deployment.ended(BATCH) == TASKS or None,
            "every fault has struck, or nothing is left to strike",
        )
        deployment.until_ended(BATCH, UNDER_WAY)
        assert set(sqs.fired()) >= set(FAULTS), f"a batch must meet every fault, but these have struck: {sqs.fired()}"
        sqs.behave()
        if topology == "two-queue":  # a reply that was lost hides a report of a second run for a minute
            deployment.until(lambda: messages(sqs.url, "harbour-status") == 0 or None, "every report is recorded")
        batch.check(twice_at_once=topology == "two-queue")


def anybody(url: str) -> SQSClient:
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="stranger",
        aws_secret_access_key="stranger",
    )


def messages(server: str, queue: str) -> int:
    """Waiting, hidden and delayed."""
    asking = anybody(server)
    url = asking.get_queue_url(QueueName=queue)["QueueUrl"]
    counts = asking.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(counts[name]) for name in COUNTS)


def test_messages_of_a_stranger(deployment: Deployment, standing: Site) -> None:
    assert standing.sqs is not None
    batch = under_way(deployment, standing)
    stranger = anybody(standing.sqs.url)
    queues = [queue for queue in standing.sqs.queues() if "dead" not in queue]
    assert queues == ["harbour-tasks-demo"] + ["harbour-status"] * (standing.place.topology == "two-queue")
    for queue in queues:
        url = stranger.get_queue_url(QueueName=queue)["QueueUrl"]
        stranger.send_message(QueueUrl=url, MessageBody="buy now")
    verdict = batch.check()
    assert verdict["quarantined"] == len(queues)
    shown = deployment.run("queue", "quarantine").out
    assert shown.count("buy now") == len(queues)


def test_credentials_that_are_expired_for_a_while(deployment: Deployment, standing: Site) -> None:
    assert standing.sqs is not None
    batch = under_way(deployment, standing)
    standing.sqs.misbehave({"kind": "expired"})
    for process in deployment.processes.values():
        assert "Renew them" in process.says("the AWS credentials have expired")
    standing.sqs.behave()
    batch.check()
