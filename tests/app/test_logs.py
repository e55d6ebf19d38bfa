"""What a process says of itself: lines for people, or objects for whoever collects logs."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import leasehold
from leasehold.logs import JsonLines, set_up_logging

PROGRAM = """
from leasehold import App, TaskFailed, Unrecoverable

app = App("talks")

@app.task(lease="1m")
def fail() -> None:
    raise Unrecoverable("two\\nlines")

if __name__ == "__main__":
    handle = fail.submit()
    try:
        handle.result(timeout=100)
    except TaskFailed:
        print(handle.id)
"""


def test_a_run_is_told_with_its_ids_as_one_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(PROGRAM)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
    environ |= {
        "PYTHONPATH": str(Path(leasehold.__file__).parents[1]),
        "LEASEHOLD_LOG_FORMAT": "json",
        "LEASEHOLD_LOG_LEVEL": "debug",
    }
    done = subprocess.run(
        [sys.executable, "jobs.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    (told,) = (line for line in lines if "task" in line)
    assert told["task"] == done.stdout.strip()
    assert told["run"]
    assert told["worker"]
    assert (told["level"], told["logger"]) == ("debug", "leasehold.worker")
    assert told["message"].endswith("is over, failed: Unrecoverable: two\nlines")


def test_an_error_comes_with_its_traceback_and_stays_on_one_line() -> None:
    broken = ValueError("a\nb")
    about = (type(broken), broken, None)
    line = JsonLines().format(logging.LogRecord("leasehold.x", logging.ERROR, "", 1, "it %s", ("broke",), about))
    assert "\n" not in line
    said = json.loads(line)
    assert said["message"] == "it broke"
    assert said["error"] == "ValueError: a\nb"
    assert said["time"].endswith("+00:00")


def test_for_people_it_stays_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    kept = logging.getLogger("leasehold").handlers[:], logging.getLogger("leasehold").propagate
    try:
        set_up_logging("info")
        logging.getLogger("leasehold.x").info("said %s", 1, extra={"task": "t"})
        assert capsys.readouterr().err.endswith(" INFO leasehold.x: said 1\n")
    finally:
        logging.getLogger("leasehold").handlers[:], logging.getLogger("leasehold").propagate = kept
        logging.getLogger("leasehold").setLevel(logging.NOTSET)
