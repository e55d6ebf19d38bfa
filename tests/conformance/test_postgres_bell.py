"""The bell on PostgreSQL: across processes, through failovers, and without a storm of NOTIFYs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning

import psycopg
import pytest

from leasehold.adapters.database.postgres_bell import LONGEST, PostgresBell, channel_of
from leasehold.core.errors import BadSettings
from leasehold.testing.bell_suite import FOREVER, Bells, BellSuite
from leasehold.testing.queue_bench import BOUND, in_thread
from tests.servers.clusters import Cluster

PROLOGUE = """
import os, sys
from leasehold.adapters.database.postgres_bell import PostgresBell
bell = PostgresBell(sys.argv[1])
"""

OURS = "FROM pg_stat_activity WHERE application_name = 'leasehold bell' AND datname = current_database()"
Make = Callable[..., PostgresBell]


@pytest.fixture
def make(empty_url: str) -> Iterator[Make]:
    """Makes bells on one database, as different processes have them."""
    made: list[PostgresBell] = []

    def make(url: str = empty_url, **options: int) -> PostgresBell:
        made.append(PostgresBell(url, **options))
        return made[-1]

    yield make
    for bell in made:
        bell.close()


class TestPostgresBell(BellSuite):
    """Within a process, as its threads share one."""

    @pytest.fixture
    def bells(self, make: Make) -> Bells:
        bell = make()
        return lambda: bell


def other_process(code: str, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROLOGUE + code, url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def waits(bell: PostgresBell, topic: str = "due") -> Future[bool]:
    """A thread that waits for ever, and does so already."""
    bell.wait(topic, 0)
    waiting = in_thread(lambda: bell.wait(topic, FOREVER))
    with pytest.raises(StillRunning):
        waiting.result(timeout=0.1)
    return waiting


def test_another_process_wakes_us(empty_url: str, make: Make) -> None:
    waiting = waits(make())
    other_process("bell.ring('due'); bell.close()", empty_url).communicate(timeout=BOUND)
    assert waiting.result(timeout=BOUND) is True


def test_we_wake_another_process(empty_url: str, make: Make) -> None:
    waiter = other_process(
        "bell.wait('due', 0); print('listening', flush=True); print(bell.wait('due', 60_000))", empty_url
    )
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == "listening\n"
    make().ring("due")
    assert waiter.communicate(timeout=BOUND)[0] == "True\n"


def test_what_rings_after_the_first_wait_is_heard_by_the_second(make: Make) -> None:
    """Whoever listens before he looks misses nothing: the first wait returns when the server listens for it."""
    listener, ringer = make(), make()
    listener.wait("due", 0)
    ringer.ring("due")
    ringer.close()
    assert listener.wait("due", FOREVER) is True


@pytest.mark.parametrize("topic", ["tasks:ü @%2F\"'\\", "x" * 200, "x" * 200 + "y"])
def test_any_topic_crosses_processes_and_wakes_only_its_listeners(make: Make, topic: str) -> None:
    listener = make()
    others = [waits(listener, other) for other in ("x" * 199, "x" * 201)]
    waiting = waits(listener, topic)
    make().ring(topic)
    assert waiting.result(timeout=BOUND) is True
    assert [other.done() for other in others] == [False, False]
    assert len(channel_of(topic).encode()) <= LONGEST


def test_our_own_ring_is_heard_once_and_not_again_from_the_server(make: Make) -> None:
    bell, witness = make(), make()
    seen = waits(witness)
    bell.wait("due", 0)
    bell.ring("due")
    assert bell.wait("due", 0) is True
    assert seen.result(timeout=BOUND) is True  # so the server has told everybody
    assert bell.wait("due", 100) is False


def test_a_crash_of_the_server_wakes_everybody_once_and_then_all_is_as_before(cluster: Cluster, make: Make) -> None:
    """Somebody may have rung while nobody could hear it."""
    listener, ringer = make(), make()
    waiting = waits(listener)
    ringer.ring("other")
    cluster.restart("immediate")
    assert waiting.result(timeout=BOUND) is True
    waiting = in_thread(lambda: listener.wait("due", FOREVER))
    rings = 0
    while not waiting.done() and rings < 1_000:
        ringer.ring("due")
        rings += 1
        ringer.wait("nothing", 50)
    assert waiting.result(timeout=BOUND) is True


def test_without_a_server_waits_run_to_their_end_and_nothing_fails(make: Make) -> None:
    bell = make("postgresql://nobody@127.0.0.1:1/nowhere")
    bell.ring("due")
    assert bell.wait("due", 10) is True  # it was rung here
    assert bell.wait("due", 10) is False
    bell.close()


def test_a_bell_that_was_begun_before_its_server_hears_as_soon_as_it_is_there(
    cluster: Cluster, empty_url: str, make: Make
) -> None:
    cluster.stop()
    bell = make()
    waiting = waits(bell)
    cluster.start()
    assert waiting.result(timeout=BOUND) is True


def test_of_several_servers_the_writer_is_listened_to(cluster: Cluster, empty_url: str, make: Make) -> None:
    """An address may name them all, for the time after a failover; on a standby nobody can listen."""
    standby = cluster.standby()
    try:
        both = empty_url.replace(f":{cluster.port}", f":{standby.port},127.0.0.1:{cluster.port}")
        waiting = waits(make(both))
        make().ring("due")
        assert waiting.result(timeout=BOUND) is True
    finally:
        standby.stop("immediate")


def test_an_address_that_is_none_is_refused_without_its_password(make: Make) -> None:
    with pytest.raises(BadSettings, match="its port is no number") as refused:
        make("postgresql://me:hunter2/x@db/jobs")
    assert "hunter2" not in str(refused.value)


def test_three_thousand_rings_are_two_notifies(empty_url: str, make: Make) -> None:
    """The first goes out at once, the others together when the interval is over; here, when the bell is closed."""
    with psycopg.connect(empty_url, autocommit=True) as raw:
        raw.execute('LISTEN "leasehold:due"')
        bell = make(interval=FOREVER)
        bell.ring("due")
        assert len(list(raw.notifies(timeout=BOUND, stop_after=1))) == 1
        for _ in range(3_000):
            bell.ring("due")
        bell.close()
        raw.execute("NOTIFY \"leasehold:due\", 'the end'")
        assert [each.payload for each in raw.notifies(timeout=BOUND, stop_after=2)] == ["", "the end"]


def test_one_topic_does_not_wait_for_the_interval_of_another(make: Make) -> None:
    """News of an end must not keep the next task waiting."""
    listener = make()
    ended, due = waits(listener, "ended"), waits(listener, "due")
    ringer = make(interval=FOREVER)
    ringer.ring("ended")
    assert ended.result(timeout=BOUND) is True
    ringer.ring("due")
    assert due.result(timeout=BOUND) is True


def test_a_forked_child_connects_for_itself(empty_url: str, make: Make) -> None:
    """It neither takes its parent's rings nor ends its connection."""
    code = """
bell.wait('due', 0)
if not os.fork():
    bell.wait('due', 0)
    print('listening', flush=True)
    print(bell.wait('due', 60_000), flush=True)
    bell.close()
    os._exit(0)
os.wait()
print(bell.wait('due', 60_000))
print(bell.wait('due', 0))
"""
    family = other_process(code, empty_url)
    assert family.stdout is not None
    assert family.stdout.readline() == "listening\n"
    make().ring("due")
    assert family.communicate(timeout=BOUND)[0] == "True\nTrue\nFalse\n"


def test_one_connection_serves_all_threads_and_is_gone_when_closed(empty_url: str, make: Make) -> None:
    bell = make()
    for topic in ("due", "ended", "reports"):
        bell.wait(topic, 0)
        bell.ring(topic)
    with psycopg.connect(empty_url, autocommit=True) as raw:
        assert raw.execute(f"SELECT count(*) {OURS}").fetchall() == [(1,)]
        bell.close()
        raw.execute(f"SELECT pg_terminate_backend(pid, 10000) {OURS}")  # waits for the end of one that is just going
        assert raw.execute(f"SELECT count(*) {OURS}").fetchall() == [(0,)]
