"""boto3 as it comes, without retries, and our own SQS server on a clock that the test turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from leasehold.adapters.memory import Copy
from leasehold.testing.clock import ManualClock
from leasehold.testing.sqs_server import SqsServer

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

BOUND = 30.0
NO_RETRIES = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=BOUND, max_pool_connections=32)


class Moves:
    """A client, a server, and the few moves that their stories are told in."""

    def __init__(self, server: SqsServer, session: boto3.Session) -> None:
        self.server = server
        self.session = session
        self.sqs = self.client("tester")

    def client(self, key: str) -> SQSClient:
        """A client with this access key."""
        return self.session.client(
            "sqs",
            endpoint_url=self.server.url,
            region_name=self.server.region,
            aws_access_key_id=key,
            aws_secret_access_key="anything",
            config=NO_RETRIES,
        )

    @property
    def clock(self) -> ManualClock:
        clock = self.server.clock
        assert isinstance(clock, ManualClock)
        return clock

    def queue(self, name: str = "q", **attributes: object) -> str:
        """A new queue; its URL."""
        given = {key: str(value) for key, value in attributes.items()}
        return self.sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]  # type: ignore[arg-type] - wrong names are tested too

    def with_dead_letters(self, receives: int, name: str = "q") -> tuple[str, str]:
        """A new queue and its dead-letter queue."""
        end = ".fifo" if name.endswith(".fifo") else ""
        fifo = {"FifoQueue": "true"} if end else {}
        dead = self.queue(f"dead{end}", **fifo)
        return self.queue(name, **fifo, RedrivePolicy=self.redrive(f"dead{end}", receives)), dead

    def redrive(self, name: str, receives: object) -> str:
        arn = f"arn:aws:sqs:{self.server.region}:000000000000:{name}"
        return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})

    def send(self, url: str, *bodies: str) -> list[str]:
        """Send one by one; the ids."""
        return [self.sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in bodies]

    def receive(self, url: str, limit: int = 10, **more: Any) -> list[Any]:  # noqa: ANN401 - boto3's words
        """Receive with every attribute."""
        reply = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=limit, MessageSystemAttributeNames=["All"], **more
        )
        return list(reply.get("Messages", []))

    def bodies(self, url: str, limit: int = 10, **more: Any) -> list[str]:  # noqa: ANN401 - as above
        return [message["Body"] for message in self.receive(url, limit, **more)]

    def peek(self, url: str) -> list[Copy]:
        """Everything on the queue."""
        return self.server.peek(url.rpartition("/")[2])

    def attribute(self, url: str, name: Any) -> str:  # noqa: ANN401 - a literal of boto3's
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]

    def refused(self, request: Callable[[], object]) -> dict[str, Any]:
        """The error that the request is answered with: ``Code``, ``Message``, ``Type``; and ``Status``."""
        with pytest.raises(ClientError) as caught:
            request()
        response: Any = caught.value.response
        return {**response["Error"], "Status": response["ResponseMetadata"]["HTTPStatusCode"]}

    def code(self, request: Callable[[], object]) -> str:
        """The code of that error."""
        return str(self.refused(request)["Code"])


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    return boto3.Session()


@pytest.fixture
def moves(sqs_server: SqsServer, session: boto3.Session) -> Iterator[Moves]:
    moves = Moves(sqs_server, session)
    yield moves
    moves.sqs.close()


def settled(future: Future[Any]) -> Any:  # noqa: ANN401 - whatever it was
    return future.result(BOUND)
