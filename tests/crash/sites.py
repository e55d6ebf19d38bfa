"""Where histories play: PostgreSQL and SQS in either topology, or one SQLite file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import delete

from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.adapters.database.schema import METADATA
from leasehold.adapters.database.views import DatabaseViews
from leasehold.adapters.sqs.setup import carry_out, plan, wanted
from leasehold.adapters.store import FolderStore
from leasehold.ports.store import Store
from leasehold.settings import Settings, read_settings
from leasehold.testing.postgres import newest
from leasehold.testing.sqs_server import SqsServer
from leasehold.testing.sqs_server.server import environment
from tests.crash.board import Board, Journal
from tests.crash.cast import QUAY, SLOTS, CrashParts
from tests.crash.watch import (
    Watch,
    WatchedBell,
    WatchedPostgres,
    WatchedQueues,
    WatchedSqlite,
    WatchedStore,
    WatchedTransport,
)
from tests.servers.clusters import Cluster

SITES = ("postgres two-queue", "postgres single-queue", "sqlite two-queue")
PREFIX = "harbour"
REGION = "us-east-1"
BOOKS = ("ledger", "chores", "pages", "meta", "views", "queue")
BURIED = 300.0
"""s after which PostgreSQL will never notice that a client is dead: a bound for what hangs, by a clock, as a busy or
stalled server is behind by seconds, not by looks."""
A_WHILE = 100_000
"""ms between two histories: a queue is purged once a minute at most."""


class Site:
    """What all have in common: settings, clock, journal, and a store."""

    def __init__(self, name: str, folder: Path, board: Board, ledger: str, queues: str) -> None:
        self.name = name
        self.folder = folder
        self.board = board
        self.journal = Journal(folder / "journal", board)
        self.watch = Watch(board, self.journal)
        self.settings: Settings = read_settings(
            environ={},
            folder=folder,
            ledger=ledger,
            queues=queues,
            store=str(folder / "store"),
            topology=name.split()[1],
            lease_margin="5s",
            term_grace="1s",
            validity="20s",
            worker_slots=str(SLOTS),
            worker_queues=f"default,{QUAY}" if "postgres" in name else "default",
        )
        self.store = self._store()

    def _store(self) -> Store:
        def sync(fd: int) -> None:
            with self.watch.crossing("fsync of the store"):
                os.fsync(fd)

        return WatchedStore(FolderStore(self.folder / "store", sync=sync), self.watch)

    def reset(self) -> None:
        """As if nothing had ever happened here."""
        self.board.advance(A_WHILE - self.board.now() % A_WHILE)
        shutil.rmtree(self.folder / "store", ignore_errors=True)
        self.journal.begin()


class PostgresSite(Site):
    """A database of a private PostgreSQL, queues on the test server that is at ``url``."""

    def __init__(self, name: str, folder: Path, board: Board, cluster: Cluster, url: str) -> None:
        base = cluster.fresh()
        super().__init__(name, folder, board, cluster.url(base), f"sqs://{REGION}/{PREFIX}")
        self.database = WatchedPostgres(cluster.url(base), board, self.watch)
        for book in BOOKS:
            self.database.sql(book)
        self.views = DatabaseViews(self.database)
        self._aside = psycopg.connect(cluster.url(base, application_name="aside"), autocommit=True)
        tables = [table for name, table in METADATA.tables.items() if name != "schema_version"]
        self._clear = "; ".join(str(delete(table)) for table in tables)
        self._server = HTTPConnection(urlsplit(url).netloc)
        self.transport = WatchedTransport(REGION, self.watch)
        self._warm()

    def _warm(self) -> None:
        """Make the queues, and have everything loaded that a process would have to load."""
        for step in plan(self.transport, wanted(PREFIX, ["default", QUAY])):
            carry_out(self.transport, step)
        queue = self.parts(Random(0)).queues.tasks(QUAY)
        queue.change_visibility([(d.receipt, 5) for d in queue.receive(1, wait=0, visibility=1).deliveries])
        for patient in (False, True):
            self.transport.client(QUAY, patient=patient).close()
        self.transport._urls.clear()

    def parts(self, random: Random) -> CrashParts:
        parts = CrashParts(self.settings, self.board, random)
        parts.database, parts.store = self.database, self.store
        parts.equip(self.watch, self.journal, WatchedQueues(PREFIX, self.transport, self.board, random))
        return parts

    def reset(self) -> None:
        super().reset()
        self._aside.execute(self._clear.encode())
        for queue in self._counts():
            self._ask("PurgeQueue", QueueUrl=f"/{queue}")

    def empty(self) -> bool:
        """Whether no message is anywhere."""
        return not any(sum(counts.values()) for counts in self._counts().values())

    def buried(self, *names: str) -> None:
        """Wait until the server has noticed that these clients are dead, and has rolled back what they were at."""
        alive = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = ANY(%s)"
        )
        end = monotonic() + BURIED
        while self._aside.execute(alive, ([*names],)).fetchall() != [(0,)]:
            assert monotonic() < end, f"PostgreSQL still holds a connection of {names}, who are dead"

    def redrive(self) -> bool:
        """Do what SQS does with a message that was received too often; whether there was one."""
        url = f"/{PREFIX}-tasks-{QUAY}"
        received = self._ask(
            "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=60, WaitTimeSeconds=0
        )
        for message in received.get("Messages", ()):
            self._ask("SendMessage", QueueUrl=f"/{PREFIX}-dead", MessageBody=message["Body"])
            self._ask("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return True
        return False

    def _counts(self) -> dict[str, dict[str, int]]:
        self._server.request("GET", "/_leasehold/queues")
        return json.loads(self._server.getresponse().read())

    def _ask(self, action: str, **fields: object) -> dict[str, Any]:
        self._server.request("POST", "/", json.dumps(fields), {"X-Amz-Target": f"AmazonSQS.{action}"})
        reply = self._server.getresponse()
        said = json.loads(reply.read())
        assert reply.status == 200, said
        return said


class SqliteSite(Site):
    """One SQLite file, and all queues in it."""

    def __init__(self, name: str, folder: Path, board: Board) -> None:
        self._file, self._fresh = folder / "ledger.db", folder / "fresh.db"
        super().__init__(name, folder, board, f"sqlite:///{self._file}", "embedded")
        made = open_database(f"sqlite:///{self._fresh}")
        made.close()
        self.database = WatchedSqlite(str(self._file), board, self.watch)
        for book in BOOKS:
            self.database.sql(book)
        self.views = DatabaseViews(self.database)
        bell = WatchedBell(self.watch)
        self._queues = [
            DatabaseQueue(topic, self.database, clock=board, bell=bell, topic=topic)
            for topic in ("status", "tasks:default")
        ]

    def parts(self, random: Random) -> CrashParts:
        parts = CrashParts(self.settings, self.board, random)
        parts.database, parts.store = self.database, self.store
        parts.equip(self.watch, self.journal, None)
        return parts

    def reset(self) -> None:
        super().reset()
        self.database.close()
        for each in self.folder.glob("ledger.db*"):
            each.unlink()
        shutil.copy(self._fresh, self._file)

    def empty(self) -> bool:
        """Whether no message is anywhere."""
        return not any(sum(queue.depth()) for queue in self._queues)

    def buried(self, *names: str) -> None:
        """A process's locks on a file end with it."""

    def redrive(self) -> bool:
        """Queues in a database have no dead letters."""
        return True


@contextmanager
def sites(folder: Path, names: Sequence[str]) -> Iterator[dict[str, PostgresSite | SqliteSite]]:
    """The sites of these names. The processes that they need are gone after the block."""
    board = Board()
    with ExitStack() as stack:
        made: dict[str, PostgresSite | SqliteSite] = {}
        url = stack.enter_context(sqs_server(board)) if any("postgres" in name for name in names) else ""
        cluster = stack.enter_context(Cluster(newest())) if url else None
        for name in names:
            place = folder / name.replace(" ", "-")
            place.mkdir()
            if cluster is None or "sqlite" in name:
                made[name] = SqliteSite(name, place, board)
            else:
                made[name] = PostgresSite(name, place, board, cluster, url)
        yield made


@contextmanager
def sqs_server(board: Board) -> Iterator[str]:
    """The test server in a process of its own, on the board's clock; its address."""
    leash, told = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        os.close(leash[1])
        try:
            with SqsServer(clock=board, region=REGION) as server:
                os.write(told[1], server.url.encode())
                os.read(leash[0], 1)  # ends with the process that asked for it
        finally:
            os._exit(0)
    os.close(leash[0])
    url = os.read(told[0], 1_000).decode()
    os.environ.update(environment(url, REGION))
    try:
        yield url
    finally:
        os.close(leash[1])
        os.waitpid(pid, 0)
