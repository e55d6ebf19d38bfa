"""The floor under a pick-up: what one durable commit and one message cost by themselves, with a bare driver.

``python -m bench.waits [--times 300]``: milliseconds, one after the other, nothing else at work, of an fdatasync; of
a transaction of one small row on SQLite (``synchronous=FULL``, as the ledger has it) and on PostgreSQL (fsync on); of a
NOTIFY until another connection has it; and of a message through the SQS test server to a receive that waits for it.

A task is picked up after its row, its dispatch and, on queues in a database, its receive were committed, one after
another, each by a process that had to be woken: so three commits (on SQS two and a message) are the least.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import boto3
import psycopg

from bench._places import postgres, sqs
from bench._tables import show
from bench.latency import percentile

WARM = 20
"""Rounds that are not counted: files grow, connections are made."""


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each."""
    found: list[float] = []
    for _ in range(WARM + times):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1_000)
    return found[WARM:]


@contextmanager
def synced(folder: Path) -> Iterator[Callable[[], object]]:
    """4 KiB more in a file, on the disk."""
    with (folder / "synced").open("wb", buffering=0) as file:

        def work() -> None:
            file.write(bytes(4096))
            os.fdatasync(file.fileno())

        yield work


@contextmanager
def committed_in_file(folder: Path) -> Iterator[Callable[[], object]]:
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE floor (number INTEGER PRIMARY KEY, text TEXT)")
    yield lambda: connection.execute("INSERT INTO floor (text) VALUES ('x')")
    connection.close()


@contextmanager
def committed_in_postgres(url: str) -> Iterator[Callable[[], object]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE floor (number bigint GENERATED ALWAYS AS IDENTITY, text text)")
        yield lambda: connection.execute("INSERT INTO floor (text) VALUES ('x')")


@contextmanager
def notified(url: str) -> Iterator[Callable[[], object]]:
    """From the call until another connection has heard it; the server need not write it to the disk."""
    with psycopg.connect(url, autocommit=True) as ringer, psycopg.connect(url, autocommit=True) as listener:
        ringer.execute("SET synchronous_commit = off")
        listener.execute("LISTEN floor")

        def work() -> None:
            ringer.execute("NOTIFY floor")
            for _ in listener.notifies(timeout=60, stop_after=1):
                pass

        yield work


@contextmanager
def sent() -> Iterator[Callable[[], object]]:
    """From before the send until the receive that waits for it has answered."""
    there, here = boto3.client("sqs"), boto3.client("sqs")
    queue = there.get_queue_url(QueueName="bench-tasks-default")["QueueUrl"]

    def work() -> None:
        waiting = Thread(target=here.receive_message, kwargs={"QueueUrl": queue, "WaitTimeSeconds": 20})
        waiting.start()
        there.send_message(QueueUrl=queue, MessageBody="x")
        waiting.join()

    yield work


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leasehold-bench-")))
        url, _ = stack.enter_context(postgres())
        stack.enter_context(sqs())
        works = {
            "fdatasync of 4 KiB": synced(folder),
            "commit of a row, SQLite": committed_in_file(folder),
            "commit of a row, PostgreSQL": committed_in_postgres(url),
            "NOTIFY heard, PostgreSQL": notified(url),
            "message through the SQS test server": sent(),
        }
        found = {what: timed(stack.enter_context(work), given.times) for what, work in works.items()}
    shares = (("p50", 0.5), ("p99", 0.99))
    figures = {what: {name: percentile(each, share) for name, share in shares} for what, each in found.items()}
    rows = [{"what": what, **{f"{k} ms": f"{v:.2f}" for k, v in each.items()}} for what, each in figures.items()]
    show("what one pick-up waits for", rows, figures)


if __name__ == "__main__":
    main()
