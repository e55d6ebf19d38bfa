"""The clients of SQS, shared by every queue and thread; the only module here that imports boto3.

Credentials, region, endpoint, proxies and certificates are looked up by boto3 as always. The SDK's own retries are off:
a repeated send makes two messages of one token, and a repeated receive hides messages that nobody is given (R1, R10).
What may be repeated is repeated by ``attempts``, which knows what it repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import boto3
from botocore.config import Config

from leasehold.adapters.sqs.errors import RAISED, Place, failure
from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.core.errors import BadSettings

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

T = TypeVar("T")
LONGEST_POLL = 20
"""s that a receive may wait (API Reference, ReceiveMessage: WaitTimeSeconds)."""

POOL = 32
"""Connections kept open per client: more than the threads that use one at a time."""

PATIENT = Config(connect_timeout=5, read_timeout=LONGEST_POLL + 10)
"""For long polls, and for sends whose loss would cost more than the waiting."""

BRISK = Config(connect_timeout=2, read_timeout=3)
"""For what a lease waits for: a worker's margin counts on two requests of 5 s."""

ALWAYS = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=POOL,
    tcp_keepalive=True,  # a long poll is silent for 20 s, and some gateways forget such connections
    parameter_validation=False,  # a tenth of a request's CPU; the types are checked before it runs
    user_agent=f"leasehold boto3/{boto3.__version__}",  # the SDK would put its own together anew for each request
)


class Session(Protocol):
    """What is used of a boto3 session; its own type knows every service of AWS."""

    def client(self, service_name: Literal["sqs"], *, config: Config) -> SQSClient:
        """A client of SQS."""
        ...


class Transport:
    """Makes requests about queues by name. Thread-safe. Every error comes out as ``SqsFailure`` or ``BadSettings``."""

    def __init__(self, region: str | None, counted: Callable[[str], object] = lambda _: None) -> None:
        self._region = region
        self._counted = counted
        """Told of each queue whose URL is looked up; every other request is counted by who makes it."""
        self._lock = RLock()
        self._session: Session | None = None
        self._clients: dict[bool, SQSClient] = {}
        self._urls: dict[str, str] = {}

    def ask(self, queue: str, action: str, request: Callable[[SQSClient, str], T], *, patient: bool = False) -> T:
        """The answer to ``request(client, url)``. ``action``: its name, as IAM spells it, for messages to people."""
        client = self._clients.get(patient) or self.client(queue, patient=patient)
        url = self.url(queue)
        try:
            return request(client, url)
        except RAISED as error:
            raise self._failed(error, queue, action) from error

    def ask_for(self, queue: str, action: str, request: Callable[[SQSClient], T]) -> T:
        """The answer to ``request(client)``: about a queue that need not exist, or none."""
        client = self.client(queue)
        try:
            return request(client)
        except RAISED as error:
            raise self._failed(error, queue, action) from error

    def client(self, queue: str, *, patient: bool = False) -> SQSClient:
        """The client; ``queue`` is what it is wanted for."""
        with self._lock:
            if patient not in self._clients:
                try:
                    self._clients[patient] = self._connect(PATIENT if patient else BRISK)
                except RAISED as error:
                    raise self._failed(error, queue, "GetQueueUrl") from error
                except ValueError as error:  # the SDK's word for an endpoint that is no URL
                    raise BadSettings(
                        f"SQS cannot be used as it is configured: {error}. Check AWS_ENDPOINT_URL"
                    ) from error
            return self._clients[patient]

    def url(self, queue: str) -> str:
        """The queue's URL, looked up once."""
        return self._urls.get(queue) or self._resolve(queue)

    @property
    def partition(self) -> str:
        """The part of AWS that the region is in: ``aws``, ``aws-cn``, ``aws-us-gov``."""
        return next((client.meta.partition for client in [*self._clients.values()]), "aws")

    def place(self, queue: str, action: str) -> Place:
        """What a request is about, for messages to people."""
        for client in [*self._clients.values()]:
            return Place(queue, action, client.meta.region_name, client.meta.endpoint_url)
        return Place(queue, action, self._region or "unknown", "its endpoint")

    def close(self) -> None:
        """Close every connection that is not in use."""
        with self._lock:
            clients = [*self._clients.values()]
            self._clients.clear()
        for client in clients:
            client.close()

    def _connect(self, config: Config) -> SQSClient:
        if self._session is None:
            self._session = session(self._region)
        return self._session.client("sqs", config=ALWAYS.merge(config))

    def _resolve(self, queue: str) -> str:
        with self._lock:
            if queue not in self._urls:
                self._counted(queue)
                try:
                    found = self.ask_for(queue, "GetQueueUrl", lambda client: client.get_queue_url(QueueName=queue))
                except SqsFailure as error:
                    error.unknown = error.answered = (
                        False  # whatever became of this request, the one it was for was not made
                    )
                    raise
                self._urls[queue] = found["QueueUrl"]
            return self._urls[queue]

    def _failed(self, error: Exception, queue: str, action: str) -> SqsFailure:
        found = failure(error, self.place(queue, action))
        with self._lock:
            if found.forget_url:
                self._urls.pop(queue, None)
            if found.forget_login:
                self._session = None
                self._clients.clear()
        return found


def session(region: str | None) -> Session:
    """A new session: what boto3 finds out about this machine, as of now."""
    return boto3.session.Session(region_name=region)
