"""What the queue in the ledger's database promises beyond the port: one transaction, few statements, clear errors."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import TimeoutError as StillRunning
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from leasehold.adapters.bell import FifoBell, LocalBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.connection import Database, Sql, Transaction
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue, QueueTerms
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.clock import Bell
from leasehold.ports.queue import Message
from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import BOUND, LONG, bodies, given, in_thread, is_empty, take, take_one

T = TypeVar("T")
FOREVER = 600_000


class Watched:
    """A database that counts its transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads = 0
        self.writes = 0
        self.url = database.url
        self.dialect = database.dialect
        self.now = database.now
        self.sql = database.sql
        self.write = database.write
        self.close = database.close

    def read(self) -> AbstractContextManager[Transaction]:
        self.reads += 1
        return self._database.read()

    def transact(self, work: Callable[[Transaction], T], *, repeatable: bool = False) -> T:
        self.writes += 1
        return self._database.transact(work, repeatable=repeatable)


class Sleeper:
    """A bell that passes the time asked for on a manual clock, and notes it."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.slept: list[int] = []

    def ring(self, topic: str) -> None:
        raise AssertionError(f"nothing should ring here, not {topic}")

    def wait(self, topic: str, timeout: int) -> bool:
        assert topic == "tasks:q"
        if timeout:
            self.slept.append(timeout)
            self._clock.advance(timeout)
        return False

    def close(self) -> None: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def database(tmp_path: Path, clock: ManualClock) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/jobs.db", clock=clock)
    yield database
    database.close()


def queue_in(
    database: Database, clock: ManualClock, bell: Bell | None = None, *, max_receives: int | None = None
) -> DatabaseQueue:
    terms = QueueTerms(max_receives=max_receives)
    return DatabaseQueue("q", database, clock=clock, bell=bell or LocalBell(), topic="tasks:q", terms=terms)


def test_an_idle_long_poll_reads_once_a_second_and_never_writes(database: Database, clock: ManualClock) -> None:
    watched, sleeper = Watched(database), Sleeper(clock)
    queue = queue_in(watched, clock, sleeper)
    assert list(queue.receive(10, wait=20_000, visibility=LONG).deliveries) == []
    assert sleeper.slept == [1_000] * 20
    assert (watched.reads, watched.writes) == (21, 0)


def test_a_long_poll_sleeps_no_longer_than_until_the_next_message_is_visible(
    database: Database, clock: ManualClock
) -> None:
    given(queue_in(database, clock), "a")
    take_one(queue_in(database, clock), visibility=2_345)
    watched, sleeper = Watched(database), Sleeper(clock)
    assert queue_in(watched, clock, sleeper).receive(1, wait=20_000, visibility=LONG).deliveries[0].body == "a"
    assert sleeper.slept == [1_000, 1_000, 345]
    assert watched.writes == 1


def woken_by(act: Callable[[DatabaseQueue, str], object], database: Database, clock: ManualClock) -> list[str]:
    """What a long poll brings that would not look again by itself, when ``act`` is done to another receive."""
    queue = DatabaseQueue("q", database, clock=clock, bell=LocalBell(), topic="tasks:q", safety=FOREVER)
    given(queue, "a")
    held = take_one(queue)
    poll = in_thread(lambda: queue.receive(1, wait=FOREVER, visibility=LONG))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    act(queue, held.receipt)
    return bodies(poll.result(timeout=BOUND).deliveries)


def test_it_is_the_bell_that_wakes_a_long_poll(database: Database, clock: ManualClock) -> None:
    assert woken_by(lambda queue, _: given(queue, "b"), database, clock) == ["b"]


def test_a_give_back_rings(database: Database, clock: ManualClock) -> None:
    assert woken_by(lambda queue, receipt: queue.change_visibility([(receipt, 0)]), database, clock) == ["a"]


def test_closing_rings(database: Database, clock: ManualClock) -> None:
    assert woken_by(lambda queue, _: queue.close(), database, clock) == []


class Busy(Watched):
    """A database in which something happens right after the first look."""

    def __init__(self, database: Database, happens: Callable[[], object]) -> None:
        super().__init__(database)
        self._happens = happens

    @contextmanager
    def read(self) -> Generator[Transaction]:
        with super().read() as tx:
            yield tx
        if self.reads == 1:
            self._happens()


def test_what_is_sent_just_after_the_look_is_heard(tmp_path: Path, database: Database, clock: ManualClock) -> None:
    sender = DatabaseQueue("q", database, clock=clock, bell=FifoBell(tmp_path / "bell"), topic="t")
    busy = Busy(database, lambda: given(sender, "a"))
    queue = DatabaseQueue("q", busy, clock=clock, bell=FifoBell(tmp_path / "bell"), topic="t", safety=FOREVER)
    poll = in_thread(lambda: queue.receive(1, wait=FOREVER, visibility=LONG))
    assert bodies(poll.result(timeout=BOUND).deliveries) == ["a"]


def test_what_is_sent_within_a_transaction_is_there_when_it_commits(database: Database, clock: ManualClock) -> None:
    bell = LocalBell()
    queue = queue_in(database, clock, bell)
    with database.write() as tx:
        queue.send_within(tx, [Message("a"), Message("b")])
        assert is_empty(queue)
        assert bell.wait("tasks:q", 0) is False
    assert bell.wait("tasks:q", 0) is True
    assert bodies(take(queue, 2)) == ["a", "b"]


class Regret(Exception): ...


def test_a_transaction_that_is_rolled_back_did_nothing(database: Database, clock: ManualClock) -> None:
    bell = LocalBell()
    queue = queue_in(database, clock, bell)
    given(queue, "a", "b")
    held = take_one(queue)
    bell.wait("tasks:q", 0)

    def exchange(tx: Transaction) -> None:
        queue.send_within(tx, [Message("c")])
        assert queue.delete_within(tx, [held.receipt]) == [True]
        assert bodies(queue.receive_within(tx, 10, LONG).deliveries) == ["b", "c"]
        raise Regret

    with pytest.raises(Regret):
        database.transact(exchange)
    assert bell.wait("tasks:q", 0) is False
    queue.change_visibility([(held.receipt, 0)])
    assert bodies(take(queue, 2)) == ["a", "b"]
    assert is_empty(queue)


def test_messages_and_receipts_outlive_the_process(tmp_path: Path, clock: ManualClock) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    with closing(open_database(url, clock=clock)) as database:
        given(queue_in(database, clock), "a", "b")
        held = take_one(queue_in(database, clock))
    with closing(open_database(url, clock=clock)) as database:
        queue = queue_in(database, clock)
        assert queue.delete([held.receipt]) == [True]
        assert take_one(queue).body == "b"


def test_without_a_queue_for_them_dead_letters_are_dropped(database: Database, clock: ManualClock) -> None:
    queue = queue_in(database, clock, max_receives=1)
    given(queue, "a")
    take_one(queue, visibility=0)
    assert is_empty(queue)
    with database.read() as tx:
        assert tx.rows(Sql("SELECT * FROM queue_messages", ())) == []


def test_a_receive_goes_past_many_dead_letters_to_the_living(database: Database, clock: ManualClock) -> None:
    queue = queue_in(database, clock, max_receives=1)
    given(queue, *(f"poison{number}" for number in range(25)))
    take(queue, 25, visibility=0)
    clock.advance(1)
    given(queue, "good")
    assert bodies(queue.receive(10, wait=0, visibility=LONG).deliveries) == ["good"]


def test_counts_stop_at_ten_thousand(database: Database, clock: ManualClock) -> None:
    queue = queue_in(database, clock)
    given(queue, *["x"] * 10_001)
    assert queue.depth() == (10_000, 0)


@pytest.mark.parametrize("statement", ["next", "front", "visible", "in_flight"])
def test_nothing_is_scanned(database: Database, statement: str) -> None:
    sql = database.sql("queue")[statement]
    given = {"name": "q", "now": 0, "limit": 10, "floor": 0}
    with database.read() as tx:
        plan = [str(row[3]) for row in tx.rows(Sql(f"EXPLAIN QUERY PLAN {sql.text}", sql.names), given)]
    assert any("SEARCH queue_messages USING" in step and "queue_messages_line" in step for step in plan)
    assert not any("SCAN queue_messages" in step or "TEMP B-TREE" in step for step in plan)


# -- several processes -------------------------------------------------------------------------------------------------

PROLOGUE = """
import sys
from pathlib import Path
from leasehold.adapters.bell import FifoBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.queue import Message
from leasehold.testing.queue_bench import *
file, bell = sys.argv[1:]
database, bell = open_database(f"sqlite:///{file}"), FifoBell(Path(bell))
queue = DatabaseQueue("q", database, clock=SystemClock(), bell=bell, topic="t")
"""


def process(code: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROLOGUE + code, str(folder / "jobs.db"), str(folder / "jobs.db-bell")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def real_queue(folder: Path, *, safety: int = 1_000) -> DatabaseQueue:
    database = open_database(f"sqlite:///{folder}/jobs.db")
    bell = FifoBell(folder / "jobs.db-bell")
    return DatabaseQueue("q", database, clock=SystemClock(), bell=bell, topic="t", safety=safety)


def test_a_send_wakes_a_long_poll_of_another_process(tmp_path: Path) -> None:
    queue = real_queue(tmp_path, safety=FOREVER)
    poll = in_thread(lambda: queue.receive(1, wait=FOREVER, visibility=LONG))
    with pytest.raises(StillRunning):
        poll.result(timeout=0.3)
    process("given(queue, 'from elsewhere')", tmp_path).communicate(timeout=BOUND)
    assert bodies(poll.result(timeout=BOUND).deliveries) == ["from elsewhere"]


def test_several_processes_get_each_message_once(tmp_path: Path) -> None:
    queue = real_queue(tmp_path)
    receivers = [process("print(*[d.body for d in take(queue, 300)])", tmp_path) for _ in range(3)]
    for start in range(0, 900, 50):
        given(queue, *(str(number) for number in range(start, start + 50)))
    received = " ".join(receiver.communicate(timeout=BOUND)[0] for receiver in receivers).split()
    assert sorted(received, key=int) == [str(number) for number in range(900)]


# -- errors ------------------------------------------------------------------------------------------------------------


def test_a_locked_database_is_said_in_a_sentence(tmp_path: Path, clock: ManualClock, database: Database) -> None:
    impatient = open_database(database.url, clock=clock, patience=50)
    queue = queue_in(impatient, clock)
    with closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueUnavailable, match=r"^queue 'q' is in the ledger's database\. .* Close that program"):
            queue.send([Message("a")])
    assert len(given(queue, "a")) == 1


def test_a_read_only_database_is_said_in_a_sentence(database: Database, clock: ManualClock) -> None:
    given(queue_in(database, clock), "a")
    queue = queue_in(open_database(f"{database.url}?mode=ro", clock=clock), clock)
    assert queue.depth().visible == 1
    with pytest.raises(QueueUnavailable, match="can be read but not written"):
        queue.receive(1, wait=0, visibility=LONG)


def test_a_full_disk_is_said_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    code = """
import resource
given(queue, "before")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for _ in range(100):
        given(queue, "x" * 10_000)
except QueueUnavailable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(take_one(queue).body)
"""
    said = process(code, tmp_path).communicate(timeout=BOUND)[0].splitlines()
    assert said[0].startswith("queue 'q' is in the ledger's database. ledger sqlite:///")
    assert "disk" in said[0]
    assert said[1:] == ["before"]
