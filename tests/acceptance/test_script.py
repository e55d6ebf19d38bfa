"""A script with handlers in ``__main__`` is the whole deployment: real processes, one SQLite file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from leasehold.app.connection import Connection
from leasehold.core.model import Status

Script = Callable[..., subprocess.Popen[str]]
SCRIPT = """
import os, signal, sys, threading
from leasehold import App, Retry, current

app = App("script", worker_slots=2, log_level="debug")

@app.task(lease="2m", retry=Retry(attempts=3, backoff="1ms..2ms"))
def work(number: int, how: str = "") -> int:
    run = current()
    state = run.load({"runs": 0})
    run.save({"runs": state["runs"] + 1})
    print("run", state["runs"], "of", number)
    if how == "crash" and not state["runs"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        sys.exit(3)
    if how in ("wait", "stubborn"):
        with open(os.path.join(os.path.dirname(__file__), "began"), "w") as fifo:
            fifo.write("it began")
        while how == "stubborn" or not run.interrupted:
            threading.Event().wait(0.05)
        run.check()
    return number * 2

if __name__ == "__main__":
    rows = [{"number": n, "how": how} for n, how in enumerate(sys.argv[1:])]
    batch = work.submit_many(rows, key="number", batch="b")
    print("submitted", batch.submitted, flush=True)
    for handle in batch.as_completed(timeout=60):
        view = handle.view()
        print(view.task.status, view.result, flush=True)
    app.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs.py").write_text(SCRIPT)
    return tmp_path


@pytest.fixture
def script(folder: Path) -> Iterator[Script]:
    """Starts it; none of its processes stays behind where a test fails."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with ExitStack() as stack:

        def start(*how: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "jobs.py", *how],
                cwd=folder,
                env={"PYTHONPATH": path, "PATH": os.environ["PATH"], "HOME": str(folder)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(stack.enter_context(process).kill)
            return process

        yield start


def ended(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return sorted(out.splitlines())


def look(folder: Path) -> Connection:
    return Connection({"ledger": str(folder / "leasehold.db")}, lambda: "jobs.py")


def test_a_script_submits_waits_and_ends(script: Script) -> None:
    assert ended(script("", "", "")) == ["completed 0", "completed 2", "completed 4", "submitted 3"]


def test_running_it_again_does_nothing_twice(folder: Path, script: Script) -> None:
    ended(script("", ""))
    assert ended(script("", "", ""))[-1] == "submitted 1"
    for view in look(folder).client.views.tasks("batch:b").rows:
        assert view.task.seen == 0b10, "each task has had one run"


def test_a_crashed_slot_is_noticed_at_once_and_its_task_resumes(folder: Path, script: Script) -> None:
    assert ended(script("crash"))[0] == "completed 0"
    views = look(folder).client.views
    (view,) = views.tasks("batch:b").rows
    first, second = views.runs(view.task.id)
    assert first.failure is not None
    assert first.failure.signal == signal.SIGKILL
    assert first.ended_at is not None
    assert first.lease_until is not None
    assert first.ended_at < first.lease_until - 60_000, "long before its lease ran out"
    assert "run 1 of 0" in (second.log or "")


def test_a_handler_that_exits_fails_with_its_code(folder: Path, script: Script) -> None:
    assert ended(script("exit"))[0].startswith("failed")
    views = look(folder).client.views
    (group,) = views.failures()
    assert (group.name, group.tasks, group.type) == ("work", 1, "SystemExit")


def test_ctrl_c_drains_and_nothing_is_charged_or_lost(folder: Path, script: Script) -> None:
    os.mkfifo(folder / "began")
    process = script("wait")
    assert (folder / "began").read_text() == "it began"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err
    (view,) = look(folder).client.views.tasks("batch:b").rows
    assert view.task.status is Status.PENDING, "it was given back, not lost"
    assert (view.task.losses, view.task.attempts) == (0, 0), "and nothing was charged"


def test_a_second_ctrl_c_stops_at_once_and_the_lease_brings_the_task_back(folder: Path, script: Script) -> None:
    os.mkfifo(folder / "began")
    process = script("stubborn")
    assert (folder / "began").read_text() == "it began"
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "draining" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    (view,) = look(folder).client.views.tasks("batch:b").rows
    assert view.task.status in {Status.IN_PROGRESS, Status.PENDING}
    assert view.task.attempts == 0


def test_when_the_program_that_served_ends_the_one_that_waits_goes_on(folder: Path, script: Script) -> None:
    os.mkfifo(folder / "began")
    first = script("wait")
    assert (folder / "began").read_text() == "it began"
    second = script("wait", "", "")
    assert second.stdout is not None
    assert second.stdout.readline() == "submitted 2\n"
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=100)
    assert (folder / "began").read_text() == "it began", "the second program's own worker has taken over"
    assert sorted(second.stdout.readline() for _ in range(2)) == ["completed 2\n", "completed 4\n"]
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=100)
