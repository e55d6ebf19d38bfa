"""How a run died is said at once, and to whom it belongs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leasehold.adapters.slots.boot import REVOKED, boot
from leasehold.adapters.slots.deaths import OutOfMemory, classify
from leasehold.adapters.slots.frames import Message
from leasehold.adapters.slots.orphans import Orphans
from leasehold.adapters.slots.process import Death, Launch, Process
from leasehold.adapters.slots.shared import Kind, Shared
from leasehold.adapters.slots.slot import Slot
from leasehold.core.model import FailureKind
from leasehold.ports.handlers import LOADER
from leasehold.ports.slots import Job
from tests.slots.bench import Bench, Held
from tests.slots.conftest import Make


def test_an_exception_is_reported_with_the_frame_that_raised_it(shared: Bench) -> None:
    failure = shared.run("fail", message="no good").failure
    assert failure.kind is FailureKind.EXCEPTION
    assert (failure.type, failure.message, failure.frame) == ("ValueError", "no good", "handlers.py:fail")
    assert failure.traceback.startswith("Traceback (most recent call last):\n  File")
    assert "leasehold/adapters" not in failure.traceback


def test_an_exception_may_say_when_to_try_again(shared: Bench) -> None:
    end = shared.run("fail_for_now")
    assert (end.after, end.unrecoverable) == (300_000, False)


def test_an_exception_may_say_that_trying_again_is_useless(shared: Bench) -> None:
    assert shared.run("fail_for_good").unrecoverable


def test_a_long_message_is_cut(shared: Bench) -> None:
    failure = shared.run("fail", message="x" * 1_000_000).failure
    assert len(failure.message) <= 2_048
    assert len(failure.traceback) <= 16_384
    assert "characters left out" in failure.message


def test_an_exception_that_cannot_say_its_message_is_reported_all_the_same(shared: Bench) -> None:
    assert "RuntimeError" in shared.run("fail_unspeakably").failure.message


def test_endless_recursion_is_an_exception(shared: Bench) -> None:
    failure = shared.run("recurse").failure
    assert (failure.type, failure.frame) == ("RecursionError", "handlers.py:recurse")


def test_running_out_of_memory_in_python_is_of_kind_memory(shared: Bench) -> None:
    assert shared.run("run_out_of_memory").failure.kind is FailureKind.MEMORY


def test_an_interruption_that_nobody_asked_for_is_a_failure(shared: Bench) -> None:
    assert shared.run("interrupt_itself").failure.type == "Interrupted"


@pytest.mark.parametrize(("code", "exit_code"), [(3, 3), (None, 0), ("bye", 1)])
def test_sys_exit_fails_the_run_and_spares_the_process(shared: Bench, code: object, exit_code: int) -> None:
    failure = shared.run("leave_by", code=code).failure
    assert (failure.kind, failure.exit_code) == (FailureKind.EXIT, exit_code)
    assert "sys.exit" in failure.message


@pytest.mark.parametrize("code", [0, 7])
def test_a_process_that_ends_itself_fails_its_run(shared: Bench, code: int) -> None:
    failure = shared.run("leave_at_once", code=code).failure
    assert (failure.kind, failure.exit_code) == (FailureKind.EXIT, code)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGHUP"])
def test_a_death_by_signal_is_named(shared: Bench, name: str) -> None:
    number = signal.Signals[name]
    failure = shared.run("die_by", number=number).failure
    assert (failure.kind, failure.type, failure.signal) == (FailureKind.SIGNAL, name, number)


def test_a_crash_leaves_its_last_words(shared: Bench) -> None:
    end = shared.run("segfault")
    assert end.failure.type == "SIGSEGV"
    assert b"about to crash" in end.log
    assert b"handlers.py" in end.log  # where it crashed, by faulthandler


def test_killing_ones_own_group_kills_nobody_else(shared: Bench) -> None:
    assert shared.run("kill_own_group").failure.type == "SIGKILL"
    assert shared.run("add", a=1).result == "3"


def test_only_the_begun_run_is_charged_and_the_others_go_on_in_a_new_process(make: Make) -> None:
    bench = make()
    bench.knows_as_short("noop")
    jobs = [
        bench.job("noop"),
        bench.job("noop"),
        bench.job("leave_at_once", code=1),
        *(bench.job("noop") for _ in "abc"),
    ]
    bench.pool.start(jobs)
    ends = [bench.end(job.run_id) for job in jobs]
    assert [type(end).__name__ for end in ends] == ["Returned"] * 2 + ["Raised"] + ["Returned"] * 3


def test_a_slot_is_of_use_again_after_a_death(make: Make) -> None:
    bench = make()
    bench.run("leave_at_once", code=1)
    assert bench.run("add", a=1).result == "3"


def test_whoever_closes_the_pipes_is_charged_and_killed(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("close_pipes", fifo=held.path)
    held.wait_until_held()
    assert bench.end(run_id).failure.type == "PipeBroken"


def test_whoever_writes_into_the_pipes_is_charged_and_killed(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("write_into_pipes", fifo=held.path)
    held.wait_until_held()
    assert bench.end(run_id).failure.type == "PipeBroken"
    held.wait_until_free()


def test_a_memory_limit_kills_and_says_so(make: Make) -> None:
    bench = make(memory_limit=200 << 20)
    assert bench.run("add", a=1).result == "3"
    failure = bench.run("grow", mebibytes=400).failure
    assert (failure.kind, failure.type) == (FailureKind.MEMORY, "MemoryLimit")


def test_a_kill_while_the_kernel_counted_one_for_memory_is_of_kind_memory(tmp_path: Path) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("low 0\noom 1\noom_kill 1\n")
    watch = OutOfMemory((tmp_path / "missing", counter))
    assert not watch.again()
    counter.write_text("low 0\noom 2\noom_kill 2\n")
    assert watch.again()
    assert not watch.again()
    assert classify(Death(signal.SIGKILL, "ended"), oom=True).kind is FailureKind.MEMORY
    assert classify(Death(signal.SIGKILL, "ended"), oom=False).kind is FailureKind.SIGNAL
    assert classify(Death(signal.SIGSEGV, "ended"), oom=True).type == "SIGSEGV"


def test_real_time_signals_have_a_number() -> None:
    assert classify(Death(40, "ended"), oom=False).type == "signal 40"


CROWDED = """
import os, sys
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
from tests.slots.bench import Bench
bench = Bench()
print(bench.run(sys.argv[2], **eval(sys.argv[3])).failure.kind)
print(bench.run("add", a=1).result)
bench.pool.close()
"""


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """A cgroup with 200 MiB of memory, where this machine lets us make one."""
    roots = [(Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max")]
    for root, limit in roots:
        folder = root / f"leasehold-test-{os.getpid()}"
        try:
            folder.mkdir()
            (folder / limit).write_text(str(200 << 20))
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            continue
        yield folder
        folder.rmdir()
        return
    pytest.skip("no cgroup with a memory limit can be made here")


@pytest.mark.parametrize(("name", "arguments"), [("grow", {"mebibytes": 600}), ("grow_in_program", {"mebibytes": 600})])
def test_what_the_kernel_kills_for_memory_is_of_kind_memory(
    small_cgroup: Path, name: str, arguments: dict[str, int]
) -> None:
    worker = subprocess.run(
        [sys.executable, "-c", CROWDED, str(small_cgroup), name, repr(arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert worker.stdout.split() == ["memory", "3"]


class Lingering(Process):
    """Its guard was killed, and its child lives a moment longer: whenever it was listened to, it begins what it may."""

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self.began: set[int] = set()

    def read(self) -> list[Message] | None:
        messages = super().read()
        self._live()
        return messages

    def death(self) -> Death | None:
        return Death(None, "guard")

    def bury(self) -> None:
        self._live()
        super().bury()

    def _live(self) -> None:
        self.began |= {seq for seq in (1, 2) if self.child_words[REVOKED] < seq}


def test_a_child_that_outlives_its_guard_begins_nothing_that_was_taken_back(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import threading\nthreading.Event().wait()\n")  # so the real child begins nothing
    returned: list[Job] = []
    launch = Launch(str(tmp_path / "app.py"), LOADER, os.environ, 0, Orphans(adopt=False))
    slot = Slot(Shared(launch, {}, 200, OutOfMemory(), returned.extend, None, lambda _name, _took: None))
    slot.process.bury()
    slot.process = lingering = Lingering(launch)
    later = boot() + 60_000
    jobs = [Job(run_id, "task", "noop", "{}", 1, 1, later, later) for run_id in ("a", "b")]
    slot.hand(jobs, Kind(is_async=False, concurrency=1))
    assert slot.death() == []
    assert returned == jobs
    assert lingering.began == set()
