"""The guard holds the leash when nobody else can: the worker killed, stopped or gone, the guard itself attacked."""

import ast
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.slots import boot, guard
from leasehold.adapters.slots.orphans import is_subreaper
from leasehold.adapters.slots.pool import SlotPool
from leasehold.core.model import FailureKind
from tests.slots.bench import HANDLERS, LONG, SHORT, Held
from tests.slots.conftest import Make

ROOT = Path(__file__).parents[2]
CONTINUED = """
import os, signal
from leasehold.adapters.slots import guard
guard.TICK = 100
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
signal.signal(signal.SIGCONT, guard.wake_only)
wakers = guard.Wakers()
assert wakers.wind_up()
while os.read(woken, 512):
    wakers.wind_up()
    os.write(1, b".")
"""
WORKER = """
import sys
from tests.slots.bench import Bench
name, lease, fifo = sys.argv[1:]
bench = Bench(2)
bench.start(name, lease=int(lease), fifo=fifo)
bench.start(name, lease=int(lease), fifo=fifo)
while True:
    bench.turn()
"""

STOPPED_IN_HAND_OVER = """
import os, signal, sys
from leasehold.adapters.slots.process import Process
from tests.slots.bench import Bench
send = Process.send
def send_and_stop(process, messages):
    send(process, messages)
    os.kill(os.getpid(), signal.SIGSTOP)
Process.send = send_and_stop
name, lease, fifo = sys.argv[1:]
Bench().start(name, lease=int(lease), fifo=fifo)
"""


def children_of(pid: int) -> list[str]:
    """Ids of a process's children."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.fixture
def worker() -> Iterator["Worker"]:
    made = Worker()
    yield made
    made.process.kill()
    made.process.wait()


class Worker:
    """A process that runs two slots, to be treated badly."""

    process: subprocess.Popen[bytes]

    def start(self, name: str, held: Held, lease: int = LONG) -> None:
        self.start_program(WORKER, name, held, lease)
        held.wait_until_held()
        held.wait_until_held()

    def start_program(self, program: str, name: str, held: Held, lease: int) -> None:
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, name, str(lease), held.path], env={**os.environ, "PYTHONPATH": path}
        )


@pytest.mark.parametrize("name", ["hang", "daemonise_and_hang", "ignore_requests", "stop_itself", "hang_async"])
def test_nothing_outlives_a_worker_that_was_killed(worker: Worker, held: Held, name: str) -> None:
    worker.start(name, held)
    worker.process.kill()
    held.wait_until_free()


def test_the_spool_of_a_worker_that_was_killed_is_removed(
    worker: Worker, held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    worker.start("hang", held)
    spools = list(folder.iterdir())
    assert len(spools) == 2
    watches = [Held(spool) for spool in spools]  # something in it
    worker.process.kill()
    held.wait_until_free()
    for watch in watches:
        watch.close()


def test_the_leash_holds_while_the_worker_is_stopped(worker: Worker, held: Held) -> None:
    worker.start("ignore_requests", held, lease=4_000)
    worker.process.send_signal(signal.SIGSTOP)
    held.wait_until_free()


def test_the_leash_holds_from_the_moment_of_the_hand_over(worker: Worker, held: Held) -> None:
    """A busy machine may give a worker no time between handing a run over and whatever it does next."""
    worker.start_program(STOPPED_IN_HAND_OVER, "hang", held, lease=SHORT)
    held.wait_until_held()
    held.wait_until_free()


def test_a_guard_that_has_reported_to_a_dead_worker_tidies_up(
    worker: Worker, held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    worker.start("hang", held, lease=SHORT)
    worker.process.send_signal(signal.SIGSTOP)
    held.wait_until_free()
    guards = [os.pidfd_open(int(pid)) for pid in children_of(worker.process.pid)]
    worker.process.kill()
    for guard_process in guards:
        select.select([guard_process], [], [], 30)
        os.close(guard_process)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_run_that_the_guard_had_to_stop_overran_its_lease(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("hang", lease=SHORT, fifo=held.path)
    held.wait_until_held()
    held.wait_until_free()  # nobody turns meanwhile: this worker is busy
    assert bench.end(run_id).failure.kind is FailureKind.LEASE


def test_a_run_that_kills_its_guard_dies_with_all_that_it_started(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("kill_guard", fifo=held.path)
    held.wait_until_held()
    assert bench.end(run_id).failure.type == "GuardKilled"
    held.wait_until_free()
    assert bench.run("add", a=1).result == "3"


def test_a_run_that_stops_its_guard_is_killed_all_the_same(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("stop_guard", lease=SHORT, fifo=held.path)
    held.wait_until_held()
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    held.wait_until_free()


def test_the_guard_is_small(make: Make) -> None:
    bench = make()
    parent = bench.run("parent").result
    status = Path(f"/proc/{parent}/status").read_text()
    assert "guard.py" in Path(f"/proc/{parent}/cmdline").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 12 * 1_024


def test_the_guard_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(guard.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__"}


@pytest.mark.parametrize("name", ["CLOCK", "WORDS_BYTES", "TERM_AT", "KILL_AT", "ANNOUNCED"])
def test_guard_and_worker_mean_the_same_numbers(name: str) -> None:
    assert getattr(guard, name) == getattr(boot, name)


def test_descendants_are_found_with_and_without_the_kernels_lists() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "read x"], stdin=subprocess.PIPE) as process:
        assert process.pid in guard.children_by_kernel(os.getpid())
        assert process.pid in guard.children_by_scan(os.getpid())
        assert process.pid in guard.descendants()
        process.communicate()


def test_a_stop_that_meets_the_signal_to_continue_stops_nobody_for_good() -> None:
    """Such a stop takes the pending signal away, and the kernel never sends it again: another timer has to."""
    with subprocess.Popen([sys.executable, "-c", CONTINUED], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        awake = victim.stdout.fileno()
        os.set_blocking(awake, False)
        try:
            for _ in range(10):
                assert select.select([awake], [], [], 60)[0]
                stop_all_the_time(victim.pid, until=guard.now() + 150)  # one timer or two fall into it
                guard.drain(awake)
            assert select.select([awake], [], [], 60)[0]
        finally:
            victim.kill()


def stop_all_the_time(pid: int, until: int) -> None:
    while guard.now() < until:
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.skipif(not guard.LINUX, reason="there are no subreapers elsewhere")
@pytest.mark.parametrize("before", [False, True])
def test_a_pool_that_adopts_leaves_its_process_as_it_found_it(before: bool) -> None:
    guard.prctl(guard.PR_SET_CHILD_SUBREAPER, int(before))
    try:
        pool = SlotPool(HANDLERS, 0, env={}, adopt=True)
        assert is_subreaper()
        pool.close()
        assert is_subreaper() == before
    finally:
        guard.prctl(guard.PR_SET_CHILD_SUBREAPER, 0)
