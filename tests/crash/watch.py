"""Real adapters that number each boundary they cross, and die at the one where death waits.

What is numbered is what leaves the process: each transaction (a write at its COMMIT, a read as a whole), each request
to SQS, each call of the store and each fsync inside it, each ring of a bell. A call of a port that crosses none of them
changes nothing but memory, which dies with its process; so these are all the instants that can be told apart.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from random import Random
from sqlite3 import Connection
from typing import TYPE_CHECKING, TypeVar

from botocore.config import Config

from leasehold.adapters.database.connection import Transaction
from leasehold.adapters.database.postgres import PostgresDatabase, Raw
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.sqs.queues import SqsQueues
from leasehold.adapters.sqs.transport import Transport
from leasehold.ports.clock import Clock
from leasehold.ports.store import Store
from tests.crash.board import AFTER, BEFORE, Board, Journal

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

T = TypeVar("T")
HANGS = 300
"""s after which the server will never answer, however long the machine stood still."""
ROAD = "leasehold.flow."
EDGE = ("leasehold.adapters.database.ledger", "leasehold.adapters.database.queue", "leasehold.adapters.database.views")


class Watch:
    """Numbers boundaries for the process that it is in; in a process without a name it does nothing."""

    def __init__(self, board: Board, journal: Journal) -> None:
        self.actor = ""
        """Who this process is."""
        self.role = ""
        """Whose step it takes."""
        self._board = board
        self._journal = journal

    def before(self, what: str) -> int:
        """A boundary is about to be crossed; its number."""
        if not self.actor:
            return -1
        number = self._board.cross()
        self._journal.note("boundary", number=number, actor=self.actor, role=self.role, call=whence(), what=what)
        self._meet(2 * number + BEFORE)
        return number

    def after(self, number: int) -> None:
        """It was crossed, and nothing was done with what it brought."""
        self._meet(2 * number + AFTER)

    @contextmanager
    def crossing(self, what: str) -> Generator[None]:
        """A boundary that the block crosses."""
        number = self.before(what)
        yield
        self.after(number)

    def _meet(self, point: int) -> None:
        if self.actor and self._board.deadly(point):
            os.kill(os.getpid(), signal.SIGKILL)


def whence() -> str:
    """The step of the road that wanted it, and the call of the ledger or queue that it came by."""
    frame = sys._getframe(2)
    by = ""
    while frame.f_back is not None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        if module.startswith(ROAD):
            return " > ".join(filter(None, (f"{module.removeprefix(ROAD)}.{code.co_name}", by)))
        if module in EDGE and not code.co_name.startswith(("_", "<")):
            by = f"{module.rpartition('.')[2]}.{code.co_name}"
        frame = frame.f_back
    return by or "start"


class WatchedPostgres(PostgresDatabase):
    def __init__(self, url: str, clock: Clock, watch: Watch) -> None:
        super().__init__(url, clock=clock, random=Random(0))
        self._watch = watch

    @contextmanager
    def read(self) -> Generator[Transaction]:
        with self._watch.crossing("read"), super().read() as tx:
            yield tx

    def _commit(self, connection: Raw) -> None:
        with self._watch.crossing("COMMIT"):
            super()._commit(connection)


class WatchedSqlite(SqliteDatabase):
    def __init__(self, path: str, clock: Clock, watch: Watch) -> None:
        super().__init__(path, clock=clock)
        self._watch = watch

    @contextmanager
    def _begun(self, connection: Connection, begin: str) -> Generator[Transaction]:
        if begin == "BEGIN":
            with self._watch.crossing("read"), super()._begun(connection, begin) as tx:
                yield tx
            return
        with super()._begun(connection, begin) as tx:
            yield tx
            number = self._watch.before("COMMIT")
        self._watch.after(number)


class WatchedTransport(Transport):
    """Waits for each answer: a time-out on the real clock would bring something else about than the history says."""

    def __init__(self, region: str, watch: Watch) -> None:
        super().__init__(region)
        self._watch = watch

    def _connect(self, config: Config) -> SQSClient:
        return super()._connect(config.merge(Config(connect_timeout=HANGS, read_timeout=HANGS)))

    def ask(self, queue: str, action: str, request: Callable[[SQSClient, str], T], *, patient: bool = False) -> T:
        self.url(queue)  # looking it up is a boundary of its own
        with self._watch.crossing(f"{action} {queue}"):
            return super().ask(queue, action, request, patient=patient)

    def ask_for(self, queue: str, action: str, request: Callable[[SQSClient], T]) -> T:
        with self._watch.crossing(f"{action} {queue}"):
            return super().ask_for(queue, action, request)


class WatchedQueues(SqsQueues):
    """Queues over connections that are made beforehand, so that no process has to."""

    def __init__(self, prefix: str, transport: Transport, clock: Clock, random: Random) -> None:
        super().__init__(prefix, clock=clock, random=random)
        self._made = transport

    def transport(self) -> Transport:
        return self._made


class WatchedStore:
    """``behind`` counts its fsyncs itself."""

    def __init__(self, behind: Store, watch: Watch) -> None:
        self._behind = behind
        self._watch = watch

    def create(self, key: str, value: bytes) -> bool:
        with self._watch.crossing(f"store create {folder(key)}"):
            return self._behind.create(key, value)

    def get(self, key: str) -> bytes | None:
        with self._watch.crossing(f"store get {folder(key)}"):
            return self._behind.get(key)

    def exists(self, key: str) -> bool:
        with self._watch.crossing(f"store exists {folder(key)}"):
            return self._behind.exists(key)

    def keys(self, prefix: str) -> list[str]:
        with self._watch.crossing(f"store keys {folder(prefix)}"):
            return self._behind.keys(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        with self._watch.crossing(f"store delete {folder(keys[0]) if keys else ''}"):
            self._behind.delete(keys)


def folder(key: str) -> str:
    return key.partition("/")[0]


class WatchedBell:
    """Every ring is lost, as any may be: nobody here waits for one."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def ring(self, topic: str) -> None:
        with self._watch.crossing(f"ring {topic}"):
            pass

    def wait(self, topic: str, timeout: int) -> bool:
        del topic, timeout
        return False

    def close(self) -> None:
        pass
