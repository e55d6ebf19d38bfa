"""Where a benchmark's system keeps its ledger and queues: one file, one PostgreSQL, or PostgreSQL and SQS's protocol.

The servers are real processes beside the system, as they are in production; what they use is counted apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

VARIABLES = 6
"""Lines that the test server prints when it listens."""

PLACES = ("file", "postgres", "postgres+sqs", "file+sqs")


class Place(NamedTuple):
    """What settings name, and who serves it."""

    settings: Mapping[str, str]
    servers: Mapping[str, int]
    """Process ids, children not included."""
    counter: str | None = None
    """Where the SQS server tells its requests."""

    def requests(self) -> Counter[str]:
        """Requests to SQS so far, by action and role of the queue, and how many receives brought nothing."""
        counts = Counter[str]()
        if self.counter is not None:
            with urlopen(self.counter) as answer:  # noqa: S310 - our own server on loopback
                for row in json.load(answer):
                    queue = "status" if row["queue"].endswith("-status") else "tasks"
                    counts[f"{row['action'].removesuffix('Batch')} {queue}"] += row["requests"]
                    counts["billed"] += row["billed"]
                    counts["empty"] += row["empty"]
        return counts


@contextmanager
def place(name: str, folder: Path, topology: str = "two-queue") -> Generator[Place]:
    """Servers for one run; the environment says where SQS is, for this process and its children."""
    if name not in PLACES:
        raise ValueError(f"there is no place {name!r}; there are {', '.join(PLACES)}")
    given = {"ledger": str(folder / "bench.db"), "store": str(folder / "bench.store"), "topology": topology}
    if name == "file":
        yield Place(given, {})
    elif name == "postgres":
        with postgres() as (ledger, servers):
            yield Place(given | {"ledger": ledger}, servers)
    elif name == "file+sqs":
        with sqs() as (servers, counter):
            yield Place(given | {"queues": "sqs://bench"}, servers, counter)
    else:
        with postgres() as (ledger, databases), sqs() as (servers, counter):
            yield Place(given | {"ledger": ledger, "queues": "sqs://bench"}, {**databases, **servers}, counter)


@contextmanager
def postgres() -> Generator[tuple[str, dict[str, int]]]:
    """A private PostgreSQL, fsync on, with the ledger's schema."""
    from leasehold.adapters.database.open import create_schema  # noqa: PLC0415 - psycopg is not needed elsewhere
    from leasehold.testing.postgres import PostgresServer  # noqa: PLC0415 - as above

    with PostgresServer() as server:
        url = server.url(server.create("bench"))
        create_schema(url)
        yield url, {"postgres": server.pid}


@contextmanager
def sqs() -> Generator[tuple[dict[str, int], str]]:
    """The test server as a process, with the queues that a system needs."""
    command = [sys.executable, "-m", "leasehold.testing.sqs_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().removeprefix("export ").strip() for _ in range(VARIABLES)]
            told = dict(line.split("=", 1) for line in lines)
            os.environ.update(told)
            make_queues()
            yield {"sqs": process.pid}, f"{told['AWS_ENDPOINT_URL_SQS']}/_leasehold/requests"
        finally:
            process.terminate()


def make_queues() -> None:
    """Those of the prefix ``bench``."""
    import boto3  # noqa: PLC0415 - not needed elsewhere

    client = boto3.client("sqs")
    for name in ("bench-tasks-default", "bench-status", "bench-dead"):
        client.create_queue(QueueName=name)
