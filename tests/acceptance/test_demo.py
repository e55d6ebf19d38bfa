"""The demo as users start it: real processes, real faults, real speech."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from leasehold.assemble import Parts
from leasehold.core.model import Status
from leasehold.demo.stage import settings_of
from leasehold.flow.audit import audit
from tests.acceptance.processes import left_behind

pytest.importorskip("pocketsphinx", reason="no wheel for this machine")
pytestmark = pytest.mark.timeout(400)  # a bound for what hangs: longer than those within

KEYS = [
    "tasks",
    "completed",
    "failed",
    "retried",
    "slots_killed",
    "workers_killed",
    "lapsed",
    "resumed",
    "duplicates",
    "wer",
    "seconds",
    "audit",
    "ledger",
]
BOUND = 300
"""s: of a demo that hangs. It takes half a minute, and minutes on a busy machine."""


class Demo:
    """A demo in a process of its own, with a ledger in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "demo.db"
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *more: str) -> subprocess.Popen[str]:
        (self.folder / "leasehold.toml").write_text('ledger = "postgresql://not/this"\ncolour = "blue"\n')
        process = subprocess.Popen(
            [sys.executable, "-m", "leasehold", "demo", "--ledger", str(self.ledger), *more],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, *more: str) -> tuple[int, str, str]:
        process = self.start(*more)
        out, err = process.communicate(timeout=BOUND)
        return process.returncode, out, err

    def clean_up(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def lines_until(stream: IO[str] | None, what: str) -> Sequence[str]:
    assert stream is not None
    seen: list[str] = []
    for line in stream:
        seen.append(line)
        if what in line:
            return seen
    raise AssertionError(f"{what!r} was never said, but: {''.join(seen)}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.clean_up()


def test_everything_that_goes_wrong_is_put_right(demo: Demo) -> None:
    code, out, err = demo.run("--json")
    assert (code, err) == (0, ""), out
    figures: dict[str, Any] = json.loads(out)
    assert list(figures) == KEYS
    assert figures["tasks"] >= 24
    assert figures["completed"] == figures["tasks"] - 1
    expected = {"failed": 1, "workers_killed": 1, "slots_killed": 1, "duplicates": 0, "audit": "ok"}
    assert {key: figures[key] for key in expected} == expected
    assert figures["retried"] >= 1, figures
    assert figures["lapsed"] >= 1, figures
    assert figures["resumed"] >= 2, f"the task of the killed slot, and those of the killed node: {figures}"
    assert figures["wer"] < 0.1, figures
    assert figures["ledger"] == str(demo.ledger)
    assert left_behind(demo.folder) == []
    assert [path.name for path in demo.folder.iterdir() if path.name.startswith("leasehold-")] == []


def test_ctrl_c_stops_in_good_order_and_the_same_command_goes_on(demo: Demo) -> None:
    process = demo.start()
    said = lines_until(process.stderr, "the whole node is killed")
    assert "24 recordings to transcribe" in said[0]
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=BOUND)
    assert process.returncode == 130
    assert out.splitlines()[-2:] == [
        f"Go on:       leasehold demo --ledger {demo.ledger}",
        f"Look around: leasehold tasks ls --ledger {demo.ledger}",
    ]
    assert left_behind(demo.folder) == []
    assert_nothing_is_lost(demo, over=False)

    code, out, _ = demo.run()
    assert code == 0
    assert "24 tasks in" in out
    assert "Audit: Nothing is lost: 24 tasks, 23 completed" in out
    assert_nothing_is_lost(demo, over=True)

    code, out, _ = demo.run("--json")
    assert code == 0, "all is done, so nothing is started again"
    assert json.loads(out)["completed"] == 23


def test_ctrl_c_twice_stops_at_once_and_loses_nothing(demo: Demo) -> None:
    process = demo.start()
    lines_until(process.stderr, "of 24 ended")
    process.send_signal(signal.SIGINT)
    lines_until(process.stderr, "Ctrl-C again stops at once")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=BOUND)
    assert process.returncode == 130
    assert_nothing_is_lost(demo, over=False)
    code, out, err = demo.run("--json")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert (figures["completed"], figures["failed"], figures["duplicates"]) == (23, 1, 0)
    assert left_behind(demo.folder) == []


def assert_nothing_is_lost(demo: Demo, *, over: bool) -> None:
    parts = Parts(settings_of(str(demo.ledger)))
    verdict = audit(parts.views)
    left = {view.task.status for view in parts.views.tasks("batch:demo").rows} - {Status.COMPLETED, Status.FAILED}
    parts.close()
    assert verdict.ok, verdict.problems
    assert verdict.tasks == 24
    assert (not left) is over


def test_what_is_no_audio_fails_with_a_sentence_and_the_exit_code_says_so(demo: Demo) -> None:
    (demo.folder / "sounds").mkdir()
    (demo.folder / "sounds" / "talk.wav").write_text("this is no sound")
    code, out, err = demo.run("--input", "sounds")
    assert code == 1
    assert "talk.wav: not readable audio: it does not begin like a WAV file; convert it to WAV first" in err
    assert "1 task in" in out
    assert "expect many wrong words" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--input", "nowhere"], 2, "there is no folder {}/nowhere; name one that holds WAV files"),
        (["--input", "."], 2, "there are no WAV files in {}; put recordings there, or name another folder"),
        (["--input", "leasehold.toml"], 2, "{}/leasehold.toml is a file; name the folder that holds your WAV files"),
        (["--ledger", "/proc/demo.db"], 3, ...),
        (["--ledger", "leasehold.toml"], 3, ...),
        (["--ledger", "postgresql://127.0.0.1:1/name"], 3, ...),
        (["--ledger", "https://leasehold.example.org"], 2, ...),
    ],
)
def test_a_mistake_gets_one_sentence(demo: Demo, arguments: list[str], code: int, sentence: object) -> None:
    got, out, err = demo.run(*arguments)
    assert (got, out) == (code, "")
    assert err.startswith("leasehold: ")
    assert err.count("\n") == 1
    assert isinstance(sentence, str) is False or err == f"leasehold: {str(sentence).format(demo.folder)}\n"


def test_without_a_recogniser_the_extra_is_named(demo: Demo) -> None:
    code = "import sys; sys.modules['pocketsphinx'] = None; sys.argv[1:] = ['demo']; from leasehold.cli import main; "
    code += "main()"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=demo.folder, env=demo.environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.startswith(
        "leasehold: the demo needs the speech recogniser pocketsphinx 5.0.4. Install it with: "
    )
