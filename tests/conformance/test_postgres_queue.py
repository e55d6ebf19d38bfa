"""The queue on PostgreSQL: many receivers, held rows, crashes, and plans."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import chain

import psycopg
import pytest

from leasehold.adapters.bell import LocalBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.connection import Database, Sql, Transaction
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.postgres_bell import PostgresBell
from leasehold.adapters.database.queue import LOOK_BACK, DatabaseQueue
from leasehold.core.errors import QueueUnavailable
from leasehold.ports.queue import Message, Received
from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import BOUND, LONG, bodies, given, in_thread, take, take_one
from tests.servers.clusters import Cluster

FOREVER = 600_000
MESSAGES = 600

PROLOGUE = """
import sys
from leasehold.adapters.bell import LocalBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.postgres_bell import PostgresBell
from leasehold.adapters.database.queue import LOOK_BACK, DatabaseQueue
from leasehold.testing.queue_bench import *
url = sys.argv[1]
bell = PostgresBell(url)
queue = DatabaseQueue("q", open_database(url), clock=SystemClock(), bell=bell, topic="t", safety=600_000)
"""


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = open_database(postgres_url)
    yield database
    database.close()


@pytest.fixture
def queue(postgres_url: str, database: Database) -> Iterator[DatabaseQueue]:
    bell = PostgresBell(postgres_url)
    yield DatabaseQueue("q", database, clock=SystemClock(), bell=bell, topic="t", safety=FOREVER)
    bell.close()


def process(code: str, url: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


RECEIVE = """
end = []
while not end:
    received = queue.receive(7, wait=600_000, visibility=600_000).deliveries
    for delivery in received:
        print(delivery.body, delivery.receive_count, flush=True)
    queue.delete([delivery.receipt for delivery in received if delivery.body != "the end"])
    end = [delivery.receipt for delivery in received if delivery.body == "the end"]
queue.delete(end[:1])
queue.change_visibility([(receipt, 0) for receipt in end[1:]])  # the other receivers wait for these
bell.close()
"""


def test_several_processes_get_each_message_once_and_no_ring_is_missed(postgres_url: str, queue: DatabaseQueue) -> None:
    """They poll for ever, so a lost ring would leave a message, and its receiver, for ever."""
    receivers = [process(RECEIVE, postgres_url) for _ in range(4)]
    senders = [
        in_thread(
            lambda first=first: [given(queue, str(n)) for n in range(first, MESSAGES, 3)],
        )
        for first in range(3)
    ]
    for sender in senders:
        sender.result(timeout=BOUND)
    given(queue, *["the end"] * len(receivers))
    said = [receiver.communicate(timeout=BOUND)[0].splitlines() for receiver in receivers]
    received = Counter(chain.from_iterable(said))
    ends = [said for said in received if said.startswith("the end")]
    assert sum(received.pop(end) for end in ends) >= len(receivers)
    assert received == Counter(f"{n} 1" for n in range(MESSAGES))


def test_what_one_transaction_holds_nobody_waits_for(database: Database, queue: DatabaseQueue) -> None:
    given(queue, "a", "b")
    with database.write() as tx:
        held = queue.receive_within(tx, 1, LONG).deliveries
        others = queue.receive(10, wait=0, visibility=LONG).deliveries
        assert bodies([*held, *others]) == ["a", "b"]


def test_a_poll_that_meets_only_held_messages_ends_in_time(database: Database, queue: DatabaseQueue) -> None:
    given(queue, "a")
    with database.write() as tx:
        assert queue.receive_within(tx, 1, LONG).deliveries
        assert not queue.receive(1, wait=0, visibility=LONG).deliveries
        assert not queue.receive(1, wait=100, visibility=LONG).deliveries


class Regret(Exception): ...


def test_a_poll_gets_what_another_transaction_held_and_gave_up(database: Database, queue: DatabaseQueue) -> None:
    """A rollback rings for nobody; the poll looks again by itself."""
    given(queue, "a")
    polls: list[Future[Received]] = []

    def hold(tx: Transaction) -> None:
        assert queue.receive_within(tx, 1, LONG).deliveries
        polls.append(in_thread(lambda: queue.receive(1, wait=FOREVER, visibility=LONG)))
        assert not queue.receive(1, wait=100, visibility=LONG).deliveries
        raise Regret

    with pytest.raises(Regret):
        database.transact(hold)
    delivery = polls[0].result(timeout=BOUND).deliveries[0]
    assert (delivery.body, delivery.receive_count) == ("a", 1)


def test_a_send_within_a_transaction_wakes_a_poll_when_it_commits(database: Database, queue: DatabaseQueue) -> None:
    poll = in_thread(lambda: queue.receive(1, wait=FOREVER, visibility=LONG))
    with database.write() as tx:
        queue.send_within(tx, [Message("a")])
        assert not queue.receive(1, wait=0, visibility=LONG).deliveries
    assert bodies(poll.result(timeout=BOUND).deliveries) == ["a"]


def test_a_crash_of_the_server_loses_no_message_and_reuses_no_receipt(
    cluster: Cluster, database: Database, queue: DatabaseQueue
) -> None:
    given(queue, "a", "b")
    gone = take_one(queue)
    queue.delete([gone.receipt])
    cluster.restart("immediate")
    given(queue, "c")
    left = take(queue, 2)
    assert bodies(left) == ["b", "c"]
    assert gone.receipt not in [delivery.receipt for delivery in left]
    queue.delete([gone.receipt])
    assert queue.change_visibility([(delivery.receipt, 0) for delivery in left]) == [True, True]
    assert bodies(take(queue, 2)) == ["b", "c"]


def test_a_server_that_is_away_is_said_in_a_sentence(cluster: Cluster, queue: DatabaseQueue) -> None:
    given(queue, "a")
    cluster.stop()
    try:
        with pytest.raises(QueueUnavailable, match=r"^queue 'q' is in the ledger's database\. ledger postgresql://"):
            queue.receive(1, wait=0, visibility=LONG)
    finally:
        cluster.start()
    assert take_one(queue).body == "a"


@pytest.mark.parametrize("statement", ["next", "front", "visible", "in_flight"])
def test_nothing_is_scanned_while_the_queue_is_empty_or_full(
    database: Database, queue: DatabaseQueue, statement: str
) -> None:
    sql = database.sql("queue")[statement]
    values = {"name": "q", "now": 1, "limit": 10, "floor": 0}
    for sent in (0, 1_000):
        given(queue, *["x"] * sent)
        with database.write() as tx:
            plan = " ".join(str(row[0]) for row in tx.rows(Sql(f"EXPLAIN {sql.text}", sql.names), values))
        assert "queue_messages_line" in plan, plan
        assert "Seq Scan" not in plan
        assert "Sort" not in plan


def test_a_message_whose_transaction_took_long_is_not_passed_by(postgres_url: str) -> None:
    """It is older than those that were received meanwhile: a busy receiver finds it at its next look at all."""
    clock = ManualClock()
    slow = open_database(postgres_url, clock=clock)
    queue = DatabaseQueue("q", slow, clock=clock, bell=LocalBell(), topic="t")
    with slow.write() as tx:
        queue.send_within(tx, [Message("slow")])
        clock.advance(5_000)
        given(queue, "a", "b", "c", "d")
        assert take_one(queue).body == "a"
    assert take_one(queue).body == "b"
    clock.advance(LOOK_BACK)
    assert take_one(queue).body == "slow"
    assert bodies(take(queue, 2)) == ["c", "d"]
    slow.close()


def test_the_table_is_kept_fit_for_many_dead_rows(postgres_url: str, database: Database) -> None:
    """A row is written, hidden and deleted within seconds; PostgreSQL's defaults wait for a fifth of the table."""
    with psycopg.connect(postgres_url) as raw:
        options = raw.execute("SELECT unnest(reloptions) FROM pg_class WHERE relname = 'queue_messages'").fetchall()
    assert ("autovacuum_vacuum_scale_factor=0",) in options
    assert ("vacuum_truncate=false",) in options
