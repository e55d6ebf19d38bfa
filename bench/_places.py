"""Where a benchmark's system keeps its ledger and queues: one file, one PostgreSQL, or PostgreSQL and SQS's protocol.

The servers are real processes beside the system, as they are in production; what they use is counted apart.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from leasehold.testing.sqs_server import SqsServerProcess

PLACES = ("file", "postgres", "postgres+sqs", "file+sqs")


class Place(NamedTuple):
    """What settings name, and who serves it."""

    settings: Mapping[str, str]
    servers: Mapping[str, int]
    """Process ids, children not included."""
    sqs: SqsServerProcess | None = None

    def requests(self) -> Counter[str]:
        """Requests to SQS so far, by action and role of the queue, and how many receives brought nothing."""
        counts = Counter[str]()
        for (action, name), tally in ({} if self.sqs is None else self.sqs.requests()).items():
            queue = "status" if name.endswith("-status") else "tasks"
            counts[f"{action.removesuffix('Batch')} {queue}"] += tally.requests
            counts["billed"] += tally.billed
            counts["empty"] += tally.empty
        return counts


@contextmanager
def place(name: str, folder: Path, topology: str = "two-queue", *, connections: int = 200) -> Generator[Place]:
    """Servers for one run; the environment says where SQS is, for this process and its children.

    ``connections``: what PostgreSQL takes at most.
    """
    if name not in PLACES:
        raise ValueError(f"there is no place {name!r}; there are {', '.join(PLACES)}")
    given = {"ledger": str(folder / "bench.db"), "store": str(folder / "bench.store"), "topology": topology}
    if name == "file":
        yield Place(given, {})
    elif name == "postgres":
        with postgres(connections) as (ledger, servers):
            yield Place(given | {"ledger": ledger}, servers)
    elif name == "file+sqs":
        with sqs() as server:
            yield Place(given | {"queues": "sqs://bench"}, {"sqs": server.pid}, server)
    else:
        with postgres(connections) as (ledger, servers), sqs() as server:
            yield Place(given | {"ledger": ledger, "queues": "sqs://bench"}, {**servers, "sqs": server.pid}, server)


@contextmanager
def postgres(connections: int = 200) -> Generator[tuple[str, dict[str, int]]]:
    """A private PostgreSQL, fsync on, with the ledger's schema."""
    from leasehold.adapters.database.open import create_schema  # noqa: PLC0415 - psycopg is not needed elsewhere
    from leasehold.testing.postgres import PostgresServer  # noqa: PLC0415 - as above

    with PostgresServer(settings={"max_connections": str(connections)}) as server:
        url = server.url(server.create("bench"))
        create_schema(url)
        yield url, {"postgres": server.pid}


@contextmanager
def sqs() -> Generator[SqsServerProcess]:
    """The test server as a process, with the queues that a system needs."""
    with SqsServerProcess() as server:
        os.environ.update(server.environment())
        make_queues()
        yield server


def make_queues() -> None:
    """Those of the prefix ``bench``."""
    import boto3  # noqa: PLC0415 - not needed elsewhere

    client = boto3.client("sqs")
    for name in ("bench-tasks-default", "bench-tasks-small", "bench-status", "bench-dead"):
        client.create_queue(QueueName=name)
