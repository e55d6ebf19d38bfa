"""The command line as people use it: processes of their own on one SQLite file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

JOBS = """
import os
from leasehold import App, Unrecoverable, current
app = App("jobs")

@app.task(lease="60s")
def transcribe(source: str, times: int = 1) -> str:
    print("hearing", source)
    if source.startswith("bad") and not os.path.exists("mended"):
        raise Unrecoverable("not a WAV file")
    return source.upper() * times

@app.task(lease="60s")
def deaf(source: str) -> str:
    with open("began", "w") as fifo:
        fifo.write(source)
    return open("began").read()  # nobody writes

@app.task(lease="60s")
def endless(source: str) -> str:
    if os.path.exists("mended"):
        return "done"
    with open("began", "w") as fifo:  # opens when the test reads it
        fifo.write(source)
    while True:
        current().save(source)
        current().check()
"""
ROWS = "source,times\na.wav,1\nb.wav,2\nbad.wav,1\nc.wav,many\n"
PATIENCE = 90


class Shell:
    """A folder in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source = Path(__file__).resolve().parents[2] / "src"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
        self.environment = {**clean, "PYTHONPATH": str(source)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "leasehold", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command to its end; what it printed."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, f"{words}: exit {process.returncode}\n{out}\n{err}"
        return out

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run it for JSON."""
        return json.loads(self.run(*words, "--json", code=code))

    def lines(self, *words: str) -> list[dict[str, Any]]:
        """Run it for JSON lines."""
        return [json.loads(line) for line in self.run(*words).splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    return Shell(tmp_path)


@pytest.fixture
def served(shell: Shell) -> Iterator[Shell]:
    """The same with an orchestrator and a worker in the foreground of somebody else."""
    shell.run("init")
    with ExitStack() as stack:
        for words in (("worker", "--app", "jobs.py", "--slots", "1"), ("orchestrator",)):
            process = stack.enter_context(shell.start(*words))
            stack.callback(process.send_signal, signal.SIGTERM)
        yield shell


def test_a_file_is_run_and_run_again(shell: Shell) -> None:
    first = shell.json("run", "jobs.py:transcribe", "rows.csv", code=1)
    assert (first["completed"], first["failed"], first["submitted"], first["rejections"]) == (2, 1, 3, 1)
    again = shell.json("run", "jobs.py:transcribe", "rows.csv", code=1)
    assert (again["completed"], again["failed"], again["submitted"], again["known"]) == (2, 1, 0, 3)
    (shell.folder / "mended").touch()
    (shell.folder / "rows.csv").write_text(ROWS.replace("many", "3"), encoding="utf-8")
    mended = shell.json("run", "jobs.py:transcribe", "rows.csv", "--retry-failed")
    assert (mended["completed"], mended["failed"], mended["submitted"]) == (4, 0, 1)
    results = {line["arguments"]["source"]: line["result"] for line in shell.lines("batch", "export", mended["batch"])}
    assert results == {"a.wav": "A.WAV", "b.wav": "B.WAVB.WAV", "bad.wav": "BAD.WAV", "c.wav": "C.WAVC.WAVC.WAV"}
    assert shell.json("audit")["ok"] is True


def test_a_shell_command_is_run_and_sees_its_values_as_they_are(shell: Shell) -> None:
    (shell.folder / "odd.csv").write_text('source,target\n$(rm -rf .),"a b;c"\n', encoding="utf-8")
    batch = shell.json("run", "printf %s|%s {source} {target}", "odd.csv", "--name", "show", "--workers", "2")["batch"]
    assert batch == "show-odd.csv"
    task = shell.lines("tasks", "ls", "--json")[0]["id"]
    assert shell.run("tasks", "logs", task).strip() == "$(rm -rf .)|a b;c"


def test_a_task_goes_through_processes_that_somebody_else_runs(served: Shell) -> None:
    done = served.run("submit", "jobs.py:transcribe", "source=a.wav").strip()
    failed = served.run("submit", "jobs.py:transcribe", "source=bad.wav", "--batch", "b").strip()
    assert served.json("wait", done, "--timeout", "80s")["completed"] == 1
    told = served.json("wait", "--batch", "b", "--timeout", "80s", code=1)
    assert told["not_completed"][0]["reason"] == "not a WAV file"
    assert served.run("tasks", "logs", done) == "hearing a.wav\n"
    assert served.json("why", failed)["explanation"].startswith("It failed at ")


def test_ctrl_c_stops_in_good_order_and_the_same_command_goes_on(shell: Shell) -> None:
    os.mkfifo(shell.folder / "began")
    with shell.start("run", "jobs.py:endless", "rows.csv", "--ignore", "times", "--slots", "1") as process:
        assert (shell.folder / "began").read_text(encoding="utf-8").endswith(".wav")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Stopping: what runs may end or save first" in err
    assert "4 tasks not ended yet; run the same command again to go on." in out
    (shell.folder / "mended").touch()
    assert shell.json("run", "jobs.py:endless", "rows.csv", "--ignore", "times")["completed"] == 4
    assert shell.json("audit")["ok"] is True


def test_a_worker_that_is_stopped_twice_ends_at_once_and_says_what_becomes_of_what_it_held(shell: Shell) -> None:
    os.mkfifo(shell.folder / "began")
    shell.run("submit", "jobs.py:deaf", "source=a.wav")
    with ExitStack() as stack:
        orchestrator = stack.enter_context(shell.start("orchestrator"))
        worker = stack.enter_context(shell.start("worker", "--app", "jobs.py"))
        stack.callback(orchestrator.kill)  # does nothing to one that has ended
        stack.callback(worker.kill)
        assert (shell.folder / "began").read_text(encoding="utf-8") == "a.wav"
        for number in (signal.SIGINT, signal.SIGTERM):  # two of one kind at once would count as one
            worker.send_signal(number)
        _, err = worker.communicate(timeout=PATIENCE)
        orchestrator.send_signal(signal.SIGINT)
        orchestrator.wait(PATIENCE)
    assert worker.returncode == 130, err
    assert "comes back when its lease ends. Nothing is lost." in err
    assert orchestrator.returncode == 0


@pytest.mark.parametrize(("words", "banner"), [(("worker", "--app", "jobs.py"), "Worker"), (("orchestrator",), "Orch")])
def test_no_process_says_that_it_serves_what_it_cannot_open(shell: Shell, words: tuple[str, ...], banner: str) -> None:
    (shell.folder / "leasehold.db").write_text("this is no database" * 100, encoding="utf-8")
    with shell.start(*words) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, err
    assert banner not in err


def test_the_doctor_finds_everything_in_order(shell: Shell) -> None:
    told = shell.json("doctor", "--app", "jobs.py")
    assert [check["check"] for check in told["checks"]] == [
        *("settings", "ledger", "store", "clock", "disk", "app", "task"),
    ]
    assert {check["state"] for check in told["checks"]} <= {"ok", "warning"}


def test_the_doctor_says_what_is_wrong(shell: Shell) -> None:
    (shell.folder / "leasehold.store").write_text("in the way", encoding="utf-8")
    told = shell.json("doctor", "--app", "gone.py", "--no-trip", code=1)
    wrong = {check["check"]: check["sentence"] for check in told["checks"] if check["state"] == "wrong"}
    assert wrong.keys() == {"store", "app"}
    assert wrong["app"] == "there is no file 'gone.py'"
