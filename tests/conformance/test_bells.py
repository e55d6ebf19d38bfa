"""Bells within a process and across processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import TimeoutError as StillRunning
from pathlib import Path

import pytest

from leasehold.adapters.bell import FifoBell, LocalBell, NullBell
from leasehold.testing.bell_suite import FOREVER, Bells, BellSuite
from leasehold.testing.queue_bench import BOUND, in_thread

PROLOGUE = """
import os, sys
from pathlib import Path
from leasehold.adapters.bell import FifoBell
bell = FifoBell(Path(sys.argv[1]))
"""
LISTEN = "bell.wait('due', 0); print('listening', flush=True);"


class TestLocalBell(BellSuite):
    @pytest.fixture
    def bells(self) -> Bells:
        bell = LocalBell()
        return lambda: bell


class TestFifoBell(BellSuite):
    @pytest.fixture
    def bells(self, folder: Path) -> Iterator[Bells]:
        made: list[FifoBell] = []

        def make() -> FifoBell:
            made.append(FifoBell(folder))
            return made[-1]

        yield make
        for bell in made:
            bell.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db-bell"


@pytest.fixture
def bell(folder: Path) -> Iterator[FifoBell]:
    bell = FifoBell(folder)
    yield bell
    bell.close()


def other_process(code: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROLOGUE + code, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def fifos(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_another_process_wakes_us(folder: Path, bell: FifoBell) -> None:
    bell.wait("due", 0)
    other_process("bell.ring('due')", folder).communicate(timeout=BOUND)
    assert bell.wait("due", FOREVER) is True


def test_we_wake_another_process(folder: Path, bell: FifoBell) -> None:
    waiter = other_process(
        "bell.wait('due', 0); print('listening', flush=True); print(bell.wait('due', 60_000))", folder
    )
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == "listening\n"
    bell.ring("due")
    assert waiter.communicate(timeout=BOUND)[0] == "True\n"


def test_a_forked_child_listens_for_itself(folder: Path, bell: FifoBell) -> None:
    """It neither takes its parent's rings nor waits for its parent's locks."""
    code = """
bell.wait('due', 0)
bell._ropes._lock.acquire()  # as if another thread were ringing while we fork
if not os.fork():
    bell.wait('due', 0)
    print('listening', flush=True)
    sys.stdin.readline()
    print(bell.wait('due', 0), flush=True)
    os._exit(0)
os.wait()
print(bell.wait('due', 0))
"""
    family = other_process(code, folder)
    assert family.stdout is not None
    assert family.stdout.readline() == "listening\n"
    bell.ring("due")
    assert family.communicate("go on\n", timeout=BOUND)[0] == "True\nTrue\n"


def test_what_a_dead_process_left_is_removed_by_the_next_ring(folder: Path, bell: FifoBell) -> None:
    other_process("bell.wait('due', 0); os._exit(0)", folder).communicate(timeout=BOUND)
    assert len(fifos(folder)) == 1
    bell.ring("due")
    assert fifos(folder) == []


def test_a_listener_that_dies_after_it_was_rung_is_removed_too(folder: Path, bell: FifoBell) -> None:
    listener = other_process(
        "bell.wait('due', 0); print('listening', flush=True); sys.stdin.readline(); os._exit(0)", folder
    )
    assert listener.stdout is not None
    listener.stdout.readline()
    bell.ring("due")
    listener.communicate("die\n", timeout=BOUND)
    bell.ring("due")
    assert fifos(folder) == []
    bell.wait("due", 0)
    bell.ring("due")
    assert bell.wait("due", 0) is True


def test_newcomers_are_heard_at_once_though_the_folder_shows_no_change(folder: Path, bell: FifoBell) -> None:
    """Its time of change is as coarse as the kernel's tick; here it stands still, and is of the future besides."""
    this_tick = time.time_ns() + 3_600_000_000_000
    newcomers = [FifoBell(folder) for _ in range(3)]
    for newcomer in newcomers:
        newcomer.wait("due", 0)
        os.utime(folder, ns=(this_tick, this_tick))
        bell.ring("due")
        assert newcomer.wait("due", 0) is True
    for newcomer in newcomers:
        newcomer.close()


def test_nobody_is_taken_for_dead_while_he_begins_to_listen(folder: Path, bell: FifoBell) -> None:
    newcomers = [FifoBell(folder) for _ in range(50)]
    ringing = True

    def ring() -> None:
        while ringing:
            bell.ring("due")

    ringer = in_thread(ring)
    for newcomer in newcomers:
        newcomer.wait("due", 0)
    ringing = False
    ringer.result(timeout=BOUND)
    bell.ring("due")
    assert all(newcomer.wait("due", 0) for newcomer in newcomers)
    for newcomer in newcomers:
        newcomer.close()


def test_closing_removes_what_was_made(folder: Path) -> None:
    bell = FifoBell(folder)
    bell.wait("due", 0)
    bell.wait("ended", 0)
    assert len(fifos(folder)) == 2
    bell.close()
    assert fifos(folder) == []


def test_only_the_owner_may_use_it(folder: Path, bell: FifoBell) -> None:
    bell.wait("due", 0)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())]
    assert modes == [0o700, 0o600]


def test_ringing_makes_nothing(folder: Path, bell: FifoBell) -> None:
    bell.ring("due")
    assert not folder.exists()


def test_where_no_fifo_can_be_made_waits_run_to_their_end(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    bell = FifoBell(in_the_way / "bell")
    bell.ring("due")
    assert bell.wait("due", 10) is False
    waiting = in_thread(lambda: bell.wait("due", FOREVER))
    with pytest.raises(StillRunning):
        waiting.result(timeout=0.1)
    bell.close()
    assert waiting.result(timeout=BOUND) is False


def test_a_null_bell_never_rings_and_its_waits_can_be_ended() -> None:
    bell = NullBell()
    bell.ring("due")
    assert bell.wait("due", 10) is False
    waiting = in_thread(lambda: bell.wait("due", FOREVER))
    with pytest.raises(StillRunning):
        waiting.result(timeout=0.1)
    bell.close()
    assert waiting.result(timeout=BOUND) is False
