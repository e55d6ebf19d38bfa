"""The weather itself: ways that break, disks that are full, a queue server that comes back with or without messages."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.servers.aws import REGION
from tests.soak.disks import disk
from tests.soak.network import HERE, Network
from tests.soak.queue_server import QueueServer

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

BOUND = 30.0


@pytest.fixture
def network() -> Iterator[Network]:
    """A network with one way, ``way``, to a server that says everything again."""
    listener = socket.create_server((HERE, 0))
    Thread(target=say_again, args=(listener,), daemon=True).start()
    network = Network(way=listener.getsockname()[1])
    yield network
    network.close()
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def say_again(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            Thread(target=pump, args=(client,), daemon=True).start()


def pump(client: socket.socket) -> None:
    with client, suppress(OSError):
        while data := client.recv(1_024):
            client.sendall(data)


def joined(network: Network) -> socket.socket:
    return socket.create_connection((HERE, network.port("way")), BOUND)


def echo(client: socket.socket) -> bytes:
    """What comes back; nothing when the connection has ended."""
    try:
        client.sendall(b"hello")
        return client.recv(1_024)
    except ConnectionError:
        return b""


def test_a_way_passes_on_and_ends_with_its_server(network: Network) -> None:
    with joined(network) as client:
        assert echo(client) == b"hello"


def test_a_way_that_is_cut_ends_what_is_connected_and_lets_nobody_in_until_it_is_mended(network: Network) -> None:
    with joined(network) as client:
        assert echo(client) == b"hello"
        network.cut("way")
        assert echo(client) == b""
    with joined(network) as client:
        assert echo(client) == b""
    network.mend("way", drop=False)
    with joined(network) as client:
        assert echo(client) == b"hello"


@pytest.mark.parametrize(("drop", "after"), [(False, b"hello"), (True, b"")])
def test_a_silent_way_holds_back_what_is_said_and_then_passes_it_on_or_forgets_it(
    network: Network, *, drop: bool, after: bytes
) -> None:
    with joined(network) as client:
        assert echo(client) == b"hello"
        network.silence("way")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            echo(client)
        client.settimeout(BOUND)
        network.mend("way", drop=drop)
        try:
            assert client.recv(1_024) == after
        except ConnectionError:
            assert drop


def test_a_slow_way_loses_nothing(network: Network) -> None:
    network.slow("way")
    with joined(network) as client:
        assert echo(client) == b"hello"


def test_a_full_disk_takes_no_byte_and_everything_again_when_there_is_room(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "1m") as full:
        if not full.mounted:
            pytest.skip("this user may mount nothing; then RLIMIT_FSIZE stands in, which would hold for pytest too")
        full.fill([])
        with pytest.raises(OSError, match=str(errno.ENOSPC)):
            (full.folder / "more").write_text("x")
        full.free()
        (full.folder / "more").write_text("x")


def test_a_queue_server_keeps_its_messages_over_a_restart_and_loses_them_in_a_purge() -> None:
    with QueueServer(1) as server:
        url = f"http://{HERE}:{server.port}"
        sqs = boto3.client(
            "sqs", endpoint_url=url, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        queue = sqs.create_queue(QueueName="harbour")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="kept")
        for what in ("stop", "start"):
            server.tell(what)
        assert waiting(sqs, queue) == "1"
        for what in ("stop", "purge", "start"):
            server.tell(what)
        assert waiting(sqs, queue) == "0"
        sqs.close()


def waiting(sqs: SQSClient, queue: str) -> str:
    name = "ApproximateNumberOfMessages"
    return sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name]
