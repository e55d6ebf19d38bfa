"""The server itself: a thread with an event loop, on this machine only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from types import TracebackType
from typing import Self, TypeVar

from leasehold.adapters.clock import SystemClock
from leasehold.adapters.memory import Copy
from leasehold.ports.clock import Clock
from leasehold.testing.sqs_server.account import ACCOUNT, Account
from leasehold.testing.sqs_server.faults import Fault, FaultBook
from leasehold.testing.sqs_server.http import Connection
from leasehold.testing.sqs_server.requests import Requests
from leasehold.testing.sqs_server.service import Service, Stamper

T = TypeVar("T")
HERE = "127.0.0.1"
BACKLOG = 512
BOUND = 30.0
"""Seconds in which a thread starts, ends or answers."""


def environment(url: str, region: str) -> dict[str, str]:
    """The variables by which boto3 finds a server and nothing else: no profile of the user, no instance's role."""
    return {
        "AWS_ENDPOINT_URL_SQS": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class SqsServer:
    """A server that speaks SQS's protocol, for tests. Start it with ``with`` or ``start()``.

    Everything public may be called from any thread. ``requests`` counts, ``faults`` misbehaves, and with a manual
    ``clock`` nothing waits: whoever holds the clock turns it.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = HERE,
        clock: Clock | None = None,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        region: str = "us-east-1",
        in_flight_limit: int = 120_000,
    ) -> None:
        if host != HERE:
            raise ValueError(f"the test server checks no signature, so it listens on {HERE} only, not on {host}")
        self.clock = clock or SystemClock()
        self.requests = Requests()
        self.faults = FaultBook(faults, seed=seed)
        self.region = region
        self._port = port
        self._in_flight_limit = in_flight_limit
        self._account = self._new_account()
        self._connections: set[Connection] = set()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen. The port stays the same over restarts."""
        if self._thread is not None:
            raise RuntimeError(f"the test server runs already, at {self.url}")
        ready: Future[int] = Future()
        self._thread = Thread(target=self._run, args=(ready,), name="sqs-server", daemon=True)
        self._thread.start()
        try:
            self._port = ready.result(BOUND)
        except OSError:
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """Drop every connection and listen no more; queues and messages stay for the next start."""
        thread, loop, ended = self._thread, self._loop, self._ended
        if thread is None or loop is None or ended is None:
            return
        loop.call_soon_threadsafe(ended.set)
        thread.join(BOUND)
        self._thread = self._loop = self._ended = None

    def restart(self, *, keep: bool = True) -> None:
        """Stop and start; without ``keep`` every queue and message is gone."""
        self.stop()
        if not keep:
            self._account = self._new_account()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- where it is ---------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port; 0 before the first start, unless it was chosen."""
        return self._port

    @property
    def url(self) -> str:
        """The endpoint: ``http://127.0.0.1:PORT``."""
        return f"http://{HERE}:{self._port}"

    def queue_url(self, name: str) -> str:
        """The URL of a queue, whether it exists or not."""
        return f"{self.url}/{ACCOUNT}/{name}"

    def environment(self) -> dict[str, str]:
        """The variables by which boto3, in another process too, finds this server and nothing else."""
        return environment(self.url, self.region)

    # -- for tests -----------------------------------------------------------------------------------------------------

    def peek(self, name: str) -> list[Copy]:
        """Every message of a queue, without receiving it, in the order in which they came."""
        return self._ask(lambda: list(self._account.find(name).shelf.copies.values()))

    def purge(self) -> None:
        """Forget every message of every queue, stopped or not, as ``PurgeQueue`` does; the queues stay."""
        self._ask(self._purge)

    def polling(self, name: str) -> int:
        """How many long polls wait on a queue."""
        return self._ask(lambda: len(self._account.find(name).polls))

    def drop_connections(self) -> None:
        """End every connection without an answer, as a load balancer or a lost network does; the server goes on."""
        self._ask(self._drop)

    def _drop(self) -> None:
        for connection in [*self._connections]:
            connection.drop()

    def _purge(self) -> None:
        for queue in self._account.queues.values():
            queue.shelf.clear()

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask in the event loop's thread, which alone touches the queues."""
        if (loop := self._loop) is None:
            return question()
        answer: Future[T] = Future()
        loop.call_soon_threadsafe(lambda: _fulfil(answer, question))
        return answer.result(BOUND)

    # -- inside the thread ---------------------------------------------------------------------------------------------

    def _new_account(self) -> Account:
        return Account(self.clock, self.faults, region=self.region, in_flight_limit=self._in_flight_limit)

    def _run(self, ready: Future[int]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except OSError as error:
            ready.set_exception(error)

    async def _serve(self, ready: Future[int]) -> None:
        loop = asyncio.get_running_loop()
        services: list[Service] = []
        stamper = Stamper(self.clock)
        listener = await loop.create_server(
            lambda: Connection(services[0], stamper, self._connections), HERE, self._port, backlog=BACKLOG
        )
        port = int(listener.sockets[0].getsockname()[1])
        services.append(Service(loop, self._account, self.requests, self.faults, f"http://{HERE}:{port}"))
        self._loop, self._ended = loop, asyncio.Event()
        ready.set_result(port)
        await self._ended.wait()
        listener.close()
        self._drop()
        await listener.wait_closed()
        await asyncio.sleep(0)  # a dropped connection is closed in the loop's next turn


def _fulfil(answer: Future[T], question: Callable[[], T]) -> None:
    try:
        answer.set_result(question())
    except Exception as error:  # noqa: BLE001 - it is raised again by result()
        answer.set_exception(error)
