"""Servers for tests; hypothesis profiles: `prove` searches longer, from new seeds, and `more` longer still."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from leasehold.testing.clock import ManualClock
from leasehold.testing.sqs_server import SqsServer
from tests.servers import aws
from tests.servers.clusters import Cluster, Clusters
from tests.servers.ministack import ministack

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's `&` leaves it to all processes, and some are to stop
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # they time the machine
settings.load_profile("any")
settings.register_profile("test", derandomize=True, database=None)
for longer, examples in (("prove", 1_000), ("more", 3_000)):
    settings.register_profile(longer, max_examples=examples, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """Private PostgreSQL clusters, `clusters["oldest"]` and `clusters["newest"]`, started when asked for."""
    clusters = Clusters()
    yield clusters
    clusters.close()


@pytest.fixture(scope="session", params=["oldest", pytest.param("newest", marks=pytest.mark.prove)])
def cluster(request: pytest.FixtureRequest, clusters: Clusters) -> Cluster:
    """A version of PostgreSQL: what the oldest lacks is found first. A test that stops it starts it again."""
    return clusters[request.param]


@pytest.fixture
def empty_url(cluster: Cluster) -> Iterator[str]:
    """The address of a PostgreSQL database with nothing in it."""
    name = cluster.empty()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def postgres_url(cluster: Cluster) -> Iterator[str]:
    """The address of an empty ledger on PostgreSQL."""
    name = cluster.fresh()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture(scope="session")
def ministack_address() -> Iterator[str]:
    """The address of an SQS and S3 server, started when asked for."""
    with ministack() as address:
        yield address


@pytest.fixture
def on_ministack(ministack_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """boto3 in this process talks to ministack; its address."""
    for name, value in aws.environment(ministack_address, tmp_path).items():
        monkeypatch.setenv(name, value)
    return ministack_address


@pytest.fixture
def sqs_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsServer]:
    """Our own SQS server, empty, with a manual clock; boto3 in this process talks to it."""
    with SqsServer(clock=ManualClock(), region=aws.REGION) as server:
        for name, value in aws.environment(server.url, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield server
