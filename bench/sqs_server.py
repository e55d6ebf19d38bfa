"""What the project's own SQS server costs: CPU of its process per request, driven by a bare socket."""

from __future__ import annotations

import json
import socket
import statistics
import time
from collections.abc import Callable, Iterator

from bench._processes import own_cpu_seconds
from bench._tables import show, spread
from leasehold.testing.sqs_server import SqsServerProcess

ROUNDS = 5
REQUESTS = 2_000
"""In each round; the clock of a process's CPU has ticks of 10 ms."""
BACKLOG = 20_000
BODY = "x" * 300
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/sqs/aws4_request, Signature=0"


class Wire:
    """One connection, one request at a time."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._queue = f"{url}/000000000000/bench"

    def request(self, action: str, **fields: object) -> bytes:
        """A request as boto3 would write it."""
        body = json.dumps({"QueueUrl": self._queue, **fields}).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.{action}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\nUser-Agent: bench\r\nX-Amz-Date: 20260101T000000Z\r\n"
            f"Authorization: {AUTHORIZATION}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def ask(self, request: bytes) -> bytes:
        """The body of the answer."""
        self._socket.sendall(request)
        answer = self._socket.recv(1 << 20)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), answer
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(1 << 20)
        return body


def batch(wire: Wire) -> bytes:
    return wire.request("SendMessageBatch", Entries=[{"Id": str(i), "MessageBody": BODY} for i in range(10)])


def received(wire: Wire, take: bytes) -> list[str]:
    return [each["ReceiptHandle"] for each in json.loads(wire.ask(take)).get("Messages", [])]


def deletes(wire: Wire, take: bytes) -> Iterator[bytes]:
    while receipts := received(wire, take):
        entries = [{"Id": str(i), "ReceiptHandle": receipt} for i, receipt in enumerate(receipts)]
        yield wire.request("DeleteMessageBatch", Entries=entries)


def measured(pid: int, requests: Callable[[], list[bytes]], wire: Wire) -> dict[str, list[float]]:
    """Server CPU per request (ms) and requests a second, round by round."""
    cpu: list[float] = []
    rates: list[float] = []
    for _ in range(ROUNDS):
        asked = requests()
        used, began = own_cpu_seconds(pid), time.perf_counter()
        for request in asked:
            wire.ask(request)
        rates.append(len(asked) / (time.perf_counter() - began))
        cpu.append((own_cpu_seconds(pid) - used) / len(asked) * 1_000)
    return {"cpu": cpu, "rates": rates}


def main() -> None:
    with SqsServerProcess() as server:
        wire = Wire(server.url)
        wire.ask(wire.request("CreateQueue", QueueName="bench"))
        take = wire.request(
            "ReceiveMessage",
            MaxNumberOfMessages=10,
            VisibilityTimeout=600,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        one = wire.request("SendMessage", MessageBody=BODY)
        found: dict[str, dict[str, list[float]]] = {}

        def measure(name: str, requests: Callable[[], list[bytes]]) -> None:
            found[name] = measured(server.pid, requests, wire)

        measure("receive, nothing there", lambda: [take] * REQUESTS)
        measure("send 1", lambda: [one] * REQUESTS)
        measure("send 10", lambda: [batch(wire)] * REQUESTS)
        measure("receive 10", lambda: [take] * (REQUESTS // 2))

        def deletions() -> list[bytes]:
            for _ in range(REQUESTS // 2):
                wire.ask(batch(wire))
            pending = deletes(wire, take)
            return [next(pending) for _ in range(REQUESTS // 2)]

        measure("delete 10", deletions)
        measure("attributes", lambda: [wire.request("GetQueueAttributes", AttributeNames=["All"])] * 20)
    rows = [
        {"request": name, "server CPU ms": spread(each["cpu"], 3), "requests/s, one connection": spread(each["rates"])}
        for name, each in found.items()
    ]
    figures = {name: round(statistics.median(each["cpu"]), 4) for name, each in found.items()}
    show("own SQS server", rows, {"server_cpu_ms": figures})


if __name__ == "__main__":
    main()
