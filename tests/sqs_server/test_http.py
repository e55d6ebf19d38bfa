"""HTTP as a careful, a hasty and a broken client would speak it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from leasehold.testing.sqs_server import SqsServer
from tests.sqs_server.conftest import Moves

BOUND = 30.0
START = "POST / HTTP/1.1\r\nHost: here\r\n"


@contextmanager
def connected(server: SqsServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=BOUND) as wire:
        yield wire


def request(action: str, head: str = "", **fields: object) -> bytes:
    body = json.dumps(fields).encode()
    lines = f"{START}X-Amz-Target: AmazonSQS.{action}\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    return lines.encode() + body


def read(wire: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One response: status, headers, body."""
    stream = wire.makefile("rb")
    status = int(stream.readline().split()[1])
    headers: dict[str, str] = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def is_over(wire: socket.socket) -> bool:
    """Whether the server has closed the connection."""
    return wire.recv(1) == b""


def test_every_reply_has_the_date_of_the_servers_clock_and_a_request_id(moves: Moves) -> None:
    moves.clock.advance(1_500)
    headers = moves.sqs.list_queues()["ResponseMetadata"]["HTTPHeaders"]
    assert headers["date"] == "Tue, 14 Nov 2023 22:13:21 GMT"
    moves.clock.advance(500)
    others = moves.refused(lambda: moves.sqs.get_queue_url(QueueName="none"))
    assert others["Code"]
    again = moves.sqs.list_queues()["ResponseMetadata"]["HTTPHeaders"]
    assert again["date"] == "Tue, 14 Nov 2023 22:13:22 GMT"
    assert again["x-amzn-requestid"] != headers["x-amzn-requestid"]


def test_requests_sent_ahead_are_answered_in_order(moves: Moves) -> None:
    url = moves.queue()
    with connected(moves.server) as wire:
        wire.sendall(
            b"".join(request("SendMessage", QueueUrl=url, MessageBody=f"m{number}") for number in range(3))
            + request("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
            + request("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=1)
            + request("ListQueues")
        )
        stream = replies(wire, 6)
    assert [b"MessageId" in reply for reply in stream] == [True, True, True, True, False, False]
    assert [message["Body"] for message in json.loads(stream[3])["Messages"]] == ["m0", "m1", "m2"]
    assert stream[4] == b"{}"
    assert json.loads(stream[5]) == {"QueueUrls": [url]}


def replies(wire: socket.socket, count: int) -> list[bytes]:
    """The bodies of so many replies on one connection."""
    stream = wire.makefile("rb")
    bodies: list[bytes] = []
    for _ in range(count):
        length = 0
        while line := stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        bodies.append(stream.read(length))
    return bodies


def test_a_request_may_come_in_pieces(moves: Moves) -> None:
    url = moves.queue()
    whole = request("SendMessage", QueueUrl=url, MessageBody="in pieces")
    with connected(moves.server) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), 7):
            wire.sendall(whole[start : start + 7])
        assert read(wire)[0] == 200
    assert moves.bodies(url) == ["in pieces"]


def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(moves: Moves) -> None:
    url = moves.queue()
    head, _, body = request("SendMessage", "Expect: 100-continue\r\n", QueueUrl=url, MessageBody="a").partition(
        b"\r\n\r\n"
    )
    with connected(moves.server) as wire:
        wire.sendall(head + b"\r\n\r\n")
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(body)
        assert read(wire)[0] == 200


def test_a_client_that_wants_to_close_is_let_go(moves: Moves) -> None:
    with connected(moves.server) as wire:
        wire.sendall(request("ListQueues", "Connection: close\r\n"))
        status, headers, _ = read(wire)
        assert (status, headers["connection"]) == (200, "close")
        assert is_over(wire)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_answered_and_ends_the_connection(moves: Moves, sent: bytes, status: int) -> None:
    with connected(moves.server) as wire:
        wire.sendall(sent)
        assert read(wire)[0] == status
        assert is_over(wire)
    assert "QueueUrls" not in moves.sqs.list_queues()


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "UnknownOperationException"),
        (b"GET / HTTP/1.1\r\n\r\n", "UnknownOperationException"),
        (
            b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.Nothing\r\nContent-Length: 2\r\n\r\n{}",
            "UnknownOperationException",
        ),
        (
            b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 1\r\n\r\n{",
            "SerializationException",
        ),
        (
            b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 2\r\n\r\n[]",
            "SerializationException",
        ),
        (request("ListQueues", MaxResults="many"), "SerializationException"),
        (request("ListQueues", QueueNamePrefix=1), "SerializationException"),
        (request("CreateQueue", QueueName="q", Attributes=[]), "SerializationException"),
        (request("CreateQueue", QueueName="q", Attributes={"DelaySeconds": 1}), "SerializationException"),
        (request("GetQueueAttributes", QueueUrl="x/there", AttributeNames="All"), "SerializationException"),
        (request("SendMessageBatch", QueueUrl="x/there", Entries=["a"]), "SerializationException"),
    ],
)
def test_a_request_that_means_nothing_is_answered_and_the_connection_goes_on(
    moves: Moves, sent: bytes, kind: str
) -> None:
    moves.queue("there")
    with connected(moves.server) as wire:
        for _ in range(2):
            wire.sendall(sent)
            status, headers, body = read(wire)
            assert status == 400
            assert json.loads(body)["__type"].endswith(f"#{kind}")
            assert headers["x-amzn-query-error"].endswith(";Sender")
